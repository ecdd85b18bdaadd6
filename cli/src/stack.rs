//! Where the parts of a deployed stack are: its outputs, from CloudFormation or from a file that somebody saved.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use serde::Deserialize;
use store::Tables;

/// What an operator needs to know of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    pub public_url: String,
    pub sign_in_endpoint: String,
    pub redirect_uri: String,
    pub jwks_url: String,
    pub identity_table: String,
    pub ephemeral_table: String,
    pub api_key_secret: String,
    pub signing_keys_secret: String,
    pub webhook_url: String,
    pub webhook_secret: String,
    /// Where the host of the public URL must point, when the stack made a custom domain.
    pub custom_domain_target: Option<String>,
    /// The parameters below are unknown when only the outputs are.
    pub workos_api_base_url: Option<String>,
    pub workos_client_id: Option<String>,
    pub longest_session: Option<Duration>,
}

/// Why a stack is not understood.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error("there is no stack {0} in this region and account; check --stack, --region and --profile")]
    NotFound(String),
    #[error("CloudFormation did not describe the stack {name}: {why}")]
    Refused { name: String, why: String },
    #[error(
        "the stack {name} ({status}) lacks the outputs {missing}; is it Vestibule's, and deployed to the end?"
    )]
    Incomplete { name: String, status: String, missing: String },
    #[error(
        "the outputs are not the JSON of `sam list stack-outputs --output json` \
         or `aws cloudformation describe-stacks`: {0}"
    )]
    NotOutputs(serde_json::Error),
}

/// Names and values of one stack.
#[derive(Default)]
struct Described {
    status: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OutputJson {
    output_key: String,
    output_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterJson {
    parameter_key: String,
    #[serde(default)]
    parameter_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StackJson {
    #[serde(default)]
    stack_status: String,
    #[serde(default)]
    outputs: Vec<OutputJson>,
    #[serde(default)]
    parameters: Vec<ParameterJson>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Saved {
    Outputs(Vec<OutputJson>),
    Stacks {
        #[serde(rename = "Stacks")]
        stacks: Vec<StackJson>,
    },
}

impl Stack {
    /// Asks CloudFormation.
    ///
    /// # Errors
    /// When there is no such stack, it may not be read, or it is not Vestibule's.
    pub async fn describe(config: &SdkConfig, name: &str) -> Result<Self, StackError> {
        let answer =
            aws_sdk_cloudformation::Client::new(config).describe_stacks().stack_name(name).send().await;
        let stacks = match answer {
            Ok(answer) => answer.stacks.unwrap_or_default(),
            Err(error) => return Err(refused(name, &error)),
        };
        let stack = stacks.into_iter().next().ok_or_else(|| StackError::NotFound(name.to_owned()))?;
        let pair = |name: Option<String>, value: Option<String>| Some((name?, value?));
        let status = stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        Self::new(
            name,
            Described {
                status,
                outputs: outputs.filter_map(|output| pair(output.output_key, output.output_value)).collect(),
                parameters: parameters.filter_map(|p| pair(p.parameter_key, p.parameter_value)).collect(),
            },
        )
    }

    /// Reads what `sam list stack-outputs --output json` or `aws cloudformation describe-stacks` wrote.
    ///
    /// # Errors
    /// When it is neither, or not of a whole stack.
    pub fn from_json(name: &str, text: &str) -> Result<Self, StackError> {
        let saved = serde_json::from_str(text).map_err(StackError::NotOutputs)?;
        let stack = match saved {
            Saved::Outputs(outputs) => {
                StackJson { stack_status: "saved outputs".into(), outputs, parameters: Vec::new() }
            }
            Saved::Stacks { stacks } => {
                stacks.into_iter().next().ok_or_else(|| StackError::NotFound(name.to_owned()))?
            }
        };
        Self::new(
            name,
            Described {
                status: stack.stack_status,
                outputs: stack.outputs.into_iter().map(|o| (o.output_key, o.output_value)).collect(),
                parameters: stack
                    .parameters
                    .into_iter()
                    .map(|p| (p.parameter_key, p.parameter_value))
                    .collect(),
            },
        )
    }

    fn new(name: &str, described: Described) -> Result<Self, StackError> {
        let Described { status, mut outputs, mut parameters } = described;
        let mut missing = Vec::new();
        let mut output = |name: &'static str| {
            outputs.remove(name).unwrap_or_else(|| {
                missing.push(name);
                String::new()
            })
        };
        let stack = Self {
            name: name.to_owned(),
            public_url: output("PublicUrl"),
            sign_in_endpoint: output("LoginUrl"),
            redirect_uri: output("RedirectUri"),
            jwks_url: output("JwksUrl"),
            identity_table: output("IdentityTableName"),
            ephemeral_table: output("EphemeralTableName"),
            api_key_secret: output("WorkosApiKeySecretArn"),
            signing_keys_secret: output("SigningKeysSecretArn"),
            webhook_url: output("WebhookUrl"),
            webhook_secret: output("WebhookSecretArn"),
            custom_domain_target: outputs.remove("CustomDomainTarget"),
            workos_api_base_url: parameters.remove("WorkosApiBaseUrl"),
            workos_client_id: parameters.remove("WorkosClientId"),
            longest_session: parameters
                .remove("SessionAbsoluteSeconds")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
        };
        if missing.is_empty() {
            return Ok(stack);
        }
        Err(StackError::Incomplete { name: stack.name, status, missing: missing.join(", ") })
    }

    pub fn tables(&self) -> Tables {
        Tables { identity: self.identity_table.clone(), ephemeral: self.ephemeral_table.clone() }
    }
}

fn refused<E, R>(name: &str, error: &SdkError<E, R>) -> StackError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    // CloudFormation has no code of its own for this.
    if error.code() == Some("ValidationError")
        && error.message().is_some_and(|text| text.contains("does not exist"))
    {
        return StackError::NotFound(name.to_owned());
    }
    let why = match error {
        SdkError::DispatchFailure(failure) if failure.is_other() => {
            format!("no usable AWS credentials, name a profile with --profile ({})", chain(error))
        }
        _ => match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            _ => chain(error),
        },
    };
    StackError::Refused { name: name.to_owned(), why }
}

/// What went wrong, cause by cause, without the SDK's inner state.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::template::{TEMPLATE, Template};
    use serde_json::{Value, json};

