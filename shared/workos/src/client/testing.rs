//! A client of a scripted WorkOS, for the tests of the calls.

use std::time::Duration;

use domain::{Clock, Rng, Timestamp};
use net::Deadline;

use super::Client;
use crate::base_url::BaseUrl;
use crate::credentials::{ApiKey, ClientId};
use crate::fake::{Answer, Fake};

pub(crate) async fn scripted(script: impl IntoIterator<Item = Answer>) -> (Fake, Client) {
    let fake = Fake::start(script).await;
    let client = Client::new(
        net::client().unwrap(),
        BaseUrl::parse(&fake.base).unwrap(),
        ClientId::parse("client_01").unwrap(),
        Clock::manual(Timestamp::from_seconds(0)),
        Rng::seeded(1),
    );
    (fake, client)
}

pub(crate) fn key() -> ApiKey {
    ApiKey::parse("sk_test_canary").unwrap()
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(4))
}
