//! `vestibule logins`: why did this login fail?
//!
//! Each attempt left a trace; the words for its reason and the next step come from the code that knows them. What a
//! person quotes is the reference of the error page, so that is what `show` takes.

pub mod args;
mod command;
mod words;

use domain::login_trace::{Explanation, LoginTrace, explain};
use domain::{OrganizationId, Timestamp};
use store::{Store, StoreError};

pub use command::{LoginsCommandError, run};
pub use words::story;

/// A trace with its explanation.
#[derive(Debug)]
pub struct Explained {
    pub trace: LoginTrace,
    pub explanation: Option<Explanation>,
}

impl From<LoginTrace> for Explained {
    fn from(trace: LoginTrace) -> Self {
        Self { explanation: trace.reason.as_deref().and_then(explain), trace }
    }
}

/// The login that a reference belongs to: the request id of an error page, or the id of the trace itself. Where a tenant
/// is given, a login of another tenant is not found (R47).
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    store: &Store,
    reference: &str,
    tenant: Option<&OrganizationId>,
    now: Timestamp,
) -> Result<Option<Explained>, StoreError> {
    if let Some(trace) = store.trace_of_request(reference, now).await? {
        let meant = tenant.is_none() || trace.organization.as_ref() == tenant;
        return Ok(meant.then(|| trace.into()));
    }
    let Some(started) = moment_of(reference) else { return Ok(None) };
    let trace = store.trace(tenant, started, reference, now).await?;
    Ok(trace.map(Into::into))
}

/// Ids of traces and audit items are ULIDs: the first ten characters are the moment.
pub(crate) fn moment_of(id: &str) -> Option<Timestamp> {
    const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digits = id.get(..10).filter(|_| id.len() == 26)?;
    let millis = digits.chars().try_fold(0_i64, |sum, digit| {
        let value = ALPHABET.find(digit.to_ascii_uppercase())?;
        Some(sum * 32 + i64::try_from(value).ok()?)
    })?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Rng;

    #[test]
    fn the_moment_of_a_trace_is_in_its_id() {
        let now = Timestamp::from_millis(1_800_000_123_456);
        assert_eq!(moment_of(&Rng::seeded(1).ulid(now).unwrap()), Some(now));
        for other in ["", "req-1", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "01JUUUUUUUUUUUUUUUUUUUUUUU"] {
            assert_eq!(moment_of(other), None, "{other}");
        }
    }
}
