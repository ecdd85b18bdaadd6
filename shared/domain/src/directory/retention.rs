//! How long what is known of a person who left is kept.
//!
//! The personal data of a deactivated user goes after the retention time; active people have no end date, since an
//! account must not vanish for want of logins. What keeps a late or repeated event from bringing a leaver back
//! (the directory user's clock, without names or addresses) and what leads a returning person to the same user id
//! outlive the data, and outlive WorkOS's own 90-day memory of events.

use std::time::Duration;

use crate::clock::Timestamp;

const DAY: u64 = 24 * 3600;
/// Longer than the Events API remembers: else a replay could resurrect a leaver.
const MEMORY: u64 = 100 * DAY;
/// By how much clocks and claims outlive the data they belong to.
const MARGIN: u64 = 10 * DAY;

/// The setting `DEACTIVATED_USER_RETENTION_DAYS`. Zero keeps for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention(Option<Duration>);

impl Default for Retention {
    fn default() -> Self {
        Self::days(90)
    }
}

impl Retention {
    pub const fn days(days: u32) -> Self {
        // `u32` days in seconds always fit.
        if days == 0 { Self(None) } else { Self(Some(Duration::from_secs(days as u64 * DAY))) }
    }

    /// End of the data of a person who is deactivated now.
    pub fn data_ends(self, now: Timestamp) -> Option<Timestamp> {
        self.0.map(|kept| now.plus(kept))
    }

    /// End of what leads a returning person back to their user id.
    pub fn claims_end(self, now: Timestamp) -> Option<Timestamp> {
        self.0.map(|_| self.memory_ends(now))
    }

    /// End of a clock that is kept only so that older changes stay older.
    pub fn memory_ends(self, now: Timestamp) -> Timestamp {
        let margin = Duration::from_secs(MARGIN);
        let kept = self.0.map_or(Duration::ZERO, |kept| kept.saturating_add(margin));
        now.plus(kept.max(Duration::from_secs(MEMORY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_claims_outlive_the_data_and_workos_memory() {
        let now = Timestamp::from_seconds(1_800_000_000);
        for days in [1, 30, 90, 365, 3650] {
            let retention = Retention::days(days);
            let data = retention.data_ends(now).unwrap();
            assert_eq!(data.since(now), Duration::from_secs(u64::from(days) * 86_400));
            assert!(retention.memory_ends(now) > data);
            assert!(retention.claims_end(now).unwrap() > data);
            assert!(retention.memory_ends(now).since(now) >= Duration::from_secs(MEMORY));
        }
        // A hundred days at least, and ten more than the data.
        assert_eq!(Retention::days(30).memory_ends(now).since(now), Duration::from_secs(8_640_000));
        assert_eq!(Retention::days(365).memory_ends(now).since(now), Duration::from_secs(375 * 86_400));
        let forever = Retention::days(0);
        assert_eq!((forever.data_ends(now), forever.claims_end(now)), (None, None));
        assert_eq!(forever.memory_ends(now).since(now), Duration::from_secs(MEMORY));
    }
}
