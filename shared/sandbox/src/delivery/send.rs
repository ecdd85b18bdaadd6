//! The sending itself: over the process's HTTP client, never with the state locked.
//!
//! It goes on when whoever asked for it hangs up: an event that was claimed is settled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderName;
use http::header::CONTENT_TYPE;

use super::{Post, WebhookEndpoint, signature};
use crate::events::Attempt;
use crate::state::Sandbox;

const SIGNATURE: HeaderName = HeaderName::from_static("workos-signature");
/// WorkOS does not say how long it waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the background task looks whether something is due.
const LOOK: Duration = Duration::from_secs(1);

/// What one attempt needs.
struct Letter {
    endpoint: WebhookEndpoint,
    body: Arc<str>,
    t: i64,
}

impl Sandbox {
    /// Sends what leaves, `parallel` at a time; with one at a time, in order. Comes back when all is settled.
    pub(crate) async fn deliver(&self, post: &Post, parallel: usize) {
        self.deliver_claimed(post.leaving.clone(), parallel).await;
    }

    pub(crate) async fn deliver_claimed(&self, numbers: Vec<u64>, parallel: usize) {
        let queue = Arc::new(Mutex::new(VecDeque::from(numbers)));
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..parallel.max(1) {
            let (sandbox, queue) = (self.clone(), Arc::clone(&queue));
            senders.spawn(async move {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(number) = next else { break };
                    sandbox.send(number).await;
                }
            });
        }
        // Dropping the set would end what it runs; so it is waited for by a task of its own.
        let all = tokio::spawn(async move { while senders.join_next().await.is_some() {} });
        drop(all.await);
    }

    /// Sends without anybody waiting, as at WorkOS after a call of its API.
    pub(crate) fn deliver_later(&self, post: Post) {
        if !post.leaving.is_empty() {
            let sandbox = self.clone();
            tokio::spawn(async move { sandbox.deliver(&post, 1).await });
        }
    }

    /// Comes back when nothing is on its way.
    pub(crate) async fn settled(&self) {
        loop {
            let news = self.news();
            let notified = news.notified();
            if self.state().journal.sending() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Sends what is due whenever it is. For as long as the future lives.
    pub async fn keep_delivering(self) {
        loop {
            let due = {
                let now = self.now();
                self.state().claim_due(now)
            };
            self.deliver_claimed(due, 4).await;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn send(&self, number: u64) {
        loop {
            let again = match self.letter(number) {
                Some(letter) => {
                    let result = self.post(&letter).await;
                    let attempt = Attempt { at: self.now(), t: letter.t, result };
                    self.state().journal.settle(number, attempt)
                }
                None => {
                    self.state().give_back(number);
                    false
                }
            };
            if !again {
                break;
            }
        }
        self.news().notify_waiters();
    }

    fn letter(&self, number: u64) -> Option<Letter> {
        let now = self.now();
        let state = self.state();
        let endpoint = state.webhook.clone()?;
        let event = state.journal.get(number)?;
        let keep = event.keep_t || state.switches.keep_t;
        let t = match event.attempts.first() {
            None => now.millis().saturating_sub(event.t_age_seconds.saturating_mul(1000)),
            Some(first) if keep => first.t,
            Some(_) => now.millis(),
        };
        Some(Letter { endpoint, body: Arc::clone(&event.body), t })
    }

    async fn post(&self, letter: &Letter) -> Result<u16, String> {
        let signed = signature(&letter.endpoint.secret, letter.t, letter.body.as_bytes());
        let request = self
            .http()
            .post(&letter.endpoint.url)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signed)
            .timeout(PATIENCE)
            .body(letter.body.as_bytes().to_vec());
        match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                // Read to its end, so that the connection can be used again.
                drop(answer.bytes().await);
                Ok(status)
            }
            Err(why) if why.is_timeout() => Err("no answer in time".to_owned()),
            Err(why) if why.is_connect() => Err("nobody listens there".to_owned()),
            Err(_) => Err("the connection broke".to_owned()),
        }
    }
}
