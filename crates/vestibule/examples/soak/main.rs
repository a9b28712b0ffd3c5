//! A soak: three gateways and two API nodes on one PostgreSQL, people who use them, and everything that can go
//! wrong between them. Afterwards nobody who stayed is signed out, and nobody who left is let in.
//!
//! `cargo xtask soak --minutes 20` runs it, and ends with a table of what was injected and what held.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod balancer;
mod browser;
mod check;
mod cluster;
mod dice;
mod direct;
mod faults;
mod honest;
mod leavers;
mod newcomers;
mod process;
mod record;
mod report;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use vestibule_types::Clock;

use cluster::Cluster;
use honest::Honest;
use leavers::Copy;
use record::{Fault, Record};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How the soak is run.
#[derive(Parser)]
struct Arguments {
    /// The folder with the program `vestibule`
    #[arg(long, value_name = "DIR")]
    build: PathBuf,
    /// How long faults are injected, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What the dice start from [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// How many people stay signed in [default: 10, or 30 if it takes two minutes or more]
    #[arg(long)]
    people: Option<usize>,
    /// Where the table is written to, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Everything that a task needs.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) record: Arc<Record>,
    pub(crate) seed: u64,
    /// Held by whoever stops PostgreSQL.
    pub(crate) outage: tokio::sync::Mutex<()>,
    /// Ends the pauses of all people at once.
    pub(crate) rush: Notify,
    names: AtomicU64,
    facts: Mutex<Facts>,
}

/// What was acknowledged.
#[derive(Default)]
struct Facts {
    /// Accounts with their passwords.
    accounts: BTreeMap<String, String>,
    /// Accounts whose sessions somebody ends.
    ended: BTreeSet<String>,
    /// Of sessions that have ended.
    copies: Vec<Copy>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let held = tokio::select! {
        held = run(Arguments::parse()) => held,
        told = told_to_end() => told.and(Err("told to end".into())),
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ends in order, so that no process is left behind.
async fn told_to_end() -> Result<(), Failure> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Whether everything held.
async fn run(arguments: Arguments) -> Result<bool, Failure> {
    let time = Duration::from_secs(arguments.seconds);
    let seed = arguments.seed.unwrap_or_else(|| Clock::system().now().unsigned_abs());
    let people = arguments.people.unwrap_or(if arguments.seconds < 120 { 10 } else { 30 });
    let folder = arguments.build.join(format!("soak-{seed}-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!("Seed {seed}; {people} people, {} s. Logs: {}", time.as_secs(), folder.display());

    let reasons = folder.join("broken.txt");
    let record = Arc::new(Record::new(File::create(&reasons)?));
    // A copy, since the other one may be built anew meanwhile.
    let binary = folder.join("vestibule");
    std::fs::copy(arguments.build.join("vestibule"), &binary)?;
    let cluster = Cluster::start(&binary, folder.clone(), &record, seed).await?;
    let world = Arc::new(World {
        cluster,
        record,
        seed,
        outage: tokio::sync::Mutex::default(),
        rush: Notify::new(),
        names: AtomicU64::new(0),
        facts: Mutex::default(),
    });
    println!("{:9.3}  the cluster is ready", world.record.seconds());

    let began = Instant::now();
    let honest = live(&world, people, time).await?;
    println!("{:9.3}  all faults are over; looking at what is left", world.record.seconds());
    check::everything(&world, &honest).await?;

    let table = report::table(&world, began.elapsed());
    println!("\n{table}");
    let broken = world.record.broken();
    std::fs::remove_file(binary)?;
    if let Some(file) = arguments.report {
        std::fs::write(file, &table)?;
    }
    if broken.is_empty() {
        println!("Everything held.");
    } else {
        println!("{} times it did not hold: {}", broken.len(), reasons.display());
    }
    Ok(broken.is_empty())
}

/// Lets people live and faults happen, for that long.
async fn live(
    world: &Arc<World>,
    people: usize,
    time: Duration,
) -> Result<Vec<Arc<Honest>>, Failure> {
    let mut honest = Vec::new();
    for number in 0..people {
        honest.push(Honest::arrive(world, number).await?);
    }
    println!("{:9.3}  {people} people are signed in", world.record.seconds());
    // A calm beginning, and a calm end: people outlive the faults.
    let faults_from = Instant::now() + Duration::from_secs(4);
    let faults_until = faults_from + time;
    let until = faults_until + Duration::from_secs(12);

    let mut tasks = JoinSet::new();
    for (number, person) in honest.iter().enumerate() {
        tasks.spawn(person.clone().live(100 + number as u64, until));
    }
    for number in 0..3 {
        tasks.spawn(leavers::come_and_go(world.clone(), 10 + number, until));
    }
    tasks.spawn(newcomers::arrive(world.clone(), 20, until));
    let pace = faults::Pace::of(time);
    let injecting = world.clone();
    tasks.spawn(async move {
        tokio::time::sleep_until(faults_from).await;
        faults::inject(injecting, pace, faults_until).await;
    });
    let rushing = world.clone();
    tasks.spawn(async move {
        while Instant::now() < until {
            sleep(Duration::from_secs(10)).await;
            rushing.rush.notify_waiters();
        }
    });
    tasks.spawn(notice_stalls(world.clone(), until));
    let telling = world.clone();
    tasks.spawn(async move {
        while Instant::now() < until {
            sleep(Duration::from_secs(30).min(until - Instant::now())).await;
            let record = &telling.record;
            let (requests, faults) = (record.counted("honest requests"), record.episodes().len());
            let broken = record.broken().len();
            println!(
                "{:9.3}  {requests} requests, {faults} faults, {broken} broken",
                record.seconds()
            );
        }
    });
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    Ok(honest)
}

/// Where a machine stalls, nothing is calm. It may be busy with other things.
async fn notice_stalls(world: Arc<World>, until: Instant) {
    const TICK: Duration = Duration::from_millis(100);
    const STALL: Duration = Duration::from_millis(500);
    while Instant::now() < until {
        let began = Instant::now();
        sleep(TICK).await;
        if began.elapsed() > TICK + STALL {
            world.record.passed(Fault::Stalled, began);
        }
    }
}

impl World {
    /// A username that nobody has had.
    pub(crate) fn new_name(&self, kind: &str) -> String {
        format!("{kind}{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// A registration was acknowledged.
    pub(crate) fn account_made(&self, username: &str, password: &str) {
        self.record.count("registrations acknowledged");
        self.account_has(username, password);
    }

    /// This is an account's password, for sure.
    pub(crate) fn account_has(&self, username: &str, password: &str) {
        self.facts().accounts.insert(username.to_owned(), password.to_owned());
    }

    /// Until it is acknowledged nobody knows what becomes of it.
    pub(crate) fn account_changes(&self, username: &str) {
        self.facts().accounts.remove(username);
    }

    pub(crate) fn accounts(&self) -> BTreeMap<String, String> {
        self.facts().accounts.clone()
    }

    /// Sessions of this account may be over from now on.
    pub(crate) fn may_end(&self, username: &str) {
        self.facts().ended.insert(username.to_owned());
    }

    pub(crate) fn could_end(&self, username: &str) -> bool {
        self.facts().ended.contains(username)
    }

    /// A session has ended, and that was acknowledged.
    pub(crate) fn ended_for_good(&self, copy: Copy) {
        self.facts().copies.push(copy);
    }

    pub(crate) fn copies(&self) -> Vec<Copy> {
        self.facts().copies.clone()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
