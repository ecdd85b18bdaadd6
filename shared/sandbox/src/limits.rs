//! WorkOS's rate limits, counted in fixed windows of the sandbox's own clock. Off unless a setting names a number.

use std::collections::HashMap;

use domain::Timestamp;

/// Requests by what they are counted for, in the window that runs.
#[derive(Default)]
pub(crate) struct Windows(HashMap<String, (i64, u32)>);

impl Windows {
    /// Counts a request; `Some` says how many seconds are left of a window that has had enough.
    pub(crate) fn over(
        &mut self,
        what: &str,
        limit: Option<u32>,
        seconds: i64,
        now: Timestamp,
    ) -> Option<i64> {
        let limit = limit?;
        let window = now.seconds().div_euclid(seconds);
        let (of, count) = self.0.entry(what.to_owned()).or_insert((window, 0));
        if *of != window {
            (*of, *count) = (window, 0);
        }
        *count = count.saturating_add(1);
        (*count > limit).then(|| seconds - now.seconds().rem_euclid(seconds))
    }
}
