//! What is measured beside what, one function for each name of `--only`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vestibule_testbed::fastapi;

use crate::Failure;
use crate::better_auth;
use crate::clock::{now, own_cpu};
use crate::compare::{Effort, Side, compare};
use crate::fixture;
use crate::hour;
use crate::load::{Connection, Load, Target};
use crate::million;
use crate::nodes;
use crate::peers::{Behind, PEERS};
use crate::process::Server;
use crate::raw::{self, Hasher};
use crate::refresh;
use crate::size;
use crate::stage::{self, Stage, access_token, cookies, get, register};
use crate::table::{Goal, HEAD, Row, Spread};

const MIB: f64 = 1024.0 * 1024.0;

/// Memory of one password hash at a time.
const SLOT_MIB: f64 = 19.0;

/// Clients that log in without pause where a flood is meant.
const FLOOD: u32 = 16;

/// Requests a second beside a flood.
const BESIDE_FLOOD: f64 = 200.0;

/// Idle connections that memory is divided by.
const IDLE: u32 = 5_000;

/// Until all are idle: a connection keeps its buffers for two seconds after a request, since another may follow, and what a
/// process has freed goes back to the system after a second.
const REST: Duration = Duration::from_secs(4);

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Measure {
    #[arg(long)]
    build: PathBuf,
    #[arg(long)]
    peers: Option<PathBuf>,
    #[arg(long)]
    only: Vec<What>,
    #[arg(long)]
    rounds: u32,
    #[arg(long)]
    seconds: f64,
    #[arg(long)]
    rate: f64,
    /// How long `hour` lasts.
    #[arg(long)]
    minutes: u32,
    /// Whether goals that are not met are a failure.
    #[arg(long)]
    check: bool,
}

/// One measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum What {
    Pieces,
    Proxies,
    Api,
    Sessions,
    Refresh,
    Memory,
    Nodes,
    Size,
    Million,
    Hour,
}

impl What {
    /// Whether it is done only where it is asked for by name.
    fn is_long(self) -> bool {
        matches!(self, Self::Million | Self::Hour)
    }
}

/// Measures what is asked for and prints the table.
///
/// # Errors
/// If a server fails, or a goal is not met and that is checked.
#[expect(clippy::print_stdout, reason = "the table is for whoever ran this")]
pub(crate) async fn measure(asked: &Measure) -> Result<(), Failure> {
    let most = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: most.maximum, ..most })?;
    let effort = Effort { rounds: asked.rounds, seconds: asked.seconds, rate: asked.rate };
    let stage = Stage::new(&asked.build)?;
    println!("{}\n\n{HEAD}", machine()?);
    let mut short = 0;
    for what in What::value_variants() {
        let is_named = asked.only.contains(what);
        if !is_named && (!asked.only.is_empty() || what.is_long()) {
            continue;
        }
        let mut told = |rows: Vec<Row>| {
            for row in rows {
                println!("{row}");
                short += u32::from(!row.is_met());
            }
        };
        match what {
            What::Pieces => {
                let folder = stage.folder.join("fixture");
                fixture::prepare(&folder).await?;
                told(raw::rows(&folder, asked.rounds).await?);
            }
            What::Proxies => proxies(&stage, asked.peers.as_deref(), effort, &mut told)?,
            What::Api => api(&stage, effort, &mut told)?,
            What::Sessions => better_auth::sessions(&stage, effort, &mut told)?,
            What::Refresh => refresh::refreshes(&stage, effort.rounds, &mut told).await?,
            What::Memory => memory(&stage, effort, &mut told)?,
            What::Nodes => nodes::nodes(&stage, effort, &mut told)?,
            What::Size => told(size::size(&asked.build)?),
            What::Million => million::million(&stage, effort, &mut told).await?,
            What::Hour => hour::hour(&stage, asked.minutes, effort, &mut told)?,
        }
    }
    println!("\n{}", machine()?);
    match short {
        0 => println!("Every goal is met."),
        short if asked.check => return Err(format!("{short} goals are not met").into()),
        short => println!("{short} goals are not met."),
    }
    Ok(())
}

/// Processors, and how busy they are.
fn machine() -> Result<String, Failure> {
    let cores = thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, model)| model);
    let load: Vec<&str> = load.split(' ').take(3).collect();
    Ok(format!("{cores} processors ({model}), load averages {}", load.join(" ")))
}

