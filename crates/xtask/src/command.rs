//! Running other programs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Why a task did not succeed, for whoever ran it: the cause, and the mend if there is one.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// `program` with `arguments`, in the folder `at`.
pub(crate) fn command<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
    at: &Path,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(at);
    command
}

/// The cargo that runs us, with `arguments` separated by blanks.
pub(crate) fn cargo(arguments: &str, at: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    command(cargo, arguments.split_whitespace(), at)
}

/// Runs a command to its end, with its output here.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("this failed ({status}): {}", line(&command)))),
        Err(error) => Err(Failure(format!("this can't be run ({error}): {}", line(&command)))),
    }
}

/// What a command prints; its errors come out here.
pub(crate) fn output(mut command: Command) -> Result<String, Failure> {
    let said = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    match said {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => Err(Failure(format!("this failed ({}): {}", output.status, line(&command)))),
        Err(error) => Err(Failure(format!("this can't be run ({error}): {}", line(&command)))),
    }
}

/// What a command prints, if it can be run at all.
pub(crate) fn probe(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output =
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    match command.get_current_dir() {
        Some(folder) => format!("{} (in {})", words.join(" "), folder.display()),
        None => words.join(" "),
    }
}
