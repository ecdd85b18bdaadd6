//! The terminal side of `vestibule keys`.

use std::io;

use comfy_table::{Table, presets};
use domain::Timestamp;
use serde_json::json;
use tokens::{KeyState, PublicKey, PublicKeys};

use super::{CACHES, KeyName, Keys, KeysError, NextStep, Promoted};
use crate::args::{DeploymentArgs, RevokeArgs, RotateArgs};
use crate::target::{self, Target, TargetError};
use crate::terminal::{ask, note, say, say_json, somebody_is_there, span, utc, wait_until};

/// Why a verb did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum KeysCommandError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("the next key is not known everywhere before {}; promote it then", utc(*.0))]
    TooEarly(Timestamp),
    #[error("nothing was revoked: the answer is not {0}")]
    NotConfirmed(String),
    #[error("nobody is there to confirm; --yes does it without")]
    NobodyThere,
    #[error(
        "how long sessions live is a parameter of the stack, and the outputs alone do not say it; \
         give the output of `aws cloudformation describe-stacks`, or no --outputs"
    )]
    SessionLife,
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// `keys show`.
///
/// # Errors
/// When there are no keys, or they cannot be read.
pub async fn show(args: &DeploymentArgs) -> Result<(), KeysCommandError> {
    let Target { keys, name, flags, longest_session } = target::keys(args).await?;
    let (published, in_step) = keys.published().await?;
    let now = keys.clock.now();
    if args.json {
        let listed: Vec<_> = published
            .keys
            .iter()
            .map(|key| json!({ "kid": key.kid, "algorithm": key.algorithm(), "state": state(key), "then": then_json(key) }))
            .collect();
        let floor = published.sessions_not_before.map(Timestamp::rfc3339);
        say_json(&json!({ "keys": listed, "published": in_step, "sessions_not_before": floor }))?;
        return Ok(());
    }
    say(&format!("Signing keys of {name}\n"))?;
    say(&table(&published, now, longest_session.map(|life| life.as_secs())))?;
    if let Some(floor) = published.sessions_not_before {
        say(&format!("\nSessions from before {} were revoked.", utc(floor)))?;
    }
    if !in_step {
        note(&format!(
            "\nwarning: not all of this is published; `vestibule keys rotate {flags}` finishes what was cut short"
        ))?;
    }
    Ok(())
}

fn table(published: &PublicKeys, now: Timestamp, session_seconds: Option<u64>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["KEY", "KIND", "STATE", "SINCE", ""]);
    for key in &published.keys {
        let (since, then) = match key.state {
            KeyState::Next { published_at } => (published_at, ready(published_at, now)),
            KeyState::Active { promoted_at, .. } => (promoted_at, "signs every new token".to_owned()),
            KeyState::Retired { retired_at, .. } => (retired_at, retires(retired_at, session_seconds)),
        };
        let cells =
            [key.kid.to_string(), key.algorithm().to_string(), state(key).to_owned(), utc(since), then];
        table.add_row(cells);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn ready(published_at: Timestamp, now: Timestamp) -> String {
    let ready_at = published_at.plus(CACHES);
    let left = ready_at.since(now);
    if left.is_zero() {
        "known everywhere; may be promoted".to_owned()
    } else {
        format!("known everywhere in {}", span(left))
    }
}

fn retires(retired_at: Timestamp, session_seconds: Option<u64>) -> String {
    session_seconds.map_or_else(
        || "verifies until its last session is over".to_owned(),
        |seconds| format!("verifies until {}", utc(retired_at.plus(std::time::Duration::from_secs(seconds)))),
    )
}

fn state(key: &PublicKey) -> &'static str {
    match key.state {
        KeyState::Next { .. } => "next",
        KeyState::Active { .. } => "active",
        KeyState::Retired { .. } => "retired",
    }
}

fn then_json(key: &PublicKey) -> serde_json::Value {
    match key.state {
        KeyState::Next { published_at } => {
            json!({ "published_at": published_at.rfc3339(), "ready_at": published_at.plus(CACHES).rfc3339() })
        }
        KeyState::Active { published_at, promoted_at } => {
            json!({ "published_at": published_at.rfc3339(), "promoted_at": promoted_at.rfc3339() })
        }
        KeyState::Retired { published_at, promoted_at, retired_at } => json!({
            "published_at": published_at.rfc3339(),
            "promoted_at": promoted_at.rfc3339(),
            "retired_at": retired_at.rfc3339(),
        }),
    }
}