    fn outputs() -> Value {
        let value = |key: &str| format!("value-of-{key}");
        let keys = [
            "PublicUrl",
            "LoginUrl",
            "RedirectUri",
            "JwksUrl",
            "IdentityTableName",
            "EphemeralTableName",
            "WorkosApiKeySecretArn",
            "SigningKeysSecretArn",
            "WebhookUrl",
            "WebhookSecretArn",
        ];
        keys.iter()
            .map(|key| json!({"OutputKey": key, "OutputValue": value(key), "Description": "x"}))
            .collect()
    }

    #[test]
    fn both_kinds_of_saved_outputs_are_read() {
        let bare = Stack::from_json("prod", &outputs().to_string()).unwrap();
        assert_eq!(bare.redirect_uri, "value-of-RedirectUri");
        assert_eq!((bare.longest_session, bare.workos_client_id.as_deref()), (None, None));
        let whole = json!({"Stacks": [{
            "StackName": "prod", "StackStatus": "CREATE_COMPLETE", "Outputs": outputs(),
            "Parameters": [
                {"ParameterKey": "SessionAbsoluteSeconds", "ParameterValue": "43200"},
                {"ParameterKey": "WorkosClientId", "ParameterValue": "client_1"},
            ],
        }]});
        let whole = Stack::from_json("prod", &whole.to_string()).unwrap();
        assert_eq!(whole.longest_session, Some(Duration::from_secs(43_200)));
        assert_eq!(Stack { longest_session: None, workos_client_id: None, ..whole }, bare);
    }

    #[test]
    fn what_is_missing_is_named() {
        let half = r#"{"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE", "Outputs": []}]}"#;
        let error = Stack::from_json("prod", half).unwrap_err().to_string();
        assert!(error.contains("ROLLBACK_COMPLETE") && error.contains("SigningKeysSecretArn"), "{error}");
        assert!(matches!(Stack::from_json("prod", "{}"), Err(StackError::NotOutputs(_))));
        assert!(matches!(Stack::from_json("prod", r#"{"Stacks": []}"#), Err(StackError::NotFound(_))));
    }

    /// The names are the template's.
    #[test]
    fn the_template_has_every_output_that_is_asked_for() {
        let outputs = Template::parse(TEMPLATE).unwrap().outputs();
        let described = Described {
            outputs: outputs.into_iter().map(|name| (name, "x".to_owned())).collect(),
            ..Described::default()
        };
        assert!(Stack::new("prod", described).unwrap().custom_domain_target.is_some());
    }
}