/// The gateway, cookie to Bearer with all checks, log and metrics on, beside others in front of the same application.
fn proxies(
    stage: &Stage,
    programs: Option<&Path>,
    effort: Effort,
    told: &mut impl FnMut(Vec<Row>),
) -> Result<(), Failure> {
    let programs = programs.ok_or("--peers says where the others are")?;
    let (_application, application) = stage.bare("hyper")?;
    let (_authorizer, authorizer) = stage.bare("hyper")?;
    let (_api, api) = stage.api()?;
    register(api)?;
    let token = access_token(api)?;
    let behind = Behind { application, authorizer, token: &token };
    let (gateway, site) = stage.gateway(api, application)?;
    let target = get(site, "/app/items", &format!("Cookie: {}\r\n", cookies(site)?));
    let ours = Side { server: &gateway, target };
    let what = "gateway, cookie → Bearer, all checks, log and metrics on";
    let same = Side { server: &gateway, target: ours.target.clone() };
    told(compare(
        "the gateway itself: how far ratios can be believed",
        &ours,
        &same,
        effort,
        Goal::None,
    )?);
    let (relay, address) = stage.bare_to("relay", Some(application))?;
    let theirs = Side { server: &relay, target: Target { address, ..ours.target.clone() } };
    told(compare(what, &ours, &theirs, effort, Goal::None)?);
    drop(relay);
    for peer in &PEERS {
        crate::progress(&format!("starting {}", peer.name));
        let (server, target) = peer.start(programs, stage, &behind)?;
        let theirs = Side { server: &server, target };
        told(compare(what, &ours, &theirs, effort, Goal::AtMost(peer.goal))?);
    }
    Ok(())
}

/// The API beside a bare axum and the FastAPI backend; logins beside raw hashes; and what a flood of logins does to others.
fn api(stage: &Stage, effort: Effort, told: &mut impl FnMut(Vec<Row>)) -> Result<(), Failure> {
    const ME: &str = "/api/v1/user/me";
    let bearer = |token: String| format!("Authorization: Bearer {token}\r\n");
    let (server, api) = stage.api()?;
    register(api)?;
    let lines = bearer(access_token(api)?);
    let ours = Side { server: &server, target: get(api, ME, &lines) };
    let what = "GET /api/v1/user/me";

    let (axum, address) = stage.bare("axum")?;
    let theirs = Side { server: &axum, target: get(address, ME, &lines) };
    told(compare(what, &ours, &theirs, effort, Goal::AtMost(1.3))?);

    let (python, address) = fastapi_backend(stage)?;
    register(address)?;
    // That backend has a slash at the end.
    let theirs = Side {
        server: &python,
        target: get(address, "/api/v1/user/me/", &bearer(access_token(address)?)),
    };
    let slow = Effort { rate: effort.rate / 5.0, ..effort };
    told(compare(what, &ours, &theirs, slow, Goal::AtMost(0.02))?);
    drop(python);

    told(logins(&server, api, effort)?);
    let (_application, application) = stage.bare("hyper")?;
    let (gateway, site) = stage.gateway(api, application)?;
    let proxied = get(site, "/app/items", &format!("Cookie: {}\r\n", cookies(site)?));
    let proxied = Side { server: &gateway, target: proxied };
    for (what, side) in [("GET /api/v1/user/me", &ours), ("proxied GET", &proxied)] {
        told(flooded(what, side, api, effort)?);
    }
    Ok(())
}

