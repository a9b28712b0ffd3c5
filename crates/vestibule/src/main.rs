//! `vestibule`: reads the settings, runs, and turns errors into one line and an exit code.

use std::process::ExitCode;

use vestibule::run::{self, Outcome};
use vestibule::settings::Cli;

/// The C library's keeps what a crowd of connections took for as long as the process lives; this one gives it back within seconds.
/// `.cargo/config.toml` sets it up.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let cli = match Cli::read(std::env::args_os(), is_set) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run::run(cli) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeRefused) => ExitCode::from(3),
        Err(error) => {
            run::say_error(&error);
            ExitCode::FAILURE
        }
    }
}
