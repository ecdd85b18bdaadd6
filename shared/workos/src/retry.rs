//! Whether and when a call is made again.
//!
//! Reads: at most twice, after 429, 5xx, timeouts and broken connections. Writes, and above all the code
//! exchange: once, and only when no connection was made, since a second exchange turns a lost answer into
//! `invalid_grant`. The wait is full jitter, or what WorkOS asks for in `Retry-After`; a wait that does not
//! fit into the time left is not begun, so that a person gets an answer now instead of the same one later
//! (R61, R63).

use std::time::Duration;

use domain::{Clock, Rng, Timestamp};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::error::{Error, Kind};

/// May a call be repeated?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing.
    Idempotent,
    /// It may have happened once it was sent.
    Once,
}

const MOST_RETRIES: u32 = 2;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// An attempt with less time than this would only fail again.
const LEAST_ATTEMPT: Duration = Duration::from_millis(250);

/// How long to wait before attempt number `attempt + 1`; `None` to give up. `attempt` counts from 0.
pub(crate) fn wait(
    repeat: Repeat,
    attempt: u32,
    error: &Error,
    left: Duration,
    rng: &Rng,
) -> Option<Duration> {
    let retries = match (repeat, &error.kind) {
        (_, Kind::Rejected { .. } | Kind::Malformed) => 0,
        (Repeat::Once, Kind::Connect) => 1,
        (Repeat::Once, _) => 0,
        (Repeat::Idempotent, _) => MOST_RETRIES,
    };
    if attempt >= retries {
        return None;
    }
    let jitter = FIRST_BACKOFF.saturating_mul(2u32.saturating_pow(attempt)).mul_f64(fraction(rng));
    let wait = error.retry_after.unwrap_or_default().saturating_add(jitter);
    (wait.saturating_add(LEAST_ATTEMPT) <= left).then_some(wait)
}

/// Evenly between 0 and 1. Without randomness the longest wait: a herd that waits is better than one that
/// runs.
fn fraction(rng: &Rng) -> f64 {
    rng.bytes::<4>().map_or(1.0, |bytes| f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX))
}

/// `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3). Anything else counts as absent.
pub(crate) fn retry_after(header: &str, clock: &Clock) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = OffsetDateTime::parse(header, &Rfc2822).ok()?;
    Some(Timestamp::from_seconds(date.unix_timestamp()).since(clock.now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind, retry_after: Option<Duration>) -> Error {
        Error { kind, operation: "test", request_id: None, retry_after }
    }

    const PLENTY: Duration = Duration::from_secs(4);

    fn transient() -> [Kind; 5] {
        [
            Kind::RateLimited,
            Kind::Unavailable { status: 500 },
            Kind::Timeout,
            Kind::Connect,
            Kind::Interrupted,
        ]
    }

    /// R61: at most two retries, with jitter, for idempotent calls only.
    #[test]
    fn reads_are_repeated_twice_and_writes_only_when_nothing_was_sent() {
        let rng = Rng::seeded(1);
        for kind in transient() {
            let error = error(kind.clone(), None);
            for attempt in 0..5 {
                let read = wait(Repeat::Idempotent, attempt, &error, PLENTY, &rng);
                assert_eq!(read.is_some(), attempt < 2, "{kind:?} {attempt}");
                let write = wait(Repeat::Once, attempt, &error, PLENTY, &rng);
                assert_eq!(write.is_some(), kind == Kind::Connect && attempt == 0, "{kind:?} {attempt}");
            }
        }
        for kind in [Kind::Malformed, Kind::Rejected { status: 400, code: None }] {
            assert_eq!(wait(Repeat::Idempotent, 0, &error(kind, None), PLENTY, &rng), None);
        }
    }

    /// R61: waits are spread over the whole span, so that callers who failed together do not return together.
    #[test]
    fn backoff_is_full_jitter() {
        let (rng, error) = (Rng::seeded(7), error(Kind::Timeout, None));
        for (attempt, most) in [(0, 100), (1, 200)] {
            let waits: Vec<u128> = (0..200)
                .filter_map(|_| wait(Repeat::Idempotent, attempt, &error, PLENTY, &rng))
                .map(|wait| wait.as_millis())
                .collect();
            assert_eq!(waits.len(), 200);
            assert!(waits.iter().all(|wait| *wait <= most), "{waits:?}");
            assert!(
                waits.iter().any(|wait| *wait < most / 4) && waits.iter().any(|wait| *wait > most * 3 / 4)
            );
        }
    }

    /// R63: `Retry-After` is waited out when it fits into the time left, and never shortened.
    #[test]
    fn retry_after_is_honoured_when_it_fits() {
        let rng = Rng::seeded(3);
        let limited = error(Kind::RateLimited, Some(Duration::from_secs(2)));
        let waited = wait(Repeat::Idempotent, 0, &limited, PLENTY, &rng).unwrap();
        assert!((2000..=2100).contains(&waited.as_millis()), "{waited:?}");
        assert_eq!(wait(Repeat::Idempotent, 0, &limited, Duration::from_secs(2), &rng), None);
        let patient = error(Kind::Unavailable { status: 503 }, Some(Duration::from_secs(60)));
        assert_eq!(wait(Repeat::Idempotent, 0, &patient, PLENTY, &rng), None);
        let endless = error(Kind::RateLimited, Some(Duration::MAX));
        assert_eq!(wait(Repeat::Idempotent, 0, &endless, PLENTY, &rng), None);
    }

    /// R61: without time for another attempt the error is answered at once.
    #[test]
    fn a_retry_needs_time() {
        let (rng, error) = (Rng::seeded(5), error(Kind::Timeout, None));
        assert_eq!(wait(Repeat::Idempotent, 0, &error, Duration::from_millis(200), &rng), None);
        assert_eq!(wait(Repeat::Idempotent, 0, &error, Duration::ZERO, &rng), None);
    }

    /// R63: both forms of the header.
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let clock = Clock::manual(Timestamp::parse_rfc3339("1994-11-06T08:49:30Z").unwrap());
        let read = |header| retry_after(header, &clock);
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::from(u32::MAX))));
        for none in ["", "soon", "-1", "1.5", "1h", "Sun, 06 Nov"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
