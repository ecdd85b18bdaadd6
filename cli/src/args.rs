//! What can be typed. One struct for each verb; help texts are the first documentation an operator meets.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::directory::args::DirectoryVerb;
use crate::events_sign::EventsVerb;
use crate::logins::args::LoginsVerb;
use crate::sessions::args::SessionsVerb;
use crate::signing_key::SigningAlgorithm;
use crate::tenants::args::TenantsVerb;

/// Enterprise single sign-on in front of WorkOS.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, about)]
pub struct Command {
    #[command(subcommand)]
    pub verb: Option<Verb>,
    #[command(flatten)]
    pub dev: DevArgs,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Start the whole product on localhost (the default)
    Dev(DevArgs),
    /// Start the sandbox WorkOS alone
    Sandbox(SandboxArgs),
    /// Give a deployed stack its WorkOS API key and its first signing key; safe to repeat
    Setup(SetupArgs),
    /// Look at the signing keys of a deployed stack, rotate them, or revoke everything they signed
    #[command(subcommand)]
    Keys(KeysVerb),
    /// The customers of a deployment: made, listed, changed, looked after
    #[command(subcommand)]
    Tenants(TenantsVerb),
    /// Why a login failed
    #[command(subcommand)]
    Logins(LoginsVerb),
    /// Who is signed in, and how to end it: for a person, a customer, everybody
    #[command(subcommand)]
    Sessions(SessionsVerb),
    /// Directory sync: what arrived, what became of it, and how to make good what was missed
    #[command(subcommand)]
    Directory(DirectoryVerb),
    /// Sample events, to invoke a function with
    #[command(subcommand)]
    Events(EventsVerb),
}

#[derive(Debug, Args)]
pub struct DevArgs {
    /// Port of the product; 0 for any free one
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Name under which browsers call the product: localhost, or one that ends in .localhost to try sibling hosts
    #[arg(long, value_name = "HOST", default_value = "localhost", conflicts_with = "public_url")]
    pub host: String,
    /// Port of the sandbox WorkOS; 0 for any free one
    #[arg(long, default_value_t = 8081)]
    pub sandbox_port: u16,
    /// Port of the embedded DynamoDB; 0 for any free one [default: 0, with --deps-only 8000]
    #[arg(long)]
    pub dynamodb_port: Option<u16>,
    /// Port of the stand-in for Secrets Manager; 0 for any free one [default: 0, with --deps-only 8082]
    #[arg(long)]
    pub secrets_port: Option<u16>,
    /// Where state survives a restart
    #[arg(long, default_value = ".vestibule")]
    pub data_dir: PathBuf,
    /// Forget the state of earlier runs
    #[arg(long)]
    pub fresh: bool,
    /// Which WorkOS to sign in through; `real` reads WORKOS_API_KEY, WORKOS_CLIENT_ID and WORKOS_REDIRECT_URI from the
    /// environment or .env
    #[arg(long, value_enum, default_value_t = WorkOs::Sandbox)]
    pub workos: WorkOs,
    /// With --workos real: the https address that leads to this machine
    #[arg(long)]
    pub public_url: Option<String>,
    /// Start what the functions need, with fixtures for the sample events, and not the functions: for
    /// `cargo lambda invoke` and `sam local invoke`
    #[arg(long)]
    pub deps_only: bool,
    /// A setting of the functions, e.g. IDP_INITIATED=restart; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Print one line of JSON with the base URLs once everything answers
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkOs {
    Sandbox,
    Real,
}

#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Port to listen on; 0 for any free one
    #[arg(long, default_value_t = 8081)]
    pub port: u16,
    /// Where logins that start at the IdP land: the redirect URI of the app under test
    #[arg(long, default_value = "http://localhost:8080/auth/callback")]
    pub redirect_uri: String,
    /// Print one line of JSON with the base URL once it answers
    #[arg(long)]
    pub json: bool,
}

/// A deployed stack, and the way to it.
#[derive(Debug, Args)]
pub struct StackArgs {
    /// Name of the CloudFormation stack
    #[arg(long, value_name = "NAME")]
    pub stack: String,
    /// Read the stack's outputs from this file instead of asking CloudFormation: what
    /// `aws cloudformation describe-stacks` or `sam list stack-outputs --output json` printed
    #[arg(long, value_name = "FILE")]
    pub outputs: Option<PathBuf>,
    #[command(flatten)]
    pub aws: AwsArgs,
}

