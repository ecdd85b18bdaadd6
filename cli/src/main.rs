//! The `vestibule` command. Without a verb it starts the whole product on localhost.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use vestibule::args::{Command, KeysVerb, Verb};
use vestibule::{dev, directory, events_sign, keys, logins, sessions, setup, tenants};
use web::Vars;

#[tokio::main]
async fn main() -> ExitCode {
    let Command { verb, dev } = Command::parse();
    match run(verb.unwrap_or(Verb::Dev(dev))).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing else is left to say it to when even this cannot be written.
            drop(writeln!(io::stderr(), "vestibule: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> Result<(), Box<dyn std::error::Error>> {
    let vars = Vars::from_process();
    match verb {
        Verb::Dev(args) => dev::run(&args, vars).await?,
        Verb::Sandbox(args) => dev::run_sandbox(&args).await?,
        Verb::Setup(args) => setup::run(&args, &vars).await?,
        Verb::Keys(KeysVerb::Show(args)) => keys::show(&args).await?,
        Verb::Keys(KeysVerb::Rotate(args)) => keys::rotate(&args).await?,
        Verb::Keys(KeysVerb::RevokeAll(args)) => keys::revoke_all(&args).await?,
        Verb::Tenants(verb) => tenants::run(&verb, &vars).await?,
        Verb::Logins(verb) => logins::run(&verb).await?,
        Verb::Sessions(verb) => sessions::run(&verb, &vars).await?,
        Verb::Directory(verb) => directory::run(&verb, &vars).await?,
        Verb::Events(verb) => events_sign::run(&verb).await?,
    }
    Ok(())
}
