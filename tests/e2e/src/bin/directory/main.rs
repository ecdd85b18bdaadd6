//! A directory under load: `cargo run --release -p e2e --bin directory [-- [--write] [PEOPLE…]]`, by default 1,000 and
//! 10,000.
//!
//! Measured are the webhook, event by event and at a pace; a first synchronisation of each size; one group with twice as
//! many people as the largest size; leavers; and the function as a process alone. With `--write` the figures go to
//! docs/performance.md, between marks of their own.
//!
//! The database is the embedded engine on the same machine, so times say more about it than about the function. What
//! goes to the database is counted as well, and counts are the same everywhere.

#![expect(clippy::print_stdout, reason = "a command that prints what it measured")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "whoever runs it reads why it stopped"
)]

mod alone;
mod company;
mod courier;
mod crowd;
mod leaving;
mod sync;
mod webhook;

use std::time::Instant;

use e2e::measure;

const BEGIN: &str = "<!-- directories: directory writes from here -->";
const END: &str = "<!-- directories: to here -->";

#[tokio::main]
async fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse::<usize>().expect("a number of people");
    if let [first, people] = given.as_slice()
        && first == sync::CHILD
    {
        println!("{}", sync::child(number(people)).await);
        return;
    }
    let write = given.iter().any(|word| word == "--write");
    let mut sizes: Vec<usize> = given.iter().filter(|word| *word != "--write").map(number).collect();
    if sizes.is_empty() {
        sizes = vec![1000, 10_000];
    }
    let largest = sizes.iter().copied().max().unwrap_or_default();
    // What does not grow with the directory is measured as often as the smallest size makes worth while.
    let repeats = (largest / 50).clamp(5, 200);
    let started = Instant::now();
    let mut figures = format!("{}\n\n", measure::taken());
    let seconds = if largest < 1000 { 2 } else { 20 };
    for section in [
        tell(webhook::measured(repeats, seconds).await),
        tell(sync::measured(&sizes).await),
        tell(crowd::measured(10, largest * 2).await),
        tell(leaving::measured(repeats.min(50)).await),
        tell(alone::measured(largest.min(1000)).await),
    ] {
        figures.push_str(&section);
    }
    println!("All of it in {:.0} s.", started.elapsed().as_secs_f64());
    if write {
        measure::publish(BEGIN, END, &figures);
    }
}

/// As soon as it is known.
fn tell(section: String) -> String {
    println!("{section}");
    section
}
