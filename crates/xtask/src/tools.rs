//! What has to be installed; and installing it, where that is ours to do.

use std::fs;
use std::path::Path;

use vestibule_testbed::{caddy, fastapi, nginx, postgres};

use crate::command::{Failure, command, probe, run};

/// Oldest major version of Node.js that the tests run with.
const NODE: u32 = 20;

const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/// A browser, and letters for it to write with.
const CHROMIUM: [&str; 2] = ["chromium", "fonts-dejavu-core"];

const POSTGRES: [&str; 1] = ["postgresql"];

const PYTHON: [&str; 2] = ["python3", "python3-venv"];

/// With what it needs to read this system's C library.
const VALGRIND: [&str; 2] = ["valgrind", "libc6-dbg"];

/// rustfmt and clippy.
pub(crate) fn rust() -> Result<(), Failure> {
    for (program, component) in [("rustfmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if probe(program, &["--version"]).is_none() {
            return Err(Failure(format!(
                "{component} is missing. Install it: rustup component add {component}"
            )));
        }
    }
    Ok(())
}

/// Node.js with npm.
pub(crate) fn node() -> Result<(), Failure> {
    let found = probe("node", &["--version"]);
    match found.as_deref().map(major) {
        Some(Some(version)) if version >= NODE => {}
        _ => {
            let found = found.unwrap_or_else(|| "none".to_owned());
            return Err(Failure(format!(
                "Node.js {NODE} or newer is needed, found {found}. Install it from your system's packages or nodejs.org"
            )));
        }
    }
    match probe("npm", &["--version"]) {
        Some(_) => Ok(()),
        None => Err(Failure("npm is missing. It comes with Node.js, or as a package".to_owned())),
    }
}

/// `v20.20.2` is 20.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Chromium: installed now, if it is missing and this user may.
pub(crate) fn chromium() -> Result<(), Failure> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return match Path::new(&named).exists() {
            true => Ok(()),
            false => Err(Failure(format!("CHROMIUM is {}, which is not there", named.display()))),
        };
    }
    installed(&CHROMIUM, || {
        let found = BROWSERS.iter().any(|path| Path::new(path).exists());
        found.then_some(()).ok_or_else(|| {
            format!(
                "Chromium is neither {}. Install it: sudo apt-get install {}; or name one: CHROMIUM=/path/to/chromium",
                BROWSERS.join(" nor "),
                CHROMIUM.join(" ")
            )
        })
    })
}

/// PostgreSQL's programs: installed now, if they are missing and this user may. No server has to run.
pub(crate) fn postgres() -> Result<(), Failure> {
    installed(&POSTGRES, || postgres::Installed::find().map(drop))
}

/// Python, and a virtual environment with what the FastAPI backend of the tests needs.
pub(crate) fn python() -> Result<(), Failure> {
    if fastapi::Installed::find().is_ok() {
        return Ok(());
    }
    installed(&PYTHON, || {
        let (major, minor) = fastapi::PYTHON;
        let look = format!(
            "import ensurepip, sys, venv; sys.exit(sys.version_info < {:?})",
            fastapi::PYTHON
        );
        let found = probe("python3", &["-c", &look]);
        found.map(drop).ok_or_else(|| {
            format!(
                "Python {major}.{minor} or newer with its module venv is missing. Install it: sudo apt-get install {}",
                PYTHON.join(" ")
            )
        })
    })?;
    let (folder, list) = (fastapi::Installed::folder(), fastapi::Installed::requirements());
    println!("installing {} into {}", list.display(), folder.display());
    let (at, list) = (Path::new("/"), list.as_os_str());
    run(command(
        "python3",
        ["-m".as_ref(), "venv".as_ref(), "--clear".as_ref(), folder.as_os_str()],
        at,
    ))?;
    let pip = folder.join("bin/pip");
    run(command(
        pip,
        ["install".as_ref(), "--quiet".as_ref(), "--requirement".as_ref(), list],
        at,
    ))?;
    fs::copy(list, fastapi::Installed::stamp())
        .map(drop)
        .map_err(|error| Failure(format!("{}: {error}", folder.display())))
}

/// The proxies that tests put in front: installed now, if they are missing and this user may.
pub(crate) fn proxies() -> Result<(), Failure> {
    installed(&[nginx::PACKAGE], || nginx::find().map(drop))?;
    installed(&[caddy::PACKAGE], || caddy::find().map(drop))
}

/// valgrind, which counts instructions.
pub(crate) fn valgrind() -> Result<(), Failure> {
    installed(&VALGRIND, || match probe("valgrind", &["--version"]) {
        Some(_) => Ok(()),
        None => Err(format!(
            "valgrind is missing. Install it: sudo apt-get install {}",
            VALGRIND.join(" ")
        )),
    })
}

/// Looks, installs `packages` if that is ours to do, and looks again.
pub(crate) fn installed(
    packages: &[&str],
    look: impl Fn() -> Result<(), String>,
) -> Result<(), Failure> {
    let Err(missing) = look() else { return Ok(()) };
    let may_install =
        probe("id", &["-u"]).as_deref() == Some("0") && probe("apt-get", &["--version"]).is_some();
    if !may_install {
        return Err(Failure(missing));
    }
    println!("installing {}", packages.join(" "));
    apt_get(&["update"])?;
    apt_get(&[&["install", "-y", "--no-install-recommends"][..], packages].concat())?;
    look().map_err(|missing| Failure(format!("it was installed, and still: {missing}")))
}

fn apt_get(arguments: &[&str]) -> Result<(), Failure> {
    let mut install = command("apt-get", arguments, Path::new("/"));
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run(install)
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_version_of_node_is_its_first_number() {
        for (text, version) in [
            ("v20.20.2", Some(20)),
            ("v8.1.0", Some(8)),
            ("v25.0.0-nightly2025", Some(25)),
            ("20.0.0", None),
            ("", None),
        ] {
            assert_eq!(major(text), version, "{text}");
        }
    }
}
