//! What the calls of one invocation say about it.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Secrets,
    WorkOs,
    /// The app that hears of changes.
    App,
}

/// One call, from its arrival at the stub to the end of the stub's delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

/// The calls of one invocation, put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    /// Time during which at least one stub held a call back: the floor that no function can beat with these calls.
    pub(crate) floor: Duration,
    /// Calls to DynamoDB.
    pub(crate) database_calls: usize,
    /// How often the function waited for DynamoDB and for nobody else. Calls side by side are one wait, and calls beside
    /// one to WorkOS, which takes longer, are none.
    pub(crate) database_waits: usize,
}

impl Waits {
    pub(crate) fn of(mut calls: Vec<Call>) -> Self {
        calls.sort_by_key(|call| call.start);
        let mut waits = Self::default();
        let mut group: Option<Group> = None;
        for call in calls {
            waits.database_calls += usize::from(call.service == Service::DynamoDb);
            match &mut group {
                Some(open) if call.start < open.end => open.join(call),
                _ => {
                    waits.close(group.replace(Group::new(call)));
                }
            }
        }
        waits.close(group);
        waits
    }

    fn close(&mut self, group: Option<Group>) {
        if let Some(group) = group {
            self.floor += group.end - group.start;
            self.database_waits += usize::from(group.only_database);
        }
    }
}

/// Calls that overlap.
struct Group {
    start: Instant,
    end: Instant,
    only_database: bool,
}

impl Group {
    fn new(call: Call) -> Self {
        Self { start: call.start, end: call.end, only_database: call.service == Service::DynamoDb }
    }

    fn join(&mut self, call: Call) {
        self.end = self.end.max(call.end);
        self.only_database &= call.service == Service::DynamoDb;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_side_by_side_are_one_wait_and_beside_workos_none() {
        let zero = Instant::now();
        let at = |millis| zero + Duration::from_millis(millis);
        let call = |service, start, end| Call { service, start: at(start), end: at(end) };
        let calls = vec![
            call(Service::DynamoDb, 0, 3),
            call(Service::DynamoDb, 1, 4),
            call(Service::WorkOs, 5, 25),
            call(Service::DynamoDb, 5, 8),
            call(Service::DynamoDb, 26, 29),
        ];
        let expected = Waits { floor: Duration::from_millis(27), database_calls: 4, database_waits: 2 };
        assert_eq!(Waits::of(calls), expected);
        assert_eq!(Waits::of(Vec::new()), Waits::default());
    }
}
