//! Metrics: CloudWatch's embedded metric format, one log line for each value.
//!
//! No client, no call, no buffer to flush before Lambda freezes the process: CloudWatch reads the lines. Every
//! dimension value is a custom metric that costs money, so values come from our own enums, never from a request.

use std::time::Duration;

use serde_json::{Map, Value, json};

use domain::Clock;

use crate::telemetry::{Service, Sink};

/// Logins that ended in a session.
pub const LOGIN_SUCCESS: &str = "login_success";
/// Logins that did not; by `reason`.
pub const LOGIN_FAILURE: &str = "login_failure";
/// Events of WorkOS that were genuine; by `outcome` and by `type`.
pub const SCIM_SYNC: &str = "scim_sync";
/// Milliseconds from a leaver's event to the write that ends their sessions.
pub const DEPROVISION_LAG: &str = "deprovision_lag";
/// Webhook calls that were not genuine; by `reason`.
pub const WEBHOOK_REFUSED: &str = "webhook_refused";
/// Events that name another organization than the one whose directory it is.
pub const DIRECTORY_MISMATCH: &str = "directory_mismatch";
/// Warnings that the certificate of a connection runs out.
pub const CERTIFICATE_DUE: &str = "certificate_due";
/// Milliseconds since WorkOS's events were last read to their end.
pub const CURSOR_AGE: &str = "events_cursor_age";
/// What webhooks had missed and was put right; by `what`.
pub const DRIFT_REPAIRED: &str = "drift_repaired";
/// Comparisons of a directory that would end so many people's access that somebody has to agree first.
pub const RECONCILE_HELD: &str = "reconcile_held";
/// Events that WorkOS does not keep any more were never read.
pub const EVENTS_LOST: &str = "events_lost";
/// First requests of a process, as Powertools counts them.
pub const COLD_START: &str = "ColdStart";

const NAMESPACE: &str = "Vestibule";

/// Counts for one service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    service: Service,
    clock: Clock,
    sink: Sink,
}

impl Metrics {
    pub fn new(service: Service, clock: Clock, sink: Sink) -> Self {
        Self { service, clock, sink }
    }

    /// One more.
    pub fn count(&self, name: &str) {
        self.write(name, "Count", json!(1), &[]);
    }

    /// One more, in total and under a dimension of its own.
    pub fn count_by(&self, name: &str, dimension: &str, value: &str) {
        self.write(name, "Count", json!(1), &[(dimension, value)]);
    }

    /// So many more, in total and under a dimension of its own.
    pub fn add_by(&self, name: &str, amount: u64, dimension: &str, value: &str) {
        self.write(name, "Count", json!(amount), &[(dimension, value)]);
    }

    /// One more, in total and under each of these dimensions by itself. The line has them all, so that a search in the
    /// log finds combinations, which as metrics would cost for each one.
    pub fn count_by_each(&self, name: &str, dimensions: &[(&str, &str)]) {
        self.write(name, "Count", json!(1), dimensions);
    }

    pub fn millis(&self, name: &str, took: Duration) {
        let millis = (took.as_secs_f64() * 1_000_000.0).round() / 1000.0;
        self.write(name, "Milliseconds", json!(millis), &[]);
    }

    pub(crate) fn cold_start(&self) {
        if self.service.function_name.is_empty() {
            self.count(COLD_START);
        } else {
            self.count_by(COLD_START, "function_name", &self.service.function_name);
        }
    }

    fn write(&self, name: &str, unit: &str, amount: Value, dimensions: &[(&str, &str)]) {
        let mut line = Map::new();
        // The format is read only from lines with this key at the root.
        let mut sets = vec![vec!["service"]];
        for (dimension, value) in dimensions {
            sets.push(vec!["service", dimension]);
            line.insert((*dimension).to_owned(), dimension_value(value).into());
        }
        line.insert("service".to_owned(), dimension_value(&self.service.name).into());
        line.insert(name.to_owned(), amount);
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": self.clock.now().millis(),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": [{"Name": name, "Unit": unit}]}
                ],
            }),
        );
        self.sink.write(Value::Object(line).to_string());
    }
}

/// CloudWatch drops a metric whose dimension is empty, long or not ASCII.
fn dimension_value(value: &str) -> String {
    let clean: String = value.chars().filter(char::is_ascii_graphic).take(250).collect();
    if clean.is_empty() { "none".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    fn metrics(function_name: &str) -> (Metrics, Sink) {
        let sink = Sink::memory();
        let service =
            Service { name: "callback".to_owned(), function_name: function_name.to_owned(), memory_size: 0 };
        let clock = Clock::manual(Timestamp::from_millis(1_764_059_400_000));
        (Metrics::new(service, clock, sink.clone()), sink)
    }

    fn values(sink: &Sink) -> Vec<Value> {
        sink.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_failure_counts_in_total_and_by_reason() {
        let (metrics, sink) = metrics("");
        metrics.count(LOGIN_SUCCESS);
        metrics.count_by(LOGIN_FAILURE, "reason", "invalid_state");
        metrics.millis("exchange", Duration::from_micros(12_345));
        metrics.count_by_each(SCIM_SYNC, &[("outcome", "applied"), ("type", "dsync.deleted")]);
        let lines = values(&sink);
        assert_eq!(lines[0]["login_success"], 1);
        assert_eq!(
            lines[1],
            json!({
                "_aws": {
                    "Timestamp": 1_764_059_400_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Vestibule",
                        "Dimensions": [["service"], ["service", "reason"]],
                        "Metrics": [{"Name": "login_failure", "Unit": "Count"}],
                    }],
                },
                "service": "callback",
                "reason": "invalid_state",
                "login_failure": 1,
            })
        );
        assert_eq!(lines[2]["exchange"], 12.345);
        assert_eq!(lines[2]["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Milliseconds");
        let sets = &lines[3]["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*sets, json!([["service"], ["service", "outcome"], ["service", "type"]]));
        assert_eq!((&lines[3]["outcome"], &lines[3]["type"]), (&json!("applied"), &json!("dsync.deleted")));
    }

    #[test]
    fn a_dimension_is_never_dropped_for_its_form() {
        let (metrics, sink) = metrics("stack-callback-1");
        metrics.count_by("x", "reason", "\n é ");
        metrics.count_by("x", "reason", &"y".repeat(2000));
        metrics.cold_start();
        let lines = values(&sink);
        assert_eq!(lines[0]["reason"], "none");
        assert_eq!(lines[1]["reason"].as_str().unwrap().len(), 250);
        assert_eq!(
            (&lines[2]["ColdStart"], &lines[2]["function_name"]),
            (&json!(1), &json!("stack-callback-1"))
        );
    }
}
