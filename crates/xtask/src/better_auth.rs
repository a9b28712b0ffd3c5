//! The Better Auth client against Better Auth and against Vestibule (tests/better-auth).

use std::path::{Path, PathBuf};

use crate::command::{Failure, command, run};
use crate::steps::{files, node_test};

/// The folder of the scenarios.
pub(crate) fn tests(top: &Path) -> PathBuf {
    top.join("tests/better-auth")
}

/// Plays everything with the program in the folder `build`: fails at a difference without a reason, a reason without a difference,
/// and a table that says something else.
pub(crate) fn test(top: &Path, build: &str) -> Result<(), Failure> {
    let at = tests(top);
    let mut play = node_test(&files(&at, ".test.mjs")?, &at);
    play.env("VESTIBULE_BUILD", build);
    run(play)
}

/// Plays everything and writes docs/compatibility.md, if every difference has a reason.
pub(crate) fn write(top: &Path, build: &str) -> Result<(), Failure> {
    let mut play = command("node", ["run.mjs"], &tests(top));
    play.env("VESTIBULE_BUILD", build);
    run(play)
}
