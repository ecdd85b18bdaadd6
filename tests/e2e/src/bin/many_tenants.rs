//! Thousands of tenants: `cargo run -p e2e --bin many_tenants [--write] [ROWS…]`, by default 10, 1,000 and 10,000.
//!
//! For each number a fresh stack starts, and this program, once more and as a process of its own, imports a file of so
//! many customers into it with the command line's own code: its time and its largest size are the import's alone.
//! Then a person signs in by e-mail address and the login's database calls are counted: they must be the same however
//! many tenants there are. With `--write` the figures go to docs/performance.md, between marks of their own.
//!
//! WorkOS is the sandbox and the database the embedded engine, both on the same machine: the time says more about them
//! than about the import, so what counts is how it grows.

#![expect(clippy::print_stdout, reason = "a command that prints what it measured")]
#![expect(clippy::expect_used, clippy::panic, reason = "whoever runs it reads why it stopped")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use e2e::{Stack, measure, operator_of};
use serde_json::{Value, json};
use vestibule::tenants::import::Import;

const BEGIN: &str = "<!-- imports: many_tenants writes from here -->";
const END: &str = "<!-- imports: to here -->";
const CHILD: &str = "--import";

struct Measured {
    rows: usize,
    /// Seconds.
    checking: f64,
    importing: f64,
    processor: f64,
    peak_mb: f64,
    calls: BTreeMap<String, usize>,
}

#[tokio::main]
async fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [first, file, dynamodb, sandbox] = given.as_slice()
        && first == CHILD
    {
        return import(Path::new(file), dynamodb, sandbox).await;
    }
    let write = given.iter().any(|word| word == "--write");
    let numbers = given.iter().filter(|word| *word != "--write");
    let mut sizes: Vec<usize> = numbers.map(|text| text.parse().expect("a number of rows")).collect();
    if sizes.is_empty() {
        sizes = vec![10, 1000, 10_000];
    }
    let mut all = Vec::new();
    for rows in sizes {
        all.push(measured(rows).await);
        println!("{}", figures(&all));
    }
    if write {
        measure::publish(BEGIN, END, &figures(&all));
    }
}

async fn measured(rows: usize) -> Measured {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("customers.csv");
    let mut text = "name,domains,verified,external_id,slug\n".to_owned();
    for n in 0..rows {
        let _ = writeln!(text, "Customer {n},c{n}.example,true,ext-{n},customer-{n}");
    }
    fs::write(&file, text).expect("a file of customers");

    let stack = Stack::without_streams().await;
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.arg(CHILD).arg(&file).args([&stack.running.urls.dynamodb, stack.sandbox_url()]);
    child.stdin(Stdio::null()).stderr(Stdio::inherit());
    // The stack answers on this runtime meanwhile.
    let ran =
        tokio::task::spawn_blocking(move || child.output()).await.expect("a thread").expect("a process");
    assert!(ran.status.success(), "the import failed");
    let told: Value = serde_json::from_slice(&ran.stdout).expect("figures");
    let number =
        |name: &str| told.get(name).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {name}: {told}"));
    assert_eq!(told.get("created"), Some(&json!(rows)), "{told}");

    // The imported customers have no connection yet: everything is read, and nobody is sent anywhere.
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    let answer = browser.post_form("/login", &[("email", "ada@c7.example")]).await;
    assert_eq!(answer.status, 404, "{}", answer.body);
    Measured {
        rows,
        checking: number("checking"),
        importing: number("importing"),
        processor: number("processor"),
        peak_mb: number("peak_kib") / 1024.0,
        calls: proxy.calls(),
    }
}

/// The other process: imports, and prints what it took.
async fn import(file: &Path, dynamodb: &str, sandbox: &str) {
    let operator = operator_of(dynamodb, sandbox);
    let started = Instant::now();
    let import = Import::open(file, None).expect("a readable file");
    let checking = started.elapsed().as_secs_f64();
    assert!(import.summary.problems.is_empty(), "{:?}", import.summary.problems);
    let started = Instant::now();
    let report = import.run(&operator, &mut |_, _| {}).await.expect("an import that runs");
    let importing = started.elapsed().as_secs_f64();
    let figures = json!({
        "created": report.created,
        "checking": checking,
        "importing": importing,
        "processor": measure::processor_seconds("self"),
        "peak_kib": measure::peak_kib("self"),
    });
    println!("{figures}");
}

fn figures(all: &[Measured]) -> String {
    let mut text = format!("{}\n\n", measure::taken());
    text.push_str("| rows | checked in | imported in | a row | processor time of the import | peak memory | database calls of a login |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for Measured { rows, checking, importing, processor, peak_mb, calls } in all {
        let a_row = importing * 1000.0 / *rows as f64;
        let _ = writeln!(
            text,
            "| {rows} | {checking:.2} s | {importing:.1} s | {a_row:.1} ms | {processor:.1} s | {peak_mb:.1} MB | {} |",
            calls.values().sum::<usize>(),
        );
    }
    text.push('\n');
    for pair in all.windows(2) {
        let [small, large] = pair else { continue };
        let _ = writeln!(
            text,
            "* From {} to {} rows: {:.0} x the rows, {:.1} x the time, {:.1} x the memory; the login's calls {}.",
            small.rows,
            large.rows,
            large.rows as f64 / small.rows as f64,
            large.importing / small.importing,
            large.peak_mb / small.peak_mb,
            if small.calls == large.calls { "are the same" } else { "DIFFER" },
        );
    }
    text
}
