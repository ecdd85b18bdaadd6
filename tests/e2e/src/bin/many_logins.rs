//! Thousands of logins from one address: `cargo run -p e2e --bin many_logins [LOGINS] [SECONDS]`.
//!
//! By default 5,000 in five minutes, which no limit may meet: behind one address stands a company. The minutes are the
//! stack's own clock's, moved evenly; how long the logins really take is printed as well. At the end a hundred bad states
//! come from the same address, and those are limited.

#![expect(clippy::print_stdout, reason = "a command that prints what it counted")]
#![expect(clippy::expect_used, reason = "whoever runs it reads why it stopped")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::{Stack, at};
use tokio::task::JoinSet;

/// Browsers at once.
const LANES: u64 = 8;

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let logins = numbers.next().unwrap_or(5000);
    let seconds = numbers.next().unwrap_or(300);
    let stack = Stack::start().await;
    stack.sandbox().auto("ada@acme.com").await;
    let step = Duration::from_secs(seconds).div_f64(logins.max(1) as f64);

    let started = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let share = logins / LANES + u64::from(lane < logins % LANES);
        let browsers: Vec<_> = (0..share).map(|_| stack.browser()).collect();
        let clock = stack.clock.clone();
        lanes.spawn(async move {
            let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
            for browser in browsers {
                let mut answer = browser.get(format!("/login?{}", at::OKTA)).await;
                if answer.status == 303 {
                    let callback = browser.get(answer.location().as_str()).await.location();
                    answer = browser.get(callback.as_str()).await;
                }
                *statuses.entry(answer.status).or_default() += 1;
                clock.advance(step);
            }
            statuses
        });
    }
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    for (status, count) in lanes.join_all().await.into_iter().flatten() {
        *statuses.entry(status).or_default() += count;
    }
    let took = started.elapsed();
    println!(
        "{logins} logins in {seconds} s from one address (really {:.1} s), by status:",
        took.as_secs_f64()
    );
    for (status, count) in &statuses {
        println!("  {status}: {count}");
    }
    println!("sessions: {}", stack.sessions().await.len());

    let mut guesses: BTreeMap<u16, u64> = BTreeMap::new();
    for n in 0..100 {
        let answer = stack.browser().get(format!("/auth/callback?code=x&state=guess{n}")).await;
        *guesses.entry(answer.status).or_default() += 1;
    }
    println!("100 bad states from the same address, by status:");
    for (status, count) in &guesses {
        println!("  {status}: {count}");
    }
}
