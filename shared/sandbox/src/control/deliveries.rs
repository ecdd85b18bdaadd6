//! `/_sandbox/delivery`, the switches of webhooks, and `/_sandbox/deliveries`, what became of each.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::directory::PAGE;
use super::given;
use super::input::{Refused, Verb};
use crate::delivery::Switches;
use crate::events::{Attempt, Event};
use crate::resources::moment;
use crate::state::Sandbox;

/// So many are listed unless asked otherwise.
const LISTED: usize = 1000;
/// Three months: longer than any event is kept.
const LONGEST_DELAY: u64 = 90 * 86_400;
const LARGEST_BATCH: u64 = 10_000;
const MOST_PARALLEL: usize = 64;

pub(super) fn delivery_json(event: &Event) -> Value {
    let attempt = |attempt: &Attempt| {
        json!({
            "at": moment(attempt.at),
            "t": attempt.t,
            "status": attempt.result.as_ref().ok(),
            "error": attempt.result.as_ref().err(),
        })
    };
    json!({
        "id": event.id,
        "event": event.kind,
        "organization_id": event.organization,
        "subject": event.subject,
        "created_at": moment(event.created_at),
        "delivery": event.standing,
        "due": event.due.map(moment),
        "attempts": event.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    limit: Option<usize>,
    /// A type, such as `dsync.user.deleted`, or an id.
    event: Option<String>,
    /// A standing, such as `retrying`.
    delivery: Option<String>,
}

/// The last of them, oldest first.
pub(crate) async fn list(State(sandbox): State<Sandbox>, Query(which): Query<Which>) -> Json<Value> {
    let state = sandbox.state();
    let wanted = |event: &&Event| {
        which.event.as_ref().is_none_or(|text| event.kind == *text || event.id == *text)
            && which.delivery.as_deref().is_none_or(|text| event.standing.as_str() == text)
    };
    let mut last: Vec<Value> = state
        .journal
        .iter()
        .rev()
        .filter(wanted)
        .take(which.limit.unwrap_or(LISTED))
        .map(delivery_json)
        .collect();
    last.reverse();
    Json(json!({ "sending": state.journal.sending(), "deliveries": last }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    /// This event, whatever became of it.
    event: Option<String>,
    /// Only what is due by the sandbox's clock.
    #[serde(default)]
    due: bool,
    parallel: Option<usize>,
}

/// Sends what waits: another try, a delay, a switch. Comes back when that is settled, and says what was sent.
pub(crate) async fn retry(State(sandbox): State<Sandbox>, verb: Verb<Retry>) -> Result<Response, Refused> {
    let wanted = &verb.value;
    let parallel = wanted.parallel.unwrap_or(1);
    if parallel > MOST_PARALLEL {
        return Err(verb.refuse("parallel is at most 64."));
    }
    if wanted.event.is_some() && wanted.due {
        return Err(verb.refuse("Give event or due, not both."));
    }
    sandbox.settled().await;
    let now = sandbox.now();
    let claimed = {
        let mut state = sandbox.state();
        match &wanted.event {
            Some(id) => {
                let number = state.journal.number(id);
                let Some(number) = number else { return Err(verb.refuse("There is no such event.")) };
                state.claim_one(number)
            }
            None if wanted.due => state.claim_due(now),
            None => state.claim_waiting(),
        }
    };
    sandbox.deliver_claimed(claimed.clone(), parallel).await;
    let state = sandbox.state();
    let sent = claimed.iter().filter_map(|number| state.journal.get(*number)).map(delivery_json);
    Ok(verb.answer(json!({ "deliveries": sent.collect::<Vec<_>>() }), PAGE))
}

/// What is absent stays; null is off.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SwitchesChange {
    /// All off first.
    clear: bool,
    duplicate: Option<bool>,
    drop: Option<bool>,
    #[serde(deserialize_with = "given")]
    delay_seconds: Option<Option<u64>>,
    #[serde(deserialize_with = "given")]
    reorder: Option<Option<u64>>,
    stale: Option<bool>,
    keep_t: Option<bool>,
    t_age_seconds: Option<i64>,
    #[serde(deserialize_with = "given")]
    count: Option<Option<u64>>,
}

pub(crate) async fn switches(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!(sandbox.state().switches))
}

pub(crate) async fn change_switches(
    State(sandbox): State<Sandbox>,
    verb: Verb<SwitchesChange>,
) -> Result<Response, Refused> {
    let change = &verb.value;
    if change.delay_seconds.flatten().is_some_and(|seconds| seconds > LONGEST_DELAY) {
        return Err(verb.refuse("delay_seconds is at most 7776000, which is 90 days."));
    }
    if change.reorder.flatten().is_some_and(|size| !(2..=LARGEST_BATCH).contains(&size)) {
        return Err(verb.refuse("reorder is 2 to 10000 events, or null."));
    }
    if change.count.flatten() == Some(0) {
        return Err(verb.refuse("count is at least 1, or null."));
    }
    let switches = {
        let mut state = sandbox.state();
        let old = if change.clear { Switches::default() } else { state.switches.clone() };
        state.switches = Switches {
            duplicate: change.duplicate.unwrap_or(old.duplicate),
            drop: change.drop.unwrap_or(old.drop),
            delay_seconds: change.delay_seconds.unwrap_or(old.delay_seconds),
            reorder: change.reorder.unwrap_or(old.reorder),
            stale: change.stale.unwrap_or(old.stale),
            keep_t: change.keep_t.unwrap_or(old.keep_t),
            t_age_seconds: change.t_age_seconds.unwrap_or(old.t_age_seconds),
            count: change.count.unwrap_or(old.count),
        };
        state.switches.clone()
    };
    Ok(verb.answer(json!(switches), PAGE))
}