/// The brief's backend with uvicorn (tests/fastapi).
fn fastapi_backend(stage: &Stage) -> Result<(Server, std::net::SocketAddr), Failure> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(fastapi::Installed::find()?.python());
    command.args(["serve.py", "--port", "0"]).current_dir(top.join("tests/fastapi"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("BCRYPT_ROUNDS", "4");
    command.env("DATABASE", stage.folder.join("backend.sqlite"));
    command.stderr(stage.log("fastapi")?);
    Server::announced("the FastAPI backend with uvicorn", command)
}

/// CPU time of a login beside that of a raw hash, and logins a second beside raw hashes on all processors.
fn logins(server: &Server, api: std::net::SocketAddr, effort: Effort) -> Result<Vec<Row>, Failure> {
    let cores = u32::try_from(thread::available_parallelism()?.get())?;
    let lasts = Duration::from_secs_f64(effort.seconds / 2.0);
    let side = Side { server, target: stage::login(api, "/api/v1/login", "") };
    let (mut cpu, mut speed, mut figures) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        crate::progress(&format!("login / raw Argon2id: round {} of {}", round + 1, effort.rounds));
        let (micros, answered) = side.spent(Load { connections: 4 * cores, rate: None, lasts })?;
        let (raw_micros, raw_speed) = raw_hashes(cores, lasts)?;
        cpu.push(micros / raw_micros);
        speed.push(answered.per_second() / raw_speed);
        figures.push([micros / 1e3, raw_micros / 1e3, answered.per_second(), raw_speed]);
    }
    let median = |at: usize| Spread::of(figures.iter().map(|round| round[at]).collect()).median;
    let against = "raw Argon2id, memory kept, all processors".to_owned();
    let row = |what: &str, figures, values, goal| Row {
        what: what.to_owned(),
        against: against.clone(),
        figures,
        measured: Spread::of(values),
        unit: "x",
        goal,
    };
    Ok(vec![
        row(
            "login, CPU",
            format!("{:.1} / {:.1} ms", median(0), median(1)),
            cpu,
            Goal::AtMost(1.1),
        ),
        row(
            "login, a second",
            format!("{:.1} / {:.1}", median(2), median(3)),
            speed,
            Goal::AtLeast(0.95),
        ),
    ])
}

/// Microseconds of CPU time of a hash, and hashes a second, with as many threads as there are `cores`.
fn raw_hashes(cores: u32, lasts: Duration) -> Result<(f64, f64), Failure> {
    let work = || -> Result<(u32, Duration, Duration), Failure> {
        let mut hasher = Hasher::new()?;
        hasher.hash()?;
        let (began, before, mut count) = (now(), own_cpu(), 0);
        while began.elapsed() < lasts {
            hasher.hash()?;
            count += 1;
        }
        Ok((count, own_cpu() - before, began.elapsed()))
    };
    let done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let (mut all, mut cpu, mut speed) = (0, Duration::ZERO, 0.0);
    for thread in done {
        let (count, spent, took) = thread.map_err(|_| "a hashing thread has panicked")??;
        all += count;
        cpu += spent;
        speed += f64::from(count) / took.as_secs_f64();
    }
    Ok((cpu.as_secs_f64() * 1e6 / f64::from(all), speed))
}

/// Median and 99th percentile in milliseconds, each idle and in a flood.
type Flooded = ([f64; 2], [f64; 2]);

/// Latency at a fixed rate beside clients that log in without pause, as a ratio to that without them.
fn flooded(
    what: &str,
    side: &Side<'_>,
    api: std::net::SocketAddr,
    effort: Effort,
) -> Result<Vec<Row>, Failure> {
    let lasts = Duration::from_secs_f64(effort.seconds);
    let calm = Load { connections: 4, rate: Some(BESIDE_FLOOD), lasts };
    let flood = Load { connections: FLOOD, rate: None, lasts: lasts + Duration::from_millis(500) };
    let login = stage::login(api, "/api/v1/login", "");
    let mut rounds: Vec<Flooded> = Vec::new();
    for round in 0..effort.rounds {
        crate::progress(&format!(
            "{what} in a flood of logins: round {} of {}",
            round + 1,
            effort.rounds
        ));
        let (_, idle) = side.spent(calm)?;
        let (flooded, logins) = thread::scope(|scope| {
            let logins = scope.spawn(|| login.under(flood));
            // The flood is under way.
            thread::sleep(Duration::from_millis(250));
            (side.spent(calm), logins.join())
        });
        logins.map_err(|_| "the flood has panicked")??;
        let of = |part| {
            let [idle, flooded] =
                [&idle, &flooded.as_ref().ok()?.1].map(|load| load.quantile(part));
            Some([idle.as_secs_f64() * 1e3, flooded.as_secs_f64() * 1e3])
        };
        match (of(0.5), of(0.99)) {
            (Some(half), Some(most)) => rounds.push((half, most)),
            _ => return Err(flooded.err().unwrap_or_else(|| "no latency".into())),
        }
    }
    let row = |name: &str, of: fn(&Flooded) -> [f64; 2], goal| {
        let [idle, flooded] =
            [0, 1].map(|at| Spread::of(rounds.iter().map(|round| of(round)[at]).collect()).median);
        let ratios = rounds.iter().map(|round| of(round)[1] / of(round)[0]).collect();
        Row {
            what: format!("{what} in a flood of logins, {name}"),
            against: "idle, same minute".to_owned(),
            figures: format!("{flooded:.2} / {idle:.2} ms"),
            measured: Spread::of(ratios),
            unit: "x",
            goal: Goal::AtMost(goal),
        }
    };
    Ok(vec![row("p50", |round| round.0, 4.0), row("p99", |round| round.1, 2.0)])
}

