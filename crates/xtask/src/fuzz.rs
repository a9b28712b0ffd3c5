//! libFuzzer over the targets of `crates/fuzz-targets`, for as long as one likes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, command, probe, run};
use crate::steps::files;

/// For how long, and which.
#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// How long each target is run, in seconds
    #[arg(long, value_name = "NUMBER", default_value_t = 60)]
    seconds: u64,
    /// One target alone; without it, all of them in turn
    target: Option<String>,
}

/// Runs the targets, beginning with the corpus in `fuzz/corpus` and what earlier runs have found in `target/`.
/// An input that breaks something is left in `fuzz/artifacts`.
pub(crate) fn fuzz(asked: &Fuzz, top: &Path) -> Result<(), Failure> {
    check_tools()?;
    let targets = files(&top.join("fuzz/fuzz_targets"), ".rs")?;
    let names: Vec<String> = targets.iter().filter_map(|file| name(file)).collect();
    let chosen: Vec<&String> = match &asked.target {
        None => names.iter().collect(),
        Some(target) => names.iter().filter(|name| *name == target).collect(),
    };
    if chosen.is_empty() {
        return Err(Failure(format!("there is no such target; there are {}", names.join(", "))));
    }
    chosen.into_iter().try_for_each(|target| fuzz_one(target, asked.seconds, top))
}

fn name(file: &Path) -> Option<String> {
    Some(file.file_stem()?.to_str()?.to_owned())
}

fn fuzz_one(target: &str, seconds: u64, top: &Path) -> Result<(), Failure> {
    let found = PathBuf::from("target/fuzz-corpus").join(target);
    fs::create_dir_all(top.join(&found))
        .map_err(|error| Failure(format!("{} can't be made: {error}", found.display())))?;
    let (found, seeds) = (found.display().to_string(), format!("fuzz/corpus/{target}"));
    let time = format!("-max_total_time={seconds}");
    let what = ["+nightly", "fuzz", "run", "--target-dir", "target/fuzz", target, &found, &seeds];
    run(command("cargo", what.iter().chain(&["--", &time, "-max_len=4096"]), top))
}

fn check_tools() -> Result<(), Failure> {
    if probe("cargo", &["+nightly", "--version"]).is_none() {
        return Err(Failure(
            "libFuzzer needs a nightly compiler. Install it: rustup toolchain install nightly"
                .to_owned(),
        ));
    }
    match probe("cargo", &["fuzz", "--version"]) {
        Some(_) => Ok(()),
        None => Err(Failure(
            "cargo-fuzz is missing. Install it: cargo install --locked cargo-fuzz".to_owned(),
        )),
    }
}
