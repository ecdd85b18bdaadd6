//! The account page: who is signed in, for which company, and where else.
//!
//! Ending a session is a form with POST, never a link. Times are words made here: the page has no script that could
//! put them into the reader's time zone, so absolute ones say UTC.

use domain::{SessionId, Timestamp};

use super::device::device_name;
use super::link::Link;

#[derive(Debug, Clone)]
pub struct Account {
    pub name: Option<String>,
    pub email: String,
    pub company: String,
    /// The live sessions of this person, the present one included.
    pub sessions: Vec<AccountSession>,
    /// What became of the form that led here.
    pub notice: Option<AccountNotice>,
    pub now: Timestamp,
    /// Takes a POST with the field `session`.
    pub end_one: Link,
    /// Takes a POST.
    pub end_others: Link,
    /// The page that asks.
    pub sign_out: Link,
}

#[derive(Debug, Clone)]
pub struct AccountSession {
    pub id: SessionId,
    /// The user agent that started it.
    pub device: String,
    pub started: Timestamp,
    pub last_seen: Timestamp,
    /// The session that asks for the page.
    pub current: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNotice {
    Ended,
    /// It is not among the person's: ended long ago, or never theirs. Which of the two is nobody's business.
    Gone,
    OthersEnded,
    /// Nothing was ended.
    Failed,
}

impl AccountNotice {
    /// For the query string of the redirect after the POST.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Gone => "gone",
            Self::OthersEnded => "others_ended",
            Self::Failed => "failed",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Ended, Self::Gone, Self::OthersEnded, Self::Failed]
            .into_iter()
            .find(|notice| notice.code() == code)
    }

    pub(super) const fn is_failure(self) -> bool {
        matches!(self, Self::Failed)
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Ended => "The session was ended.",
            Self::Gone => "That session is not there any more.",
            Self::OthersEnded => "All other sessions were ended.",
            Self::Failed => "That did not work, and nothing was ended. Please try again.",
        }
    }
}

impl Account {
    pub(super) fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }

    pub(super) fn ago(&self, moment: &Timestamp) -> String {
        let seconds = self.now.since(*moment).as_secs();
        let (number, unit) = match seconds {
            0..60 => return "just now".to_owned(),
            60..3600 => (seconds / 60, "minute"),
            3600..86_400 => (seconds / 3600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
    }

    /// `25 Nov 2026, 08:30 UTC`.
    pub(super) fn moment(&self, moment: &Timestamp) -> String {
        let text = moment.rfc3339();
        readable(&text).unwrap_or(text)
    }
}

impl AccountSession {
    pub(super) fn device_name(&self) -> String {
        device_name(&self.device)
    }
}

/// `2026-11-25T08:30:00Z` → `25 Nov 2026, 08:30 UTC`.
fn readable(rfc3339: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, time) = rfc3339.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{} {month} {year}, {} UTC", day.trim_start_matches('0'), time.get(..5)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_readable() {
        assert_eq!(readable("2026-01-05T08:30:00.093Z").as_deref(), Some("5 Jan 2026, 08:30 UTC"));
        assert_eq!(readable("1764059400000"), None);
    }

    #[test]
    fn notices_survive_the_redirect() {
        use AccountNotice::{Ended, Failed, Gone, OthersEnded};
        for notice in [Ended, Gone, OthersEnded, Failed] {
            assert_eq!(AccountNotice::from_code(notice.code()), Some(notice));
        }
        assert_eq!(AccountNotice::from_code("<script>"), None);
    }
}
