//! The signing keys change under load: by the steps of `vestibule keys rotate`, and by its emergency brake.
//!
//! Several instances of the functions run side by side, each with memories of its own age. In every moment people load
//! pages, their tokens are checked by every instance in both modes, and an outside verifier believes the JWKS for as long
//! as it is allowed to. The clock is moved by hand, so half an hour of this takes seconds.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use authorizer::{Decision, Denial, Event};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Rng, Timestamp};
use e2e::{Browser, Deployment, SESSION, SIGNING_KEYS_SECRET, Stack, at};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokens::{Algorithm, KeyRing, PrivateKey};
use vestibule::keys::{CACHES, Keys};
use vestibule::secret_store::SecretStore;
use web::config::AwsSettings;

/// How long a function may believe the public keys: the emergency brake reaches every check in that time.
const PUBLIC_KEYS_BELIEVED: u64 = 30;
/// How long a function may hold the private ring.
const RING_HELD: Duration = Duration::from_secs(5 * 60);
/// How long the JWKS may be kept outside.
const JWKS_KEPT: Duration = Duration::from_secs(300);
const STEP: u64 = 15;

/// What an operator has: the keys of this stack, in the hands of the command line's code.
async fn keys(stack: &Stack) -> Keys {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = stack.running.secrets.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = AwsSettings {
        region: "us-east-1".to_owned(),
        endpoint_url: None,
        service_endpoints: vec![("Secrets Manager", endpoint)],
    };
    let credentials = Credentials::new("local", "local", None, None, "end-to-end tests");
    let config = web::aws::sdk_config(&settings, net::SdkHttp::new(net::client().unwrap()))
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Keys {
        store: stack.running.store.clone(),
        secrets: SecretStore::new(&config),
        secret: SIGNING_KEYS_SECRET.to_owned(),
        clock: stack.clock.clone(),
        rng: Rng::system(),
    }
}

/// Somebody at work: a browser whose pages come from one instance.
struct Person {
    browser: Browser,
    /// The token of their sign-in, kept in a tab that is never reloaded.
    first: String,
}

/// A service outside that verifies signatures by the JWKS, and asks for it no more often than it must.
struct Outside {
    kids: Vec<String>,
    fetched_at: Timestamp,
}

struct Street {
    stack: Stack,
    instances: Vec<Deployment>,
    people: Vec<Person>,
    outside: Option<Outside>,
    requests: usize,
    /// Key ids seen in tokens, in the order of their first appearance.
    signed_by: Vec<String>,
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

async fn authorize(instance: &Deployment, token: &str) -> Result<(), Denial> {
    let event = Event::new(BTreeMap::new(), vec![format!("{SESSION}={token}")]);
    let Decision(decision) = authorizer::authorize(&instance.authorizer, &event).await;
    decision.map(drop)
}

/// All of them at once.
async fn at_once<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    type Slot<F> = (Pin<Box<F>>, Option<<F as Future>::Output>);
    let mut slots: Vec<Slot<F>> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in slots.iter_mut().filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                *done = Some(value);
            }
        }
        if slots.iter().all(|(_, done)| done.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    slots.into_iter().filter_map(|(_, done)| done).collect()
}

impl Street {
    /// Two instances that check strictly and two by signature alone; their memories are seven seconds apart.
    async fn open() -> Self {
        let stack = Stack::start().await;
        let (mut instances, mut people) = (Vec::new(), Vec::new());
        for (selector, email, mode) in [
            (at::OKTA, "ada@acme.com", "strict"),
            (at::OKTA, "mei.lin@acme.com", "signature"),
            (at::GLOBEX, "hank@globex.com", "strict"),
            (at::GLOBEX, "front.desk@globex.com", "signature"),
        ] {
            let instance = stack.deployed(&[("AUTHORIZER_MODE", mode)]).await;
            let browser = instance.visited_by(&stack.browser());
            browser.signed_in(selector, email).await;
            let first = browser.session_token().unwrap();
            people.push(Person { browser, first });
            instances.push(instance);
            stack.advance(7);
        }
        Self { stack, instances, people, outside: None, requests: 0, signed_by: Vec::new() }
    }

    /// One moment of the day. Whatever is refused ends the test.
    async fn moment(&mut self) {
        let now = self.stack.clock.now();
        for answer in at_once(self.people.iter().map(|person| person.browser.session())).await {
            assert_eq!(answer.status, 200, "at {now:?}: {}", answer.body);
            self.requests += 1;
        }
        let tokens: Vec<String> =
            self.people.iter().map(|person| person.browser.session_token().unwrap()).collect();
        let everywhere =
            tokens.iter().flat_map(|token| self.instances.iter().map(move |at| authorize(at, token)));
        for decision in at_once(everywhere).await {
            decision.unwrap_or_else(|denial| panic!("at {now:?}: {denial}"));
            self.requests += 1;
        }
        // Tabs that sleep through all of it are known to strict checks for as long as their session lives.
        let strict = self.instances.iter().step_by(2);
        let asleep = strict.flat_map(|at| self.people.iter().map(move |person| authorize(at, &person.first)));
        for decision in at_once(asleep).await {
            decision.unwrap_or_else(|denial| panic!("a sleeping tab at {now:?}: {denial}"));
            self.requests += 1;
        }
        self.look_from_outside(&tokens, now).await;
        for kid in tokens.iter().map(|token| kid(token)) {
            if !self.signed_by.contains(&kid) {
                self.signed_by.push(kid);
            }
        }
    }

