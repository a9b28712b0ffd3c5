//! What there is to test, in the order in which failures are cheapest.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum as _;

use crate::bench;
use crate::boundaries;
use crate::command::{Failure, cargo, command, output, run};
use crate::{better_auth, next, peers, tools};

/// One part of `cargo xtask test`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Step {
    /// What the others need: rustfmt, clippy, Node.js, Chromium and fonts, PostgreSQL, Python, valgrind, npm and Python packages.
    Tools,
    /// Format of the Rust code.
    Format,
    /// Compiler and clippy warnings, in all targets.
    Lints,
    /// Which crate may depend on what.
    Boundaries,
    /// Types and unit tests of the scripts, and of the package for Next.js.
    Scripts,
    /// Unit tests, property tests, a short run of the fuzz targets, and journeys in Rust; the journeys on SQLite, on
    /// PostgreSQL, and those of the gateway in front of the FastAPI backend.
    Rust,
    /// People on a cluster in which everything fails at random, for a minute.
    Soak,
    /// The pages in Chromium.
    Browser,
    /// The guide for Next.js, followed to the letter in a fresh app.
    Guide,
    /// What docs/gateway.md says of Vestibule beside other proxies.
    Peers,
    /// Instructions of a request, piece by piece, against their limits (docs/performance.md).
    Counts,
    /// The Better Auth client against Better Auth and against Vestibule, and what docs/compatibility.md says of it.
    Compatibility,
    /// The Next.js example in Chromium, behind the gateway and in front of it, built and by the development server; and the brief's own app.
    Next,
}

/// Runs every step.
pub(crate) fn all(top: &Path) -> Result<(), Failure> {
    let mut times = Vec::new();
    let done = Step::value_variants().iter().try_for_each(|step| {
        let (done, took) = announced(*step, top);
        times.push((*step, took));
        done
    });
    println!();
    for (step, took) in times {
        println!("{:<14}{:>6.1} s", name(step), took.as_secs_f32());
    }
    done?;
    println!("\nEverything there is passes.");
    Ok(())
}

/// Runs one step, after setting up what it needs.
pub(crate) fn only(step: Step, top: &Path) -> Result<(), Failure> {
    set_up(step, top)?;
    announced(step, top).0
}

/// Takes pictures of the pages.
pub(crate) fn screenshots(top: &Path) -> Result<(), Failure> {
    set_up(Step::Browser, top)?;
    set_up(Step::Next, top)?;
    next::build(top)?;
    for at in [browser_tests(top), next_tests(top)] {
        run(with_build(command("node", ["screenshots.mjs"], &at), top)?)?;
    }
    Ok(())
}

/// How long the soak of `cargo xtask test` goes on, in seconds.
pub(crate) const SHORT_SOAK: u64 = 60;

/// Runs the soak with these arguments.
pub(crate) fn soak(arguments: &[String], top: &Path) -> Result<(), Failure> {
    set_up(Step::Soak, top)?;
    run_soak(arguments, top)
}

/// Plays the same cases through Vestibule and others.
pub(crate) fn peers(only: &[String], top: &Path) -> Result<(), Failure> {
    set_up(Step::Peers, top)?;
    let at = peer_tests(top);
    peers::compare(only, &at, &build("stage", top)?)
}

/// Compares Vestibule with Better Auth, and writes docs/compatibility.md.
pub(crate) fn compatibility(top: &Path) -> Result<(), Failure> {
    set_up(Step::Compatibility, top)?;
    better_auth::write(top, &build_program(top)?)
}

fn announced(step: Step, top: &Path) -> (Result<(), Failure>, Duration) {
    println!("\n=== {}", name(step));
    let started = now();
    let done = test(step, top);
    let named = |Failure(said)| Failure(format!("{} did not pass: {said}", name(step)));
    (done.map_err(named), started.elapsed())
}

