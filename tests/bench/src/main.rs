//! The benchmark: every function as it ships, beside the least Rust function and beside the same job in Node.
//!
//! Each start is a process of its own that talks to a Lambda Runtime API here and to DynamoDB, Secrets Manager and WorkOS
//! stubs of fixed delay, over TLS. The variants take turns, so that whatever else the machine does meets all of them.
//! `run` builds what is measured and starts this; the figures go to docs/performance.md.

mod budgets;
mod calls;
mod directory;
mod process;
mod report;
mod roots;
mod series;
mod stubs;
mod tls;
mod variant;
mod world;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use variant::{Places, Variant};
use world::World;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

/// Measures the functions and writes docs/performance.md.
#[derive(Parser)]
struct Arguments {
    /// Starts of each variant
    #[arg(long, default_value_t = 15)]
    starts: usize,
    /// Warm invocations after each start
    #[arg(long, default_value_t = 20)]
    warm: usize,
    /// Folder with the release binaries
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Folder with their zips
    #[arg(long, default_value = "target/bench/zip")]
    zips: PathBuf,
    /// The bundled Node peer
    #[arg(long, default_value = "target/bench/node/dist/index.mjs")]
    node: PathBuf,
    /// Folder for copies and logs
    #[arg(long, default_value = "target/bench")]
    work: PathBuf,
    /// The page that holds the figures
    #[arg(long, default_value = "docs/performance.md")]
    page: PathBuf,
    /// Print the figures and leave the page alone
    #[arg(long)]
    dry: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            // Nothing else is left to say it to when even this cannot be written.
            drop(writeln!(io::stderr(), "bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool> {
    let world = World::new().await?;
    let Arguments { starts, warm, .. } = arguments;
    let work = std::path::absolute(&arguments.work)?;
    let places = Places { binaries: arguments.binaries, zips: arguments.zips, node: arguments.node, work };
    let mut variants = Variant::all(&places, &world, warm)?;
    let load_before = report::load();
    // Thrown away: it brings the files into the page cache.
    for variant in &mut variants {
        variant.run(&world.stubs).await?;
        variant.figures = series::Series::default();
    }
    for round in 1..=starts {
        write!(io::stderr(), "\rstart {round} of {starts}")?;
        for variant in &mut variants {
            variant.run(&world.stubs).await?;
        }
    }
    writeln!(io::stderr())?;
    let budgets = budgets::check(&variants)?;
    let machine = report::Machine::describe(load_before, starts, warm);
    let text = report::write(&variants, &budgets, &machine)?;
    writeln!(io::stdout(), "{text}")?;
    if !arguments.dry {
        report::update(&arguments.page, &text)?;
    }
    Ok(budgets.iter().all(budgets::Budget::holds))
}