    async fn look_from_outside(&mut self, tokens: &[String], now: Timestamp) {
        if self.outside.as_ref().is_none_or(|seen| now.since(seen.fetched_at) >= JWKS_KEPT) {
            // From the instance whose own memory may be the oldest.
            let answer = self.people[0].browser.get_json("/.well-known/jwks.json").await;
            assert_eq!(answer.header("cache-control"), "public, max-age=300");
            let keys = answer.json()["keys"].as_array().unwrap().clone();
            let kids = keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
            self.outside = Some(Outside { kids, fetched_at: now });
            self.requests += 1;
        }
        let known = &self.outside.as_ref().unwrap().kids;
        for kid in tokens.iter().map(|token| kid(token)) {
            assert!(known.contains(&kid), "at {now:?} nobody outside knows {kid}, only {known:?}");
        }
    }

    /// Lets this much time go by, moment by moment.
    async fn live(&mut self, time: Duration) {
        for _ in 0..time.as_secs().div_ceil(STEP) {
            self.stack.advance(STEP);
            self.moment().await;
        }
    }
}

/// R32, R34: publish, wait, promote, wait. Nobody is refused by anybody, and in the end the new key is alone.
#[tokio::test]
async fn a_rotation_under_load_refuses_nobody() {
    let mut street = Street::open().await;
    let keys = keys(&street.stack).await;
    street.moment().await;
    let first = street.signed_by.clone();

    let (published, ()) = tokio::join!(keys.publish(None), street.moment());
    let (next, _) = published.unwrap();
    street.live(CACHES).await;
    assert_eq!(street.signed_by, first, "the next key signed before it was promoted");

    let (promoted, ()) = tokio::join!(keys.promote(), street.moment());
    assert_eq!(promoted.unwrap().active, next);
    street.live(RING_HELD).await;
    assert_eq!(street.signed_by.last().map(String::as_str), Some(next.kid.as_str()));

    // Past the moment at which the JWKS drops the retired key.
    street.live(CACHES + Duration::from_secs(300 + 60) + JWKS_KEPT).await;
    assert_eq!(street.outside.as_ref().unwrap().kids, [next.kid.as_str().to_owned()]);
    assert_eq!(keys.forget(Duration::from_secs(86_400)).await.unwrap(), [], "sessions of before still live");
    assert!(street.requests > 2000, "{} requests are no load", street.requests);
}

/// R32: the same from one algorithm to the other, as when API Gateway's own authorizer is to be used from now on.
#[tokio::test]
async fn a_rotation_to_another_algorithm_refuses_nobody() {
    let mut street = Street::open().await;
    let keys = keys(&street.stack).await;
    street.moment().await;
    keys.publish(Some(Algorithm::Rs256)).await.unwrap();
    street.live(CACHES).await;
    keys.promote().await.unwrap();
    street.live(RING_HELD).await;
    assert_eq!(street.signed_by.len(), 2);
    let configuration = street.people[0].browser.get_json("/.well-known/openid-configuration").await.json();
    assert_eq!(configuration["id_token_signing_alg_values_supported"], json!(["ES256", "RS256"]));
}

/// R34, R35: after `keys revoke-all` every session of every tenant is over at the next check within the time that public
/// keys are believed. Whoever signs in after the functions hold the new key is signed in.
#[tokio::test]
async fn the_emergency_brake_ends_every_session_within_half_a_minute() {
    let mut street = Street::open().await;
    street.moment().await;
    keys(&street.stack).await.revoke_all(None).await.unwrap();
    street.stack.advance(PUBLIC_KEYS_BELIEVED);
    for person in &street.people {
        for token in [&person.first, &person.browser.session_token().unwrap()] {
            for instance in &street.instances {
                let denial = authorize(instance, token).await.unwrap_err();
                assert!(matches!(denial.code(), "token_refused" | "environment_revoked"), "{denial}");
            }
        }
        let answer = person.browser.session().await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert!(answer.cookie(SESSION).unwrap().clears());
    }
    // Every instance still remembers the old ring, and none signs with it any more: whoever signs in is in.
    for (person, instance) in street.people.iter().zip(&street.instances) {
        let browser = &person.browser;
        browser.signed_in(at::OKTA, "ada@acme.com").await;
        assert!(authorize(instance, &browser.session_token().unwrap()).await.is_ok());
        assert_eq!(browser.session().await.status, 200);
        assert!(authorize(instance, &browser.session_token().unwrap()).await.is_ok());
    }
}

/// R34: between the two writes of the emergency, when the new key is published and nobody can sign with it yet, a login
/// is trouble that passes, not a session that nobody accepts.
#[tokio::test]
async fn nobody_signs_with_a_key_that_is_not_published() {
    let stack = Stack::start().await;
    let ada = stack.browser();
    ada.signed_in(at::OKTA, "ada@acme.com").await;
    let (_, revision) = stack.running.store.public_keys_at().await.unwrap().unwrap();
    let other = KeyRing::new(PrivateKey::generate_es256().unwrap(), stack.clock.now());
    assert!(stack.running.store.publish_keys(&other.public(None), Some(revision)).await.unwrap());
    stack.advance(PUBLIC_KEYS_BELIEVED);
    let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
    assert_eq!((page.status, page.cookie(SESSION).is_none()), (503, true), "{}", page.body);
    stack.running.secrets.put(SIGNING_KEYS_SECRET, other.to_json().unwrap().expose_secret()).unwrap();
    stack.advance(11);
    let ben = stack.browser();
    ben.signed_in(at::OKTA, "ben.fischer@acme.com").await;
    assert_eq!(ben.session().await.status, 200);
}
