//! What can be typed after `vestibule sessions`.

use std::time::Duration;

use clap::{Args, Subcommand};
use domain::{EmailAddress, SessionId, UserId};

use super::Place;
use crate::args::DeploymentArgs;
use crate::logins::args::span;

/// Who is signed in.
#[derive(Debug, Subcommand)]
pub enum SessionsVerb {
    /// List the sessions that are alive, newest first
    List(ListArgs),
    /// End sessions at once; who is signed in has to sign in again
    End(EndArgs),
}

/// Whose sessions.
#[derive(Debug, Args)]
pub struct WhoseArgs {
    /// One person; without --organization their tenant is looked for
    #[arg(long, value_name = "USER", value_parser = UserId::parse, conflicts_with = "email")]
    pub user: Option<UserId>,
    /// The accounts with this e-mail address, in the tenant that --organization names
    #[arg(long, value_name = "ADDRESS", value_parser = email, requires = "organization")]
    pub email: Option<EmailAddress>,
    /// One customer: organization id or slug
    #[arg(long, value_name = "ORG", visible_alias = "tenant", required_unless_present_any = ["user", "all"])]
    pub organization: Option<String>,
    /// Everybody
    #[arg(long, conflicts_with_all = ["user", "email", "organization"])]
    pub all: bool,
    /// How far back sign-ins are looked at, e.g. 24h, 30d [default: as long as a session can live by the stack's
    /// settings]. Give more after those were lowered: sessions from before keep their life
    #[arg(long, value_parser = span, conflicts_with = "user")]
    pub since: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub whose: WhoseArgs,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// As many as there are
    #[arg(long, conflicts_with = "limit")]
    pub no_limit: bool,
    /// Begin after this place, as the list before named it
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["user", "email"])]
    pub after: Option<Place>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A person's and a customer's sessions end at the next request that is checked strictly, and at \
/auth/session; a check by signature alone lets their tokens in until those expire. With --all such checks refuse \
within half a minute too.\n\n\
The signing keys stay. A key that leaked makes new tokens; against that helps only `vestibule keys revoke-all`.\n\n\
Needs the right to dynamodb:GetItem, BatchGetItem, Query, UpdateItem and PutItem on the identity table."
)]
pub struct EndArgs {
    #[command(flatten)]
    pub whose: WhoseArgs,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// Only this session of the user
    #[arg(long, value_name = "SESSION", value_parser = SessionId::parse, requires = "user")]
    pub session: Option<SessionId>,
    /// With --all: do not ask for the stack's name first
    #[arg(long)]
    pub yes: bool,
}

fn email(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use crate::args::Command;
    use clap::Parser;

    fn accepted(line: &str) -> bool {
        Command::try_parse_from(["vestibule", "sessions"].into_iter().chain(line.split_whitespace())).is_ok()
    }

    #[test]
    fn sessions_are_somebodys() {
        for fine in [
            "list --organization acme --local",
            "list --tenant org_1 --stack prod --limit 1000 --json",
            "list --user user_1 --stack prod",
            "list --all --no-limit --since 30d --local",
            "list --all --after org_1:01JDJ0T2V0ABCDEFGHJKMNPQRS --local",
            "end --user user_1 --organization org_1 --local",
            "end --user user_1 --session sess_1 --local",
            "end --email ada@acme.com --organization acme --local",
            "end --all --yes --stack prod",
        ] {
            assert!(accepted(fine), "{fine}");
        }
        for wrong in [
            "list --local",
            "list --organization acme",
            "list --organization acme --limit 0 --local",
            "list --organization acme --after nowhere --local",
            "end --local",
            "end --email ada@acme.com --local",
            "end --email ada --organization acme --local",
            "end --user ada@acme.com --local",
            "end --all --organization acme --local",
            "end --organization acme --session sess_1 --local",
        ] {
            assert!(!accepted(wrong), "{wrong}");
        }
    }
}
