//! The terminal side of `vestibule sessions`.

use std::io;
use std::time::Duration;

use domain::tenant_settings::Slug;
use domain::{Clock, OrganizationId, Rng, UserId};
use serde_json::{Value, json};
use store::{SessionAndUser, Store, StoreError};
use web::Vars;

use super::args::{EndArgs, ListArgs, SessionsVerb, WhoseArgs};
use super::{SessionPage, Sessions, SessionsError};
use crate::args::DeploymentArgs;
use crate::operator;
use crate::target::{self, TargetError};
use crate::tenants::words;
use crate::terminal::{ask, note, say, say_json, somebody_is_there, utc};

/// Why a verb did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SessionsCommandError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    #[error("there is no tenant {0} here")]
    Tenant(String),
    #[error("--after names a place in {0}, which is another tenant's list")]
    OtherList(OrganizationId),
    #[error("no account of the tenant with that address has signed in lately, so none is signed in")]
    NoAccount,
    #[error(
        "how long sessions live is a parameter of the stack, and the outputs alone do not say it; give --since, \
         or the output of `aws cloudformation describe-stacks`, or no --outputs"
    )]
    SessionLife,
    #[error("nothing was ended: the answer is not {0}")]
    NotConfirmed(String),
    #[error("nobody is there to confirm; --yes does it without")]
    NobodyThere,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] net::BuildError),
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Does what was typed.
///
/// # Errors
/// With what is in the way.
pub async fn run(verb: &SessionsVerb, vars: &Vars) -> Result<(), SessionsCommandError> {
    match verb {
        SessionsVerb::List(args) => list(args, vars).await,
        SessionsVerb::End(args) => end(args, vars).await,
    }
}

/// Whose sessions are meant, with the tenant known.
enum Whose {
    User(OrganizationId, UserId),
    Tenant(OrganizationId),
    Everybody,
}

async fn open(
    deployment: &DeploymentArgs,
    whose: &WhoseArgs,
    looks_back: bool,
    vars: &Vars,
) -> Result<Sessions, SessionsCommandError> {
    let place = target::place(deployment, &net::client()?).await?;
    let (clock, rng) = (Clock::system(), Rng::system());
    let longest = match whose.since.or(place.longest_session) {
        Some(longest) => longest,
        None if looks_back => return Err(SessionsCommandError::SessionLife),
        None => Duration::ZERO,
    };
    Ok(Sessions {
        store: Store::new(&place.config, place.tables, rng.clone()),
        clock,
        rng,
        operator: operator::name(vars),
        longest,
    })
}

async fn tenant(store: &Store, name: &str) -> Result<OrganizationId, SessionsCommandError> {
    if let Ok(id) = OrganizationId::parse(name) {
        return Ok(id);
    }
    let unknown = || SessionsCommandError::Tenant(name.to_owned());
    let slug = Slug::parse(name).map_err(|_| unknown())?;
    store.organization_by_slug(&slug).await?.ok_or_else(unknown)
}

/// Several, where several accounts share the address.
async fn meant(sessions: &Sessions, whose: &WhoseArgs) -> Result<Vec<Whose>, SessionsCommandError> {
    let organization = match &whose.organization {
        Some(name) => Some(tenant(&sessions.store, name).await?),
        None => None,
    };
    Ok(match (organization, &whose.user, &whose.email) {
        (Some(organization), Some(user), _) => vec![Whose::User(organization, user.clone())],
        (None, Some(user), _) => vec![Whose::User(sessions.organization_of(user).await?, user.clone())],
        (Some(organization), None, Some(email)) => {
            let accounts = sessions.accounts(&organization, email).await?;
            if accounts.is_empty() {
                return Err(SessionsCommandError::NoAccount);
            }
            accounts.into_iter().map(|user| Whose::User(user.organization, user.id)).collect()
        }
        (Some(organization), None, None) => vec![Whose::Tenant(organization)],
        (None, None, _) => vec![Whose::Everybody],
    })
}