fn test(step: Step, top: &Path) -> Result<(), Failure> {
    match step {
        Step::Tools => {
            tools::rust()?;
            tools::node()?;
            tools::chromium()?;
            tools::postgres()?;
            tools::python()?;
            tools::proxies()?;
            tools::valgrind()?;
            packages(&next_package(top))?;
            scripts_of(top).iter().try_for_each(|at| packages(at))
        }
        Step::Format => run(cargo("fmt --all --check", top)),
        Step::Lints => run(cargo("clippy --workspace --all-targets --locked -- -D warnings", top)),
        Step::Boundaries => boundaries::check(&metadata(top)?),
        Step::Scripts => scripts(top),
        Step::Rust => {
            run(cargo("test --workspace --locked", top))?;
            // Once more, on the other engine.
            let mut journeys = cargo("test --package vestibule --test journeys --locked", top);
            journeys.env("VESTIBULE_TEST_ENGINE", "postgres");
            run(journeys)?;
            // The gateway's once more, in front of the FastAPI backend.
            let mut foreign =
                cargo("test --package vestibule --test journeys --locked gateway::", top);
            foreign.env("VESTIBULE_TEST_API", "fastapi");
            run(foreign)
        }
        Step::Soak => run_soak(&[format!("--seconds={SHORT_SOAK}")], top),
        Step::Browser => browser(top),
        Step::Guide => guide(top),
        Step::Next => next_journeys(top),
        Step::Peers => play_alone(top),
        Step::Counts => bench::hold_counts(top),
        Step::Compatibility => better_auth::test(top, &build_program(top)?),
    }
}

/// What one step alone needs.
fn set_up(step: Step, top: &Path) -> Result<(), Failure> {
    match step {
        Step::Tools | Step::Boundaries => Ok(()),
        Step::Rust => {
            tools::node()?;
            tools::postgres()?;
            tools::python()?;
            tools::proxies()
        }
        Step::Soak => tools::postgres(),
        Step::Counts => tools::valgrind(),
        Step::Format | Step::Lints => tools::rust(),
        Step::Scripts => {
            tools::node()?;
            packages(&next_package(top))?;
            scripts_of(top).iter().try_for_each(|at| packages(at))
        }
        Step::Compatibility => {
            tools::node()?;
            tools::python()?;
            packages(&better_auth::tests(top))
        }
        Step::Peers => tools::node().and_then(|()| packages(&peer_tests(top))),
        Step::Browser => {
            tools::node()?;
            tools::chromium()?;
            tools::python()?;
            packages(&browser_tests(top))
        }
        Step::Guide | Step::Next => {
            tools::node()?;
            tools::chromium()?;
            packages(&next_package(top))?;
            packages(&browser_tests(top))
        }
    }
}

fn scripts(top: &Path) -> Result<(), Failure> {
    for at in scripts_of(top) {
        run(command("npx", ["--no-install", "tsc", "--project", "."], &at))?;
    }
    // Those for Next.js go by the packages of the pages' tests.
    run(command("npx", ["--no-install", "tsc", "--project", "../next"], &browser_tests(top)))?;
    let tests = files(&top.join("crates/vestibule-ui/assets"), ".test.mjs")?;
    run(node_test(&tests, top))?;
    run(command("npm", ["test"], &next_package(top)))
}

fn browser(top: &Path) -> Result<(), Failure> {
    let at = browser_tests(top);
    let tests = files(&at, ".test.mjs")?;
    run(with_build(node_test(&tests, &at), top)?)
}

fn guide(top: &Path) -> Result<(), Failure> {
    let mut follow = node_test(&[PathBuf::from("guide.test.mjs")], &next_tests(top));
    follow.env("VESTIBULE_NEXT_MODE", "dev");
    run(with_build(follow, top)?)
}

/// All journeys on production builds; the first of them, and the brief's own app, with the development server.
fn next_journeys(top: &Path) -> Result<(), Failure> {
    let gateway = next::build(top)?;
    let [a, b, before] = ["a", "b", "before"].map(|name| PathBuf::from(format!("{name}.test.mjs")));
    for (mode, tests) in [("start", &[a.clone(), b.clone()][..]), ("dev", &[a, b, before])] {
        let mut play = node_test(tests, &next_tests(top));
        play.env("VESTIBULE_NEXT_MODE", mode).env("VESTIBULE_NEXT_GATEWAY", &gateway);
        run(with_build(play, top)?)?;
    }
    Ok(())
}

fn play_alone(top: &Path) -> Result<(), Failure> {
    let at = peer_tests(top);
    let tests = files(&at, ".test.mjs")?;
    run(with_build(node_test(&tests, &at), top)?)
}

