//! How fast Vestibule is: pieces of it alone, the whole beside others, and what the machine could do at best.
//! `cargo xtask bench` builds and runs this; docs/performance.md says how to read it.

mod better_auth;
mod clock;
mod compare;
mod fixture;
mod hour;
mod load;
mod measure;
mod million;
mod nodes;
mod peers;
mod pieces;
mod process;
mod raw;
mod refresh;
mod servers;
mod size;
mod stage;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// That of the program: what a piece costs is to be what it costs there. The C library's also takes more or fewer instructions
/// from run to run, by where its free pieces happen to lie.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Whatever went wrong, in words.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What `cargo xtask bench` runs.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Makes what the pieces are measured on, in a folder.
    Prepare { folder: PathBuf },
    /// Does one piece so many times, and twice as many, between marks for callgrind.
    Piece { piece: pieces::Piece, times: usize, folder: PathBuf },
    /// Serves what the others are measured with.
    Serve {
        kind: servers::Kind,
        /// Where a relay passes on to.
        #[arg(long)]
        to: Option<SocketAddr>,
    },
    /// Measures servers beside others, and prints a table with the goals.
    Measure(measure::Measure),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Prepare { folder } => fixture::prepare(&folder).await,
        Task::Piece { piece, times, folder } => pieces::run(piece, times, &folder).await,
        Task::Serve { kind, to } => servers::serve(kind, to).await,
        Task::Measure(asked) => measure::measure(&asked).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&*why);
            ExitCode::FAILURE
        }
    }
}

/// Says what is being done, for somebody who waits.
#[expect(clippy::print_stderr, reason = "a tool for a terminal")]
pub(crate) fn progress(doing: &str) {
    eprintln!("  {doing}");
}

#[expect(clippy::print_stderr, reason = "a tool for a terminal")]
fn complain(why: &dyn std::error::Error) {
    eprintln!("bench: {why}");
}