/// `keys rotate`.
///
/// # Errors
/// When a step is not possible now.
pub async fn rotate(args: &RotateArgs) -> Result<(), KeysCommandError> {
    let target = target::keys(&args.keys).await?;
    let json = args.keys.json;
    let algorithm = args.algorithm.map(Into::into);
    if args.only.publish {
        let (key, ready_at) = target.keys.publish(algorithm).await?;
        return published(&target, &key, ready_at, json);
    }
    if args.only.promote {
        let done = promote(&target.keys).await?;
        return promoted(&target, &done, json);
    }
    if args.only.forget {
        let gone = target.keys.forget(target.longest_session.ok_or(KeysCommandError::SessionLife)?).await?;
        if json {
            return Ok(say_json(&json!({ "step": "forgotten", "keys": gone }))?);
        }
        if gone.is_empty() {
            say("Nothing to forget: every retired key may still be needed by a session.")?;
        }
        for kid in gone {
            say(&format!("Forgot {kid}."))?;
        }
        return Ok(());
    }
    if let Some(life) = target.longest_session {
        for kid in target.keys.forget(life).await? {
            note(&format!("Forgot {kid}: its last session is over."))?;
        }
    }
    let ready_at = match target.keys.next_step().await? {
        NextStep::Promote { ready_at } => {
            note("A next key is published already; going on from there.")?;
            ready_at
        }
        NextStep::Publish => {
            let (key, ready_at) = target.keys.publish(algorithm).await?;
            note(&format!("Published {} ({}).", key.kid, key.algorithm))?;
            ready_at
        }
    };
    note(
        "Every cache has to know it before it signs. Interrupt at will: the same command goes on from here.",
    )?;
    wait_until(ready_at, &target.keys.clock, "until caches know the key").await?;
    let done = promote(&target.keys).await?;
    promoted(&target, &done, json)
}

async fn promote(keys: &Keys) -> Result<Promoted, KeysCommandError> {
    keys.promote().await.map_err(|error| match error {
        KeysError::Rotation(tokens::RotationError::TooEarly { ready_at }) => {
            KeysCommandError::TooEarly(ready_at)
        }
        error => error.into(),
    })
}

fn published(
    target: &Target,
    key: &KeyName,
    ready_at: Timestamp,
    json: bool,
) -> Result<(), KeysCommandError> {
    if json {
        let ready_at = ready_at.rfc3339();
        let line =
            json!({ "step": "published", "kid": key.kid, "algorithm": key.algorithm, "ready_at": ready_at });
        return Ok(say_json(&line)?);
    }
    say(&format!("Published {} ({}). It signs nothing yet.", key.kid, key.algorithm))?;
    say(&format!("Promote it after {}: vestibule keys rotate {} --promote", utc(ready_at), target.flags))?;
    Ok(())
}

fn promoted(target: &Target, done: &Promoted, json: bool) -> Result<(), KeysCommandError> {
    let forget_at = target
        .longest_session
        .map(|life| target.keys.clock.now().plus(CACHES).plus(life).plus(tokens::LEEWAY));
    if json {
        let line = json!({
            "step": "promoted", "active": done.active, "retired": done.retired,
            "forget_at": forget_at.map(Timestamp::rfc3339),
        });
        return Ok(say_json(&line)?);
    }
    say(&format!(
        "{} ({}) signs from now on; functions take it up within five minutes.",
        done.active.kid, done.active.algorithm
    ))?;
    let until = forget_at.map_or_else(|| "its last session is over".to_owned(), utc);
    say(&format!("{} verifies what it signed until {until}.", done.retired.kid))?;
    say(&format!("The next rotation forgets it then, or: vestibule keys rotate {} --forget", target.flags))?;
    Ok(())
}

/// `keys revoke-all`.
///
/// # Errors
/// When it is not confirmed, or a service does not answer.
pub async fn revoke_all(args: &RevokeArgs) -> Result<(), KeysCommandError> {
    let target = target::keys(&args.keys).await?;
    if !args.yes {
        if !somebody_is_there() {
            return Err(KeysCommandError::NobodyThere);
        }
        let word = args.keys.stack.as_deref().unwrap_or("local");
        note(&format!(
            "This signs everybody out of {} and makes every token worthless, at once.",
            target.name
        ))?;
        if ask(&format!("Type {word} to go on: "))? != word {
            return Err(KeysCommandError::NotConfirmed(word.to_owned()));
        }
    }
    let (key, floor) = target.keys.revoke_all(args.algorithm.map(Into::into)).await?;
    if args.keys.json {
        let floor = floor.rfc3339();
        let line = json!({ "step": "revoked", "kid": key.kid, "algorithm": key.algorithm, "sessions_not_before": floor });
        return Ok(say_json(&line)?);
    }
    say(&format!(
        "{} ({}) is the only key. Whatever is older than {} counts no more.",
        key.kid,
        key.algorithm,
        utc(floor)
    ))?;
    say(
        "Checks know it within 30 seconds. Who signs in within these 30 seconds may have to sign in once more.",
    )?;
    Ok(())
}
