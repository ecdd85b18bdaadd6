//! WorkOS as it sends: signs, posts, and waits for the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::Clock;
use e2e::dsync::WEBHOOK;
use e2e::measure::Times;
use e2e::{Answer, Browser, Stack};
use serde_json::Value;
use tokio::task::JoinSet;
use workos::{SIGNATURE_HEADER, WebhookSecret};

/// Deliveries at once, where many events are sent.
pub(crate) const LANES: usize = 8;

#[derive(Clone)]
pub(crate) struct Courier {
    door: Browser,
    secret: WebhookSecret,
    clock: Clock,
}

impl Courier {
    /// Over HTTP to the running stack.
    pub(crate) fn of(stack: &Stack) -> Self {
        Self::by(stack, stack.browser())
    }

    /// By another way.
    pub(crate) fn by(stack: &Stack, door: Browser) -> Self {
        Self { door, secret: stack.webhook_secret(), clock: stack.clock.clone() }
    }

    /// With a secret that is not the webhook's.
    pub(crate) fn forging(&self) -> Self {
        let secret = WebhookSecret::parse("a-secret-of-somebody-elses-making");
        Self { secret: secret.expect("a secret"), ..self.clone() }
    }

    /// How long the answer took, and the answer. Signing is not in it.
    pub(crate) async fn sends(&self, event: &Value) -> (Duration, Answer) {
        let body = event.to_string();
        let signature = self.secret.sign(body.as_bytes(), self.clock.now());
        let request = self.door.ask("POST", WEBHOOK).header(SIGNATURE_HEADER, &signature);
        let request = request.body("application/json", &body);
        let sent = Instant::now();
        let answer = request.send().await;
        (sent.elapsed(), answer)
    }

    /// An event that has to come to this.
    pub(crate) async fn expects(&self, outcome: &str, event: &Value) -> Duration {
        let (took, answer) = self.sends(event).await;
        assert_eq!(answer.status, 200, "{event}: {}", answer.body);
        assert_eq!(answer.json()["outcome"], outcome, "{event}: {}", answer.body);
        took
    }

    /// So many events, several at once, each of which has to be applied.
    pub(crate) async fn floods(
        &self,
        events: usize,
        event: impl Fn(usize) -> Value + Send + Sync + 'static,
    ) -> Times {
        let (event, next) = (Arc::new(event), Arc::new(AtomicUsize::new(0)));
        let mut lanes = JoinSet::new();
        for _ in 0..LANES {
            let (courier, event, next) = (self.clone(), event.clone(), next.clone());
            lanes.spawn(async move {
                let mut times = Times::default();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= events {
                        return times;
                    }
                    times.add(courier.expects("applied", &event(n)).await);
                }
            });
        }
        let mut times = Times::default();
        for lane in lanes.join_all().await {
            times.extend(lane);
        }
        times
    }
}
