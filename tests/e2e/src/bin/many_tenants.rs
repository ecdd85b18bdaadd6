//! Thousands of tenants: `cargo run -p e2e --bin many_tenants [ROWS…]`, by default 10, 1,000 and 10,000.
//!
//! Imports a file of so many customers into a fresh stack with the command line's own code, and prints what it took: time,
//! and how much the process grew. Then a person signs in by e-mail address, and the login's database calls are counted:
//! they must be the same however many tenants there are. WorkOS is the sandbox and the database the embedded engine, in
//! this same process, so memory is everybody's together; what counts is how it grows.

#![expect(clippy::print_stdout, reason = "a command that prints what it measured")]
#![expect(clippy::expect_used, reason = "whoever runs it reads why it stopped")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use e2e::Stack;
use vestibule::tenants::import::Import;

struct Measured {
    rows: usize,
    checking: Duration,
    importing: Duration,
    grown_kib: u64,
    calls: BTreeMap<String, usize>,
}

#[tokio::main]
async fn main() {
    let given: Vec<usize> =
        std::env::args().skip(1).map(|text| text.parse().expect("a number of rows")).collect();
    let sizes = if given.is_empty() { vec![10, 1000, 10_000] } else { given };
    let mut all = Vec::new();
    for rows in sizes {
        let measured = measure(rows).await;
        println!(
            "{:>6} rows: checked in {:.2} s, imported in {:.1} s ({:.2} ms a row), {:.1} MB more memory, calls of a login: {:?}",
            measured.rows,
            measured.checking.as_secs_f64(),
            measured.importing.as_secs_f64(),
            measured.importing.as_secs_f64() * 1000.0 / measured.rows as f64,
            measured.grown_kib as f64 / 1024.0,
            measured.calls,
        );
        all.push(measured);
    }
    for pair in all.windows(2) {
        let [small, large] = pair else { continue };
        println!(
            "{} to {}: {:.0} x the rows, {:.1} x the time, {:.1} x the memory, calls of a login {}",
            small.rows,
            large.rows,
            large.rows as f64 / small.rows as f64,
            large.importing.as_secs_f64() / small.importing.as_secs_f64(),
            large.grown_kib as f64 / small.grown_kib.max(1) as f64,
            if small.calls == large.calls { "the same" } else { "DIFFER" },
        );
    }
}

async fn measure(rows: usize) -> Measured {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("customers.csv");
    let mut text = "name,domains,verified,external_id,slug\n".to_owned();
    for n in 0..rows {
        let _ = writeln!(text, "Customer {n},c{n}.example,true,ext-{n},customer-{n}");
    }
    fs::write(&file, text).expect("a file of customers");

    let stack = Stack::without_streams().await;
    let operator = stack.operator();
    let before = resident_kib();
    let started = Instant::now();
    let import = Import::open(&file, None).expect("a readable file");
    let checking = started.elapsed();
    assert_eq!(import.summary.good, rows, "{:?}", import.summary.problems);
    let started = Instant::now();
    let report = import.run(&operator, &mut |_, _| {}).await.expect("an import that runs");
    let importing = started.elapsed();
    assert_eq!(report.created, rows, "{:?}", report.failed.first());
    let grown_kib = resident_kib().saturating_sub(before);

    // One of the imported customers has no connection yet: everything is read, and nobody is sent anywhere.
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    let answer = browser.post_form("/login", &[("email", "ada@c7.example")]).await;
    assert_eq!(answer.status, 404, "{}", answer.body);
    Measured { rows, checking, importing, grown_kib, calls: proxy.calls() }
}

/// What the kernel says this process holds.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}
