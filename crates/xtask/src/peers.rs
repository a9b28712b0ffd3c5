//! nginx, Caddy and Next.js, to be compared with: what is installed for that, none of it into the system.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, command, probe, run};
use crate::tools;

const PYTHON: [&str; 2] = ["python3", "python3-venv"];

/// Runs the comparison in `at`, with the program in the folder `build`. `only` names peers; without any, all play and the
/// table in docs/gateway.md is written.
pub(crate) fn compare(only: &[String], at: &Path, build: &str) -> Result<(), Failure> {
    let programs = installed(&at.join("requirements.txt"), &Path::new(build).join("peers"))?;
    next(&at.join("next-app"))?;
    let mut play = command("node", ["run.mjs"], at);
    play.args((!only.is_empty()).then(|| only.join(",")));
    play.env("VESTIBULE_BUILD", build).env("PEERS_PROGRAMS", programs);
    run(play)
}

/// Next.js. Not by `npm ci`: that insists on packages for other systems, which not every registry has.
fn next(at: &Path) -> Result<(), Failure> {
    run(command("npm", ["install", "--no-save", "--no-audit", "--no-fund"], at))
}

/// The folder of the programs in `list`, which come as Python packages, the same versions on every machine; in a virtual environment
/// at `folder`.
pub(crate) fn installed(list: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let (stamp, programs) = (folder.join("installed.txt"), folder.join("bin"));
    if fs::read(&stamp).ok() == fs::read(list).ok() && stamp.exists() {
        return Ok(programs);
    }
    tools::installed(&PYTHON, || match probe("python3", &["-c", "import ensurepip, venv"]) {
        Some(_) => Ok(()),
        None => Err(format!(
            "Python 3 with its module venv is missing. Install it: sudo apt-get install {}",
            PYTHON.join(" ")
        )),
    })?;
    let venv = ["-m".as_ref(), "venv".as_ref(), "--clear".as_ref(), folder.as_os_str()];
    run(command("python3", venv, Path::new("/")))?;
    let all: [&OsStr; 4] =
        ["install".as_ref(), "--quiet".as_ref(), "--requirement".as_ref(), list.as_os_str()];
    run(command(programs.join("pip"), all, Path::new("/")))?;
    let copied = fs::copy(list, &stamp);
    copied.map_err(|error| Failure(format!("{} can't be written: {error}", stamp.display())))?;
    Ok(programs)
}
