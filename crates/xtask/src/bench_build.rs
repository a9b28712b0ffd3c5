//! How long the program takes to build: from nothing, and after a change of the gateway; as it is developed and as it is given to people.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::command::{Failure, cargo, run};
use crate::steps;

/// What is changed: most of the program is above it.
const CHANGED: &str = "crates/vestibule-gateway/src/lib.rs";

/// Builds in a folder of its own below target, and prints a table. The dependencies' sources are there before the clock starts.
#[expect(clippy::print_stdout, reason = "the table is for whoever ran this")]
pub(crate) fn times(top: &Path) -> Result<(), Failure> {
    let folder = steps::target(top)?.join("bench-build");
    run(cargo("fetch --locked", top))?;
    let mut lines = Vec::new();
    for (name, profile) in [("debug", "dev"), ("release", "release")] {
        // Nothing is left of the last time.
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|why| failed(&folder, &why))?;
        }
        let cold = timed(profile, &folder, top)?;
        touch(&top.join(CHANGED))?;
        let warm = timed(profile, &folder, top)?;
        let seconds = |took: Duration| format!("{:.0} s", took.as_secs_f64());
        lines.push(format!("| {name} | {} | {} |", seconds(cold), seconds(warm)));
    }
    fs::remove_dir_all(&folder).map_err(|why| failed(&folder, &why))?;
    println!(
        "| build | cold | the gateway changed |\n| --- | ---: | ---: |\n{}\n",
        lines.join("\n")
    );
    Ok(())
}

fn timed(profile: &str, folder: &Path, top: &Path) -> Result<Duration, Failure> {
    let what = "build --locked --offline --package vestibule";
    let mut build = cargo(&format!("{what} --profile {profile}"), top);
    build.env("CARGO_TARGET_DIR", folder);
    #[expect(clippy::disallowed_methods, reason = "to measure time is what this is for")]
    let began = Instant::now();
    run(build)?;
    Ok(began.elapsed())
}

/// Makes a file look changed to cargo, which goes by its time.
fn touch(file: &Path) -> Result<(), Failure> {
    #[expect(clippy::disallowed_methods, reason = "a file's time is the system's")]
    let now = SystemTime::now();
    let opened = File::options().append(true).open(file);
    opened.and_then(|opened| opened.set_modified(now)).map_err(|why| failed(file, &why))
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    Failure(format!("{}: {why}", path.display()))
}
