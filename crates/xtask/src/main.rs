//! `cargo xtask`: what people who work on Vestibule run, and what CI runs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod bench;
mod bench_build;
mod bench_counts;
mod better_auth;
mod boundaries;
mod command;
mod fuzz;
mod next;
mod peers;
mod steps;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use command::Failure;
use steps::Step;

/// What people who work on Vestibule run.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Test everything there is, after setting up what that needs. Stops at the first failure.
    ///
    /// Where Chromium, PostgreSQL, Python, nginx, Caddy or valgrind is missing it is installed by apt-get, if that is allowed here (root on Debian
    /// or Ubuntu); otherwise what to install is printed. Nothing is skipped silently. CHROMIUM names another browser.
    Test {
        /// One step alone, with what it needs.
        #[arg(long, value_name = "STEP", value_enum)]
        only: Option<Step>,
    },
    /// Let people use three gateways and two API nodes on one PostgreSQL while everything fails at random, and print
    /// what was injected and what held (docs/reliability.md).
    Soak(Soak),
    /// Look for inputs that break the parsers, with libFuzzer: it needs a nightly compiler and cargo-fuzz. What is in
    /// fuzz/corpus is replayed by `cargo xtask test` without either.
    Fuzz(fuzz::Fuzz),
    /// Play the same cases through nginx, Caddy, Next.js rewrites and Vestibule, and write what each did into docs/gateway.md.
    Peers {
        /// One of them alone; may be repeated. Then the outcomes are printed and no table is written
        #[arg(long, value_name = "PEER", value_parser = ["nginx", "unbuffered", "caddy", "next", "vestibule"])]
        only: Vec<String>,
    },
    Bench(bench::Bench),
    /// Drive the Better Auth client, in each version since 1.4, against Better Auth and against Vestibule, and write what became of its
    /// calls into docs/compatibility.md. `cargo xtask test --only compatibility` says whether that is still so.
    Compatibility,
    /// Take a picture of every page, light, dark and narrow, into tests/browser/screenshots/; of the Next.js example into tests/next/screenshots/.
    Screenshots,
}

/// How long the soak goes on, and where it begins.
#[derive(clap::Args)]
struct Soak {
    /// How long faults are injected, in minutes
    #[arg(long, value_name = "NUMBER", conflicts_with = "seconds")]
    minutes: Option<u64>,
    /// The same in seconds
    #[arg(long, value_name = "NUMBER", default_value_t = steps::SHORT_SOAK)]
    seconds: u64,
    /// What the dice start from, to repeat a run roughly
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// A file for the table
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Soak {
    /// As the program takes them.
    fn arguments(&self) -> Result<Vec<String>, Failure> {
        let seconds = self.minutes.map_or(self.seconds, |minutes| minutes * 60);
        let mut arguments = vec![format!("--seconds={seconds}")];
        arguments.extend(self.seed.map(|seed| format!("--seed={seed}")));
        if let Some(report) = &self.report {
            let report = std::path::absolute(report);
            let report = report.map_err(|error| Failure(format!("--report: {error}")))?;
            arguments.push(format!("--report={}", report.display()));
        }
        Ok(arguments)
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test { only: None } => steps::all(top()),
        Task::Test { only: Some(step) } => steps::only(step, top()),
        Task::Soak(soak) => soak.arguments().and_then(|soak| steps::soak(&soak, top())),
        Task::Fuzz(asked) => fuzz::fuzz(&asked, top()),
        Task::Peers { only } => steps::peers(&only, top()),
        Task::Bench(asked) => bench::bench(&asked, top()),
        Task::Compatibility => steps::compatibility(top()),
        Task::Screenshots => steps::screenshots(top()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(said)) => {
            eprintln!("\nxtask: {said}");
            ExitCode::FAILURE
        }
    }
}

/// The top of the repository.
fn top() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate is crates/xtask")
}
