//! What can be typed after `vestibule logins`.

use std::time::Duration;

use clap::{Args, Subcommand};
use domain::EmailAddress;

use crate::args::DeploymentArgs;

/// What became of logins, for fourteen days.
#[derive(Debug, Subcommand)]
pub enum LoginsVerb {
    /// List logins, newest first
    List(ListArgs),
    /// Tell one login step by step: why did it fail, and what helps?
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// Logins of this tenant, by organization id or slug [default: logins whose tenant was never known]
    #[arg(long, value_name = "ORG")]
    pub organization: Option<String>,
    /// Only logins of this person; without --organization at every tenant that verified the address's domain. Traces
    /// keep an address as a…@acme.com, so others with the same first letter are among them
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    pub email: Option<EmailAddress>,
    /// Only logins that failed
    #[arg(long)]
    pub failed: bool,
    /// How far back, e.g. 30m, 24h, 14d
    #[arg(long, default_value = "24h", value_parser = span)]
    pub since: Duration,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The reference on the error page, or the id of a login in the list
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// Only if it was a login of this tenant; needed with the id of a login whose tenant is known
    #[arg(long, value_name = "ORG")]
    pub organization: Option<String>,
}

fn email(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|why| why.to_string())
}

pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "is a number with s, m, h or d, such as 24h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u32 = text.strip_suffix(unit).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_with_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("14d"), Ok(Duration::from_secs(14 * 86_400)));
        for wrong in ["", "h", "24", "-1h", "1.5h", "1 h", "1w", "é"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