#[derive(Debug, Args)]
pub struct AwsArgs {
    /// AWS region [default: as AWS_REGION or the profile says]
    #[arg(long)]
    pub region: Option<String>,
    /// Profile of the AWS configuration files
    #[arg(long)]
    pub profile: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The WorkOS API key is read from --api-key-file, from the environment variable WORKOS_API_KEY, or \
asked for at the terminal; never from an argument or from .env.\n\n\
Needs the right to cloudformation:DescribeStacks, secretsmanager:GetSecretValue, PutSecretValue and \
UpdateSecretVersionStage on the stack's three secrets, dynamodb:GetItem and PutItem on its identity table."
)]
pub struct SetupArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// File that holds the WorkOS API key; - for standard input
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// Put a new API key in place of the one that is stored
    #[arg(long)]
    pub rotate_api_key: bool,
    /// File that holds the secret of the webhook endpoint at WorkOS, for directory sync; - for standard input. Also read
    /// from WORKOS_WEBHOOK_SECRET_VALUE
    #[arg(long, value_name = "FILE")]
    pub webhook_secret_file: Option<PathBuf>,
    /// Put a new webhook secret in place of the one that is stored; both count until the one before is forgotten
    #[arg(long)]
    pub rotate_webhook_secret: bool,
    /// Let only the current webhook secret count
    #[arg(long, conflicts_with = "rotate_webhook_secret")]
    pub forget_previous_webhook_secret: bool,
    /// Do not ask WorkOS whether it knows the API key
    #[arg(long)]
    pub no_verify: bool,
    /// Kind of the first signing key
    #[arg(long, value_enum, default_value_t = SigningAlgorithm::Es256)]
    pub algorithm: SigningAlgorithm,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum KeysVerb {
    /// List the keys, what each does and until when
    Show(DeploymentArgs),
    /// Follow the signing key with a new one, without a single refusal: publish, wait ten minutes until every cache
    /// knows it, promote. May be interrupted; goes on where it stopped
    Rotate(RotateArgs),
    /// EMERGENCY, for a leaked key: a new key at once, and everybody is signed out
    RevokeAll(RevokeArgs),
}

/// A deployed stack, or the local one that is running.
#[derive(Debug, Args)]
pub struct DeploymentArgs {
    /// Name of the CloudFormation stack
    #[arg(long, value_name = "NAME", required_unless_present = "local", conflicts_with = "local")]
    pub stack: Option<String>,
    /// Read the stack's outputs from this file instead of asking CloudFormation
    #[arg(long, value_name = "FILE", requires = "stack")]
    pub outputs: Option<PathBuf>,
    #[command(flatten)]
    pub aws: AwsArgs,
    /// The running `vestibule dev` instead of a stack
    #[arg(long)]
    pub local: bool,
    /// With --local: its data directory
    #[arg(long, default_value = ".vestibule", conflicts_with = "stack")]
    pub data_dir: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct RotateArgs {
    #[command(flatten)]
    pub keys: DeploymentArgs,
    #[command(flatten)]
    pub only: OnlyStep,
    /// Kind of the new key [default: that of the active key]
    #[arg(long, value_enum, conflicts_with_all = ["promote", "forget"])]
    pub algorithm: Option<SigningAlgorithm>,
}

/// A single step, for pipelines that wait by themselves.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct OnlyStep {
    /// Only publish the next key
    #[arg(long)]
    pub publish: bool,
    /// Only promote the published key; fails while caches may not know it
    #[arg(long)]
    pub promote: bool,
    /// Only drop retired keys whose last session is over
    #[arg(long)]
    pub forget: bool,
}

#[derive(Debug, Args)]
pub struct RevokeArgs {
    #[command(flatten)]
    pub keys: DeploymentArgs,
    /// Kind of the new key [default: that of the active key]
    #[arg(long, value_enum)]
    pub algorithm: Option<SigningAlgorithm>,
    /// Do not ask for the stack's name first
    #[arg(long)]
    pub yes: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("needs NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Command::try_parse_from(std::iter::once("vestibule").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definitions_are_sound() {
        Command::command().debug_assert();
    }

    #[test]
    fn without_a_verb_it_is_dev() {
        let command = parse("--port 0 --set APP_NAME=Harbor").unwrap();
        assert!(command.verb.is_none());
        assert_eq!(command.dev.settings, [("APP_NAME".to_owned(), "Harbor".to_owned())]);
    }

    #[test]
    fn keys_belong_to_a_stack_or_to_the_local_one() {
        for fine in [
            "keys show --stack prod",
            "keys show --local",
            "keys rotate --stack p --publish --algorithm rs256",
        ] {
            assert!(parse(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "keys show",
            "keys show --local --stack prod",
            "keys show --data-dir x --stack prod",
            "keys rotate --stack p --publish --promote",
            "keys rotate --stack p --promote --algorithm rs256",
            "setup",
            "setup --stack p --api-key sk_live_x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