/// Memory of idle servers and of idle connections, in a flood of logins, and CPU time until the first answer.
fn memory(stage: &Stage, effort: Effort, told: &mut impl FnMut(Vec<Row>)) -> Result<(), Failure> {
    let (_application, application) = stage.bare("hyper")?;
    let (mut idle, mut start) = ([const { Vec::new() }; 3], [const { Vec::new() }; 2]);
    let (mut each, mut flood) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        crate::progress(&format!("memory and start: round {} of {}", round + 1, effort.rounds));
        let (server, api) = stage.api()?;
        start[1].push(milliseconds(&server)?);
        let (gateway, site) = stage.gateway(api, application)?;
        start[0].push(milliseconds(&gateway)?);
        let (both, ..) = stage.both()?;
        thread::sleep(REST);
        let before = mib(&server, "VmRSS")?;
        idle[0].push(mib(&gateway, "VmRSS")?);
        idle[1].push(before);
        idle[2].push(mib(&both, "VmRSS")?);
        drop(both);
        each.push(idle_connection(&gateway, site)?);
        register(api)?;
        flood.push(thousand_logins(&server, api)? - before);
    }
    let row = |what: &str, against: &str, values, unit, goal| Row {
        what: what.to_owned(),
        against: against.to_owned(),
        figures: "–".to_owned(),
        measured: Spread::of(values),
        unit,
        goal: Goal::AtMost(goal),
    };
    let slots = thread::available_parallelism()?.get() as f64;
    let [gateway, api, both] = idle;
    let [start_gateway, start_api] = start;
    told(vec![
        row("memory of an idle gateway", "–", gateway, " MiB", 6.0),
        row("memory of an idle API", "–", api, " MiB", 12.0),
        row("memory of both in one, idle", "–", both, " MiB", 18.0),
        row("memory of an idle connection of the gateway", "–", each, " KiB", 12.0),
        row(
            "memory in a flood of 1,000 logins, beyond idle",
            "slots × 19 MiB + 8 MiB",
            flood,
            " MiB",
            slots * SLOT_MIB + 8.0,
        ),
        row("CPU to the first answer: gateway", "–", start_gateway, " ms", 5.0),
        row("CPU to the first answer: API", "–", start_api, " ms", 15.0),
    ]);
    Ok(())
}

fn milliseconds(server: &Server) -> Result<f64, Failure> {
    Ok(server.cpu()?.as_secs_f64() * 1e3)
}

fn mib(server: &Server, field: &str) -> Result<f64, Failure> {
    Ok(server.memory(field)? as f64 / MIB)
}

/// KiB that a connection keeps after a request.
fn idle_connection(gateway: &Server, site: std::net::SocketAddr) -> Result<f64, Failure> {
    let before = mib(gateway, "VmRSS")?;
    let request = get(site, "/health", "").request;
    let mut open = Vec::new();
    for _ in 0..IDLE {
        let mut connection = Connection::open(site)?;
        if connection.ask(&request)?.status != 200 {
            return Err("a connection is refused".into());
        }
        open.push(connection);
    }
    thread::sleep(REST);
    Ok((mib(gateway, "VmRSS")? - before) * 1024.0 / f64::from(IDLE))
}

/// MiB at most while a thousand clients log in at once. Most are told to come again.
fn thousand_logins(server: &Server, api: std::net::SocketAddr) -> Result<f64, Failure> {
    server.forget_most_memory()?;
    let load = Load { connections: 1_000, rate: None, lasts: Duration::from_millis(1) };
    stage::login(api, "/api/v1/login", "").under(load)?;
    mib(server, "VmHWM")
}
