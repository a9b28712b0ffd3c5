//! `cargo xtask`: what people who work on Vestibule run, and what CI runs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod boundaries;
mod command;
mod steps;
mod tools;

use std::path::Path;
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
    /// Where Chromium or PostgreSQL is missing it is installed by apt-get, if that is allowed here (root on Debian
    /// or Ubuntu); otherwise what to install is printed. Nothing is skipped silently. CHROMIUM names another browser.
    Test {
        /// One step alone, with what it needs.
        #[arg(long, value_name = "STEP", value_enum)]
        only: Option<Step>,
    },
    /// Take a picture of every page, light, dark and narrow, into tests/browser/screenshots/.
    Screenshots,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test { only: None } => steps::all(top()),
        Task::Test { only: Some(step) } => steps::only(step, top()),
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
