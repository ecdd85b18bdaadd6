//! One event after another: what each sends to the database, and how long WorkOS waits for its answer.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::dsync::directory;
use e2e::measure::Times;
use e2e::{Stack, Traffic};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::company::{Company, life};
use crate::courier::Courier;

/// Events a second, and the answer that 99 of 100 have to have by then.
const RATE: u32 = 50;
const BOUND: Duration = Duration::from_millis(500);

const ONE_WRITE: &str = "one item written, by the SDK alone";
const FORGED: &str = "a forged signature";
const UNKNOWN: &str = "an event of an unknown type";
const AGAIN: &str = "an event for the second time";

struct Row {
    what: &'static str,
    times: Times,
}

#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    fn add(&mut self, what: &'static str, took: Duration) {
        match self.0.iter_mut().find(|row| row.what == what) {
            Some(row) => row.times.add(took),
            None => {
                let mut times = Times::default();
                times.add(took);
                self.0.push(Row { what, times });
            }
        }
    }

    fn of(&self, what: &str) -> &Times {
        &self.0.iter().find(|row| row.what == what).expect("it was measured").times
    }
}

/// What each event sends to the database, in a directory that has introduced itself. Through a proxy, so without times.
pub(crate) async fn counted(stack: &Stack, n: usize) -> Vec<(&'static str, Traffic)> {
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let courier = Courier::by(stack, deployment.visited_by(&stack.browser()));
    let mut all = Vec::new();
    let events = life(stack.clock.now(), n);
    for (kind, event) in &events {
        proxy.forget();
        courier.expects("applied", event).await;
        all.push((*kind, proxy.traffic()));
    }
    let odd = stack.event(&format!("odd{n}"), "flag.created", json!({"id": n}));
    proxy.forget();
    courier.forging().sends(&odd).await;
    all.push((FORGED, proxy.traffic()));
    proxy.forget();
    courier.expects("ignored", &odd).await;
    all.push((UNKNOWN, proxy.traffic()));
    proxy.forget();
    for (_, event) in events.iter().take(1) {
        courier.expects("duplicate", event).await;
    }
    all.push((AGAIN, proxy.traffic()));
    all
}

async fn introduced(stack: &Stack) {
    let event = stack.event("directory", "dsync.activated", directory());
    Courier::of(stack).expects("applied", &event).await;
}

/// The same events again and again, in turns with what they are compared with.
async fn rounds(stack: &Stack, from: usize, rounds: usize) -> Rows {
    let courier = Courier::of(stack);
    let forger = courier.forging();
    let mut rows = Rows::default();
    for n in from..=from + rounds {
        let mut round = Rows::default();
        round.add(ONE_WRITE, one_write(stack, n).await);
        let odd = stack.event(&format!("odd{n}"), "flag.created", json!({"id": n}));
        let (took, answer) = forger.sends(&odd).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        round.add(FORGED, took);
        round.add(UNKNOWN, courier.expects("ignored", &odd).await);
        for (kind, event) in life(stack.clock.now(), n) {
            round.add(kind, courier.expects("applied", &event).await);
        }
        let (_, first) = life(stack.clock.now(), n).swap_remove(0);
        round.add(AGAIN, courier.expects("duplicate", &first).await);
        // The first round opens connections and fills caches.
        if n > from {
            for Row { what, times } in round.0 {
                rows.add(what, times.percentile(100));
            }
        }
    }
    rows
}

/// Milliseconds of one write by the SDK alone, and of an event, whichever: medians, one after another, in a directory as it
/// is. Nothing of it is left but what is over.
pub(crate) async fn one_by_one(stack: &Stack, first: usize) -> (f64, f64) {
    let rows = rounds(stack, first, 30).await;
    let events: Vec<f64> =
        rows.0.iter().filter(|row| row.what.starts_with("dsync.")).map(|row| row.times.millis(50)).collect();
    (rows.of(ONE_WRITE).millis(50), events.iter().sum::<f64>() / events.len() as f64)
}

/// The floor of everything that is durable: an item like the mark of an event.
async fn one_write(stack: &Stack, n: usize) -> Duration {
    let text = |text: String| AttributeValue::S(text);
    let put = stack.running.store.client().put_item().table_name("vestibule-ephemeral");
    let put = put.item("pk", text(format!("B#{n}"))).item("outcome", text("applied".to_owned()));
    let put =
        put.item("kind", text("dsync.user.created".to_owned())).item("change", text("nothing".to_owned()));
    let sent = Instant::now();
    put.condition_expression("attribute_not_exists(pk)").send().await.expect("the engine answers");
    sent.elapsed()
}

/// At an even pace, whether the events before are answered or not. Counted from when each was due.
async fn at_pace(seconds: u32) -> Times {
    let stack = Stack::without_streams().await;
    let courier = Courier::of(&stack);
    let company = Company { people: usize::try_from(RATE * seconds).expect("a number") / 2 };
    let mut pace = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut underway = JoinSet::new();
    for n in 0..company.events() {
        let event = company.event(stack.clock.now(), n);
        let due = pace.tick().await;
        let courier = courier.clone();
        underway.spawn(async move {
            courier.expects("applied", &event).await;
            due.elapsed()
        });
    }
    let mut times = Times::default();
    underway.join_all().await.into_iter().for_each(|time| times.add(time));
    times
}

/// Everything of this section, in Markdown.
pub(crate) async fn measured(repeats: usize, seconds: u32) -> String {
    let (plain, streaming) = (Stack::without_streams().await, Stack::start().await);
    introduced(&plain).await;
    introduced(&streaming).await;
    let counts = counted(&plain, 99_999).await;
    let without = rounds(&plain, 0, repeats).await;
    let with = rounds(&streaming, 0, repeats).await;
    let paced = at_pace(seconds).await;

    let mut text = format!(
        "**The webhook**, over HTTP, one event after another, {repeats} of each kind in turns. \"Streams\" is an engine whose \
         tables have their streams: it looks through all records for every write, which DynamoDB does not.\n\n"
    );
    text.push_str(
        "| | calls | items read | items written | p50 | p99 | p50 over an unknown type's | p50 with streams |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let base = without.of(UNKNOWN).millis(50);
    for Row { what, times } in &without.0 {
        let counts = counts.iter().find(|(kind, _)| kind == what).map(|(_, traffic)| traffic);
        let counts = counts.map_or_else(
            || "1 | 0 | 1".to_owned(),
            |traffic| format!("{} | {} | {}", traffic.total(), traffic.read, traffic.written),
        );
        let name = if what.starts_with("dsync.") { format!("`{what}`") } else { (*what).to_owned() };
        let _ = writeln!(
            text,
            "| {name} | {counts} | {:.1} ms | {:.1} ms | {:.2}x | {:.1} ms |",
            times.millis(50),
            times.millis(99),
            times.millis(50) / base,
            with.of(what).millis(50),
        );
    }
    let holds = if paced.percentile(99) < BOUND { "holds" } else { "**does not hold**" };
    let _ = writeln!(
        text,
        "\nAt {RATE} events a second for {} s, each timed from when it was due: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms. \
         The bound of {} ms for p99 {holds}.\n",
        paced.len() / usize::try_from(RATE).expect("a number"),
        paced.millis(50),
        paced.millis(99),
        paced.millis(100),
        BOUND.as_millis(),
    );
    text
}

/// For another process.
pub(crate) fn as_json(counts: &[(&'static str, Traffic)]) -> Value {
    let numbers = |(kind, traffic): &(&'static str, Traffic)| {
        json!([kind, traffic.calls, traffic.read, traffic.written])
    };
    counts.iter().map(numbers).collect()
}
