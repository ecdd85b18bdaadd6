//! What a verb works on: a deployed stack, or the local one that is running.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::SdkConfig;
use domain::{Clock, Rng};
use store::{Store, Tables};

use crate::args::{DeploymentArgs, StackArgs};
use crate::dev::{self, RunningFileError};
use crate::keys::Keys;
use crate::operator::{self, OperatorError};
use crate::secret_store::SecretStore;
use crate::stack::{Stack, StackError};

/// Why there is nothing to work on.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("cannot read {file}: {why}")]
    File { file: String, why: io::Error },
    #[error("give --stack NAME, or --local for the running `vestibule dev`")]
    Nothing,
    #[error(transparent)]
    Local(#[from] RunningFileError),
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] net::BuildError),
}

/// A deployment's keys, and what is said about it.
pub(crate) struct Target {
    pub(crate) keys: Keys,
    pub(crate) name: String,
    /// How the deployment is named on the command line.
    pub(crate) flags: String,
    /// `None` where only the stack's outputs are known.
    pub(crate) longest_session: Option<Duration>,
}

/// Where a deployment's parts are.
pub(crate) struct Place {
    pub(crate) config: SdkConfig,
    pub(crate) tables: Tables,
    pub(crate) api_key_secret: String,
    /// `None` where only the stack's outputs are known.
    pub(crate) workos_base_url: Option<String>,
    pub(crate) public_url: String,
    /// How the deployment is named on the command line.
    pub(crate) flags: String,
    /// `None` where only the stack's outputs are known.
    pub(crate) longest_session: Option<Duration>,
}

/// The deployment that these arguments mean.
pub(crate) async fn place(args: &DeploymentArgs, http: &reqwest::Client) -> Result<Place, TargetError> {
    if args.local {
        let local = dev::running(&args.data_dir)?;
        return Ok(Place {
            config: local.sdk_config(http.clone()),
            longest_session: Some(local.longest_session()),
            tables: dev::tables(),
            api_key_secret: dev::API_KEY_SECRET.to_owned(),
            workos_base_url: Some(local.workos),
            public_url: local.app,
            flags: local_flags(&args.data_dir),
        });
    }
    let name = args.stack.as_deref().ok_or(TargetError::Nothing)?;
    let config = operator::sdk_config(http, args.aws.region.as_deref(), args.aws.profile.as_deref()).await?;
    let stack = found(&config, name, args.outputs.as_deref()).await?;
    Ok(Place {
        longest_session: stack.longest_session,
        tables: stack.tables(),
        api_key_secret: stack.api_key_secret,
        workos_base_url: stack.workos_api_base_url,
        public_url: stack.public_url,
        flags: format!("--stack {name}"),
        config,
    })
}

/// A stack and the way to it.
pub(crate) async fn stack(
    http: &reqwest::Client,
    args: &StackArgs,
) -> Result<(SdkConfig, Stack), TargetError> {
    let config = operator::sdk_config(http, args.aws.region.as_deref(), args.aws.profile.as_deref()).await?;
    let stack = found(&config, &args.stack, args.outputs.as_deref()).await?;
    Ok((config, stack))
}

/// The keys that these arguments mean.
pub(crate) async fn keys(args: &DeploymentArgs) -> Result<Target, TargetError> {
    let http = net::client()?;
    let (clock, rng) = (Clock::system(), Rng::system());
    if args.local {
        let local = dev::running(&args.data_dir)?;
        let config = local.sdk_config(http);
        return Ok(Target {
            name: "the local stack".to_owned(),
            flags: local_flags(&args.data_dir),
            longest_session: Some(local.longest_session()),
            keys: Keys {
                store: Store::new(&config, dev::tables(), rng.clone()),
                secrets: SecretStore::new(&config),
                secret: dev::SIGNING_KEYS_SECRET.to_owned(),
                clock,
                rng,
            },
        });
    }
    let name = args.stack.as_deref().ok_or(TargetError::Nothing)?;
    let config = operator::sdk_config(&http, args.aws.region.as_deref(), args.aws.profile.as_deref()).await?;
    let stack = found(&config, name, args.outputs.as_deref()).await?;
    Ok(Target {
        flags: format!("--stack {name}"),
        longest_session: stack.longest_session,
        keys: Keys {
            store: Store::new(&config, stack.tables(), rng.clone()),
            secrets: SecretStore::new(&config),
            secret: stack.signing_keys_secret,
            clock,
            rng,
        },
        name: stack.name,
    })
}

fn local_flags(data_dir: &Path) -> String {
    if data_dir == Path::new(".vestibule") {
        "--local".to_owned()
    } else {
        format!("--local --data-dir {}", data_dir.display())
    }
}

async fn found(config: &SdkConfig, name: &str, outputs: Option<&Path>) -> Result<Stack, TargetError> {
    match outputs {
        None => Ok(Stack::describe(config, name).await?),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|why| TargetError::File { file: PathBuf::from(file).display().to_string(), why })?;
            Ok(Stack::from_json(name, &text)?)
        }
    }
}
