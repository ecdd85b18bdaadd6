//! The moment a request must be answered, handed down to every call that is made for it (R61).
//!
//! A call takes the smaller of its own limit and what remains, so that slow upstreams add up to one bounded
//! wait. Kept as a monotonic instant: a correction of the wall clock must not lengthen or kill requests in
//! flight.

use std::time::Duration;

use tokio::time::Instant;

/// When a request's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    at: Instant,
}

impl Deadline {
    /// A deadline this far from now. Anything beyond a day is a day.
    pub fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit.min(Duration::from_secs(24 * 60 * 60)) }
    }

    /// What is left; zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The time a call may take whose own limit is `limit`.
    pub fn cap(self, limit: Duration) -> Duration {
        self.remaining().min(limit)
    }

    /// The earlier of this deadline and `limit` from now: for a part of the request with a limit of its own.
    pub fn within(self, limit: Duration) -> Self {
        self.min(Self::after(limit))
    }

    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R61: the smaller of a call's own limit and what remains.
    #[tokio::test(start_paused = true)]
    async fn a_call_gets_the_smaller_of_its_limit_and_what_remains() {
        let request = Deadline::after(Duration::from_millis(4500));
        assert_eq!(request.cap(Duration::from_secs(3)), Duration::from_secs(3));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(request.cap(Duration::from_secs(3)), Duration::from_millis(2500));
        assert_eq!(request.within(Duration::from_secs(1)).remaining(), Duration::from_secs(1));
        assert_eq!(request.within(Duration::from_secs(9)), request);
        assert!(!request.has_passed());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(request.remaining(), Duration::ZERO);
        assert!(request.has_passed());
    }
}