async fn list(args: &ListArgs, vars: &Vars) -> Result<(), SessionsCommandError> {
    let sessions = open(&args.deployment, &args.whose, args.whose.user.is_none(), vars).await?;
    let limit = (!args.no_limit).then_some(args.limit);
    let mut page = SessionPage::default();
    for whose in meant(&sessions, &args.whose).await? {
        match whose {
            Whose::User(organization, user) => {
                page.sessions.extend(sessions.of_user(&organization, &user).await?);
            }
            Whose::Tenant(organization) => {
                let after = match &args.after {
                    Some(place) if place.organization != organization => {
                        return Err(SessionsCommandError::OtherList(place.organization.clone()));
                    }
                    place => place.clone().and_then(|place| place.after),
                };
                page = sessions.of_tenant(&organization, after, limit).await?;
            }
            Whose::Everybody => page = sessions.of_everybody(args.after.clone(), limit).await?,
        }
    }
    let next = page.next.map(|place| place.to_string());
    if args.deployment.json {
        let all: Vec<Value> = page.sessions.iter().map(described).collect();
        say_json(&json!({ "sessions": all, "next": next }))?;
        return Ok(());
    }
    if page.sessions.is_empty() {
        note("Nobody is signed in.")?;
    } else {
        say(&table(&page.sessions, args.whose.all))?;
    }
    if let Some(next) = next {
        note(&format!("\nThere are more: --after {next}"))?;
    }
    Ok(())
}

fn described(one: &SessionAndUser) -> Value {
    let SessionAndUser { session, user } = one;
    json!({
        "id": session.id,
        "organization": session.organization,
        "user": session.user,
        "email": user.email.as_ref().map(ToString::to_string),
        "connection": session.connection,
        "roles": session.roles,
        "amr": session.amr,
        "device": session.device,
        "created_at": session.created_at.rfc3339(),
        "last_seen_at": session.last_seen_at.rfc3339(),
        "ends_at": session.ends_at().rfc3339(),
    })
}

fn table(sessions: &[SessionAndUser], with_tenant: bool) -> String {
    let mut header = vec!["SESSION", "USER", "E-MAIL", "BEGAN", "LAST SEEN", "BROWSER"];
    if with_tenant {
        header.insert(0, "TENANT");
    }
    let mut table = words::table(&header);
    for SessionAndUser { session, user } in sessions {
        let mut row = vec![
            session.id.to_string(),
            session.user.to_string(),
            user.address(),
            utc(session.created_at),
            utc(session.last_seen_at),
            session.device.clone(),
        ];
        if with_tenant {
            row.insert(0, session.organization.to_string());
        }
        table.add_row(row);
    }
    words::lines(&table)
}

async fn end(args: &EndArgs, vars: &Vars) -> Result<(), SessionsCommandError> {
    if args.whose.all {
        confirm(args)?;
    }
    // Whoever is named by id, a customer and everybody are ended without looking at sign-ins.
    let sessions = open(&args.deployment, &args.whose, args.whose.email.is_some(), vars).await?;
    let json = args.deployment.json;
    let mut ended = Vec::new();
    for whose in meant(&sessions, &args.whose).await? {
        match (whose, &args.session) {
            (Whose::User(organization, user), Some(session)) => {
                sessions.end_one(&organization, &user, session).await?;
                ended.push(json!({ "organization": organization, "user": user, "session": session }));
                if !json {
                    say(&format!("Ended {session} of {user} in {organization}."))?;
                }
            }
            (Whose::User(organization, user), None) => {
                sessions.end_user(&organization, &user).await?;
                if !json {
                    say(&format!("Ended all sessions of {user} in {organization}."))?;
                }
                ended.push(json!({ "organization": organization, "user": user }));
            }
            (Whose::Tenant(organization), _) => {
                sessions.end_tenant(&organization).await?;
                if !json {
                    say(&format!("Ended all sessions of {organization}."))?;
                }
                ended.push(json!({ "organization": organization }));
            }
            (Whose::Everybody, _) => {
                let done = sessions.end_everybody(&mut |_| {}).await?;
                if json {
                    let floor = done.not_before.rfc3339();
                    return Ok(say_json(&json!({ "sessions_not_before": floor, "tenants": done.tenants }))?);
                }
                say(&format!(
                    "Ended everybody's sessions, in {} tenants: whatever began before {} counts no more.",
                    done.tenants,
                    utc(done.not_before)
                ))?;
                note("The signing keys stay. If one leaked, run `vestibule keys revoke-all` as well.")?;
            }
        }
    }
    if json {
        say_json(&json!({ "ended": ended }))?;
    }
    Ok(())
}

/// Everybody out is not a thing for a slip of the hand.
fn confirm(args: &EndArgs) -> Result<(), SessionsCommandError> {
    if args.yes {
        return Ok(());
    }
    if !somebody_is_there() {
        return Err(SessionsCommandError::NobodyThere);
    }
    let word = args.deployment.stack.as_deref().unwrap_or("local");
    note("This signs everybody out, of every customer.")?;
    if ask(&format!("Type {word} to go on: "))? == word {
        Ok(())
    } else {
        Err(SessionsCommandError::NotConfirmed(word.to_owned()))
    }
}
