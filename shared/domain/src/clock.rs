//! Time as a value.
//!
//! Expiry decides who is signed in, so every rule takes "now" as an argument and every component takes a
//! [`Clock`]. Tests move a manual clock; nothing ever sleeps. The one call to the system clock is here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
///
/// Stored as a number of milliseconds. DynamoDB's TTL and JWT dates want seconds: [`Timestamp::seconds`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down: the unit of JWT NumericDate (RFC 7519 section 2) and of DynamoDB TTL.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time since `earlier`; zero when `earlier` is in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC, as people and WorkOS read it: `2026-11-25T08:30:00Z`.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_else(|| self.0.to_string())
    }

    /// Reads RFC 3339, and the `2023-04-28 20:05:31.093` (no zone: UTC) that WorkOS's documents also show.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let text = text.trim();
        let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let moment = parse(text).or_else(|| parse(&format!("{}Z", text.replacen(' ', "T", 1))))?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }
}

/// Serde form for attributes that DynamoDB's TTL reads: whole seconds. Milliseconds there would mean the year
/// 58,000, and nothing would ever expire.
pub mod as_seconds {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.seconds())
    }

    /// # Errors
    /// When the value is not a number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_seconds)
    }
}

/// As [`as_seconds`], for what may have no end.
pub mod maybe_seconds {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::seconds).serialize(serializer)
    }

    /// # Errors
    /// When the value is there and not a number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_seconds))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Where "now" comes from. Cheap to clone; clones of a manual clock move together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(
                i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(0),
            ),
            Source::Manual(millis) => Timestamp(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward. A system clock moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(millis) = &self.0 {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read_with_and_without_zone() {
        let expected = Some(Timestamp::from_millis(1_682_712_331_093));
        assert_eq!(Timestamp::parse_rfc3339("2023-04-28T20:05:31.093Z"), expected);
        assert_eq!(Timestamp::parse_rfc3339("2023-04-28 20:05:31.093"), expected);
        assert_eq!(Timestamp::parse_rfc3339("2023-04-28T22:05:31.093+02:00"), expected);
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let clock = Clock::manual(Timestamp::from_seconds(100));
        let other = clock.clone();
        clock.advance(Duration::from_secs(601));
        assert_eq!(other.now(), Timestamp::from_seconds(701));
    }
}
