//! The terminal side of `vestibule dev` and `vestibule sandbox`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use web::Vars;

use super::settings::{self, RealWorkOsError, SettingError};
use super::template::{self, Template, TemplateError};
use super::{DevError, Options, RealWorkOs, card, sandbox_alone, start};
use crate::args::{DevArgs, SandboxArgs, WorkOs};
use crate::terminal::{note, say, say_json};

/// A browser may keep a connection open for as long as it likes; we do not wait for that.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the local stack does not run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Dev(#[from] DevError),
    #[error(transparent)]
    Real(#[from] RealWorkOsError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("--public-url goes with --workos real; the sandbox's product answers on localhost alone")]
    PublicUrlWithoutReal,
    #[error(".env: a line is not NAME=VALUE; a value with spaces or # needs quotes")]
    DotEnv,
    #[error("cannot read .env: {0}")]
    DotEnvFile(io::Error),
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Runs the local stack until it is told to stop.
///
/// # Errors
/// With what is in the way, and the flag that clears it.
pub async fn run(args: &DevArgs, vars: Vars) -> Result<(), CommandError> {
    let template = Template::parse(template::TEMPLATE)?;
    for (name, _) in &args.settings {
        settings::check(name, &template)?;
    }
    let real = match args.workos {
        WorkOs::Sandbox if args.public_url.is_some() => return Err(CommandError::PublicUrlWithoutReal),
        WorkOs::Sandbox => None,
        WorkOs::Real => {
            Some(RealWorkOs::from_vars(&with_dotenv(vars, Path::new(".env"))?, args.public_url.as_deref())?)
        }
    };
    let deps_port = |given: Option<u16>, usual| given.unwrap_or(if args.deps_only { usual } else { 0 });
    let mut stop = Stop::listen()?;
    let running = start(Options {
        port: args.port,
        host: args.host.clone(),
        sandbox_port: args.sandbox_port,
        dynamodb_port: deps_port(args.dynamodb_port, 8000),
        secrets_port: deps_port(args.secrets_port, 8082),
        data_dir: Some(args.data_dir.clone()),
        fresh: args.fresh,
        real,
        deps_only: args.deps_only,
        deliver: true,
        tenants: !args.deps_only,
        settings: args.settings.iter().cloned().collect::<BTreeMap<_, _>>(),
        background_deliveries: true,
        reconcile: true,
        log: true,
        ..Options::in_memory()
    })
    .await?;
    if args.json {
        say_json(&running.urls)?;
    } else {
        say(&card::card(
            &running.urls,
            &args.data_dir,
            running.events.as_deref(),
            io::stdout().is_terminal(),
        ))?;
    }
    stop.asked().await;
    stopping(running.stop(), stop).await
}

/// Runs the sandbox alone until it is told to stop.
///
/// # Errors
/// When it does not start.
pub async fn run_sandbox(args: &SandboxArgs) -> Result<(), CommandError> {
    let mut stop = Stop::listen()?;
    let running = sandbox_alone(args.port, &args.redirect_uri).await?;
    if args.json {
        say_json(&serde_json::json!({ "sandbox": running.url }))?;
    } else {
        say(&format!("The sandbox WorkOS answers at {}. Ctrl-C stops.", running.url))?;
    }
    stop.asked().await;
    stopping(running.stop(), stop).await
}

/// The two signals that mean "stop": Ctrl-C at a terminal, SIGTERM from whoever started this.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Answers what is in flight, but neither for ever nor against a second signal.
async fn stopping(stopped: impl Future<Output = ()>, mut stop: Stop) -> Result<(), CommandError> {
    tokio::select! {
        () = stopped => {}
        () = stop.asked() => note("Stopped at once; requests in flight were not answered.")?,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    Ok(())
}

/// The environment, and under it what `.env` says.
fn with_dotenv(vars: Vars, file: &Path) -> Result<Vars, CommandError> {
    let lines = match dotenvy::from_path_iter(file) {
        Ok(lines) => lines,
        Err(why) if why.not_found() => return Ok(vars),
        Err(dotenvy::Error::Io(why)) => return Err(CommandError::DotEnvFile(why)),
        Err(why) => return Err(CommandError::DotEnvFile(io::Error::other(why))),
    };
    let mut pairs = Vec::new();
    for line in lines {
        // The reader's own message quotes the line, and with it perhaps the key.
        pairs.push(line.map_err(|_| CommandError::DotEnv)?);
    }
    Ok(vars.over(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_fills_what_the_environment_leaves_open() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".env");
        let environment = || Vars::from_iter([("WORKOS_CLIENT_ID", "client_env")]);
        assert_eq!(with_dotenv(environment(), &file).unwrap().get("WORKOS_API_KEY"), None);
        std::fs::write(&file, "# keys\nWORKOS_API_KEY=sk_test_file\nWORKOS_CLIENT_ID='client_file'\n")
            .unwrap();
        let vars = with_dotenv(environment(), &file).unwrap();
        assert_eq!(vars.get("WORKOS_API_KEY"), Some("sk_test_file"));
        assert_eq!(vars.get("WORKOS_CLIENT_ID"), Some("client_env"));
        std::fs::write(&file, "WORKOS_API_KEY sk_test_canary\n").unwrap();
        let error = with_dotenv(environment(), &file).unwrap_err().to_string();
        assert!(error.starts_with(".env: ") && !error.contains("canary"), "{error}");
    }
}
