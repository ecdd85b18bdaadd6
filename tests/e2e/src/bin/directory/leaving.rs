//! A leaver: from WorkOS's event to the first request that is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use authorizer::{Decision, Event};
use e2e::dsync::{ACME, person};
use e2e::measure::Times;
use e2e::{Browser, Deployment, SESSION, Stack, at};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::courier::Courier;

/// Within which a leaver has to be out, for 95 of 100.
const BOUND: Duration = Duration::from_secs(60);
/// What the authorizer grants a token beyond its end.
const LEEWAY: u64 = 60;

/// Who asks whether the person is still in.
#[derive(Clone)]
enum Door {
    Session(Browser),
    Authorizer(authorizer::Deps, Event),
}

impl Door {
    async fn open(&self) -> bool {
        match self {
            Self::Session(browser) => match browser.session().await.status {
                200 => true,
                401 => false,
                status => panic!("neither in nor out: {status}"),
            },
            Self::Authorizer(deps, event) => match authorizer::authorize(deps, event).await {
                Decision(Ok(_)) => true,
                Decision(Err(denial)) if denial.code() == "unavailable" => panic!("unavailable"),
                Decision(Err(_)) => false,
            },
        }
    }
}

fn authorizer(deployment: &Deployment, browser: &Browser) -> Door {
    let token = browser.session_token().expect("a session");
    let cookies = vec![format!("{SESSION}={token}")];
    Door::Authorizer(deployment.authorizer.clone(), Event::new(BTreeMap::new(), cookies))
}

/// The directory brings a person, who then signs in.
async fn arrives(stack: &Stack, courier: &Courier, n: usize) -> (Browser, Value) {
    let email = format!("leaver{n}@acme.com");
    let data = person(&format!("V{n:05}"), &email);
    courier.expects("applied", &stack.event(&format!("hire{n}"), "dsync.user.created", data.clone())).await;
    let name = json!({"email": email, "organization_id": ACME, "first_name": "Vera", "last_name": "Leaver"});
    stack.sandbox().person(name).await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, &email).await;
    (browser, stack.event(&format!("leave{n}"), "dsync.user.deleted", data))
}

#[derive(Default)]
struct Lags {
    /// Until WorkOS has its answer.
    answered: Times,
    /// Until the first refusal.
    refused: Times,
}

/// Somebody asks again and again while the event comes.
async fn strict(door: &Door, courier: &Courier, leaves: &Value, lags: &mut Lags) {
    assert!(door.open().await, "signed in");
    let (asked, begins) = oneshot::channel();
    let door = door.clone();
    let asking = tokio::spawn(async move {
        let (mut asked, mut last) = (Some(asked), Instant::now());
        loop {
            let began = Instant::now();
            if !door.open().await {
                return (last, Instant::now());
            }
            last = began;
            if let Some(asked) = asked.take() {
                let _ = asked.send(());
            }
        }
    });
    begins.await.expect("somebody asks");
    let sent = Instant::now();
    lags.answered.add(courier.expects("applied", leaves).await);
    let answered = Instant::now();
    let (last, refused) = asking.await.expect("somebody asks");
    assert!(last <= answered, "whoever asks after WorkOS has its answer is refused");
    lags.refused.add(refused - sent);
}

/// In seconds of the stack's clock, which is moved second by second: from the event to the first refusal, for people whom
/// it meets at moments evenly spread over their token's life.
async fn by_signature(people: usize, life: u64) -> Times {
    let life_text = life.to_string();
    let settings = [("TOKEN_SECONDS", life_text.as_str())];
    let stack = Stack::with(&settings).await;
    let deployment = stack.deployed(&[("AUTHORIZER_MODE", "signature"), settings[0]]).await;
    let courier = Courier::of(&stack);
    let mut lags = Times::default();
    for n in 0..people {
        let (browser, _) = arrives(&stack, &courier, n).await;
        let door = authorizer(&deployment, &browser);
        stack.advance(life * u64::try_from(n).expect("a number") / u64::try_from(people).expect("a number"));
        let data = person(&format!("V{n:05}"), &format!("leaver{n}@acme.com"));
        courier.expects("applied", &stack.event(&format!("leave{n}"), "dsync.user.deleted", data)).await;
        assert_eq!(browser.session().await.status, 401, "no new token");
        let mut seconds = 0;
        while door.open().await {
            stack.advance(1);
            seconds += 1;
            assert!(seconds <= life + LEEWAY + 1, "longer than the token lives");
        }
        lags.add(Duration::from_secs(seconds));
    }
    lags
}

/// Everything of this section, in Markdown.
pub(crate) async fn measured(people: usize) -> String {
    let stack = Stack::without_streams().await;
    let courier = Courier::of(&stack);
    let deployment = stack.deployed(&[]).await;
    let (mut session, mut checked) = (Lags::default(), Lags::default());
    for n in 0..people * 2 {
        let (browser, leaves) = arrives(&stack, &courier, n).await;
        if n.is_multiple_of(2) {
            strict(&Door::Session(browser), &courier, &leaves, &mut session).await;
        } else {
            strict(&authorizer(&deployment, &browser), &courier, &leaves, &mut checked).await;
        }
    }
    let mut text = format!(
        "**A leaver**, {people} people each: from the sending of `dsync.user.deleted` to the first refusal of somebody who \
         asks without a pause.\n\n\
         | | p50 | p95 | p99 | WorkOS has its answer, p50 |\n|---|---|---|---|---|\n"
    );
    for (what, lags) in [("`/auth/session`, over HTTP", &session), ("authorizer, strict", &checked)] {
        let _ = writeln!(
            text,
            "| {what} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
            lags.refused.millis(50),
            lags.refused.millis(95),
            lags.refused.millis(99),
            lags.answered.millis(50),
        );
    }
    for life in [300, 60] {
        let lags = by_signature(people, life).await;
        let seconds = |percent| lags.percentile(percent).as_secs();
        let _ = writeln!(
            text,
            "| authorizer, signature only, `TOKEN_SECONDS` {life} | {} s | {} s | {} s | |",
            seconds(50),
            seconds(95),
            seconds(99)
        );
    }
    let holds = [&session, &checked].iter().all(|lags| lags.refused.percentile(95) <= BOUND);
    let _ = writeln!(
        text,
        "\nThe bound of {} s for p95 {}. Signature only asks nobody: the token is good until it ends, and {LEEWAY} s of leeway \
         for clocks beyond that. These seconds are the stack's clock's, moved one by one, for people whom the event meets at \
         moments spread evenly over their token's life. No new token is given from the moment of the event.\n",
        BOUND.as_secs(),
        if holds { "holds where sessions are looked up" } else { "**does not hold**" },
    );
    text
}