fn run_soak(arguments: &[String], top: &Path) -> Result<(), Failure> {
    let build = build("soak", top)?;
    run(command(
        format!("{build}/examples/soak"),
        [format!("--build={build}")].iter().chain(arguments),
        top,
    ))
}

/// The longest that one file of Node's tests may take, in milliseconds. Its tests have bounds of their own; this one is for what none of them has.
const LONGEST_FILE: u64 = 20 * 60 * 1000;

/// Node's own test runner over `files`, as many of them at once as there are processors.
pub(crate) fn node_test(files: &[PathBuf], at: &Path) -> std::process::Command {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let at_once = format!("--test-concurrency={at_once}");
    let longest = format!("--test-timeout={LONGEST_FILE}");
    let options = ["--test", "--test-reporter=spec", &at_once, &longest].map(OsString::from);
    let files = files.iter().map(|file| file.strip_prefix(at).unwrap_or(file).into());
    command("node", options.into_iter().chain(files), at)
}

/// Builds what the browser tests start, and tells `command` where that is.
fn with_build(
    mut command: std::process::Command,
    top: &Path,
) -> Result<std::process::Command, Failure> {
    command.env("VESTIBULE_BUILD", build("stage", top)?);
    Ok(command)
}

/// Builds the program and one of its examples, and answers the folder of the program.
fn build(example: &str, top: &Path) -> Result<String, Failure> {
    build_what(&format!("--bin vestibule --example {example}"), top)
}

/// Builds the program, and answers its folder.
fn build_program(top: &Path) -> Result<String, Failure> {
    build_what("--bin vestibule", top)
}

fn build_what(what: &str, top: &Path) -> Result<String, Failure> {
    run(cargo(&format!("build --locked --package vestibule {what}"), top))?;
    Ok(target(top)?.join("debug").display().to_string())
}

/// The folder of everything that is built.
pub(crate) fn target(top: &Path) -> Result<PathBuf, Failure> {
    let folder = metadata(top)?["target_directory"].as_str().map(PathBuf::from);
    folder.ok_or_else(|| Failure("cargo metadata names no target directory".to_owned()))
}

fn metadata(top: &Path) -> Result<serde_json::Value, Failure> {
    let text = output(cargo("metadata --format-version 1 --locked --no-deps", top))?;
    serde_json::from_str(&text).map_err(|error| Failure(format!("cargo metadata: {error}")))
}

/// Installs the npm packages of `at`, unless they are those of its lock file. Not by `npm ci`: that insists on packages for
/// other systems, which not every registry has.
pub(crate) fn packages(at: &Path) -> Result<(), Failure> {
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    let lock = read(&at.join("package-lock.json"));
    let installed = at.join("node_modules/.installed-package-lock.json");
    if !lock.is_empty() && read(&installed) == lock {
        return Ok(());
    }
    run(command("npm", ["install", "--no-save", "--no-audit", "--no-fund"], at))?;
    fs::write(&installed, lock)
        .map_err(|error| Failure(format!("{} can't be written: {error}", installed.display())))
}

/// The files of a folder whose names end so, in order of their names; at least one.
pub(crate) fn files(folder: &Path, end: &str) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure(format!("{} can't be read: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_name().to_string_lossy().ends_with(end) {
            files.push(entry.path());
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(Failure(format!("no test: {} has no *{end}", folder.display()))),
        false => Ok(files),
    }
}

/// Every folder of scripts with npm packages.
fn scripts_of(top: &Path) -> [PathBuf; 3] {
    [browser_tests(top), peer_tests(top), better_auth::tests(top)]
}

fn browser_tests(top: &Path) -> PathBuf {
    top.join("tests/browser")
}

fn next_tests(top: &Path) -> PathBuf {
    top.join("tests/next")
}

fn peer_tests(top: &Path) -> PathBuf {
    top.join("tests/peers")
}

fn next_package(top: &Path) -> PathBuf {
    top.join("packages/next")
}

fn name(step: Step) -> String {
    let value = step.to_possible_value().expect("no step is hidden");
    value.get_name().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "tells how long a step took")]
fn now() -> Instant {
    Instant::now()
}
