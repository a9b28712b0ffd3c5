//! PostgreSQL, two API nodes and three gateways, each a process that is started again whenever it ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use vestibule_gateway::{SealKeys, SessionCookie, Upstream};
use vestibule_testbed::postgres::{Options, Server};

use crate::Failure;
use crate::balancer::Balancer;
use crate::browser::{PATIENCE, ask};
use crate::record::{Promise, Record};
use crate::wire::Wire;

pub(crate) const NODES: usize = 2;
pub(crate) const GATEWAYS: usize = 3;

/// Life of an access token, in seconds: dozens of them pass in a run. It is longer than the longest request, as it
/// has to be: a gateway that gets a token must not have to show its successor before the browser has it.
pub(crate) const ACCESS_LIFE: u64 = PATIENCE.as_secs() + 2;

/// How long the gateways serve guarded pages without the feed, in seconds: one of them less than the feed is cut.
const MAX_STALE: [u64; GATEWAYS] = [60, 60, 8];

/// The gateway with a UI behind it, whose pages call nobody: only the feed tells it of a sign-out elsewhere.
pub(crate) const WITH_UI: usize = 2;

const DATABASE: &str = "soak";

pub(crate) struct Cluster {
    pub(crate) postgres: Server,
    pub(crate) wires: Vec<Wire>,
    pub(crate) balancer: Arc<Balancer>,
    pub(crate) nodes: Vec<Arc<Process>>,
    pub(crate) gateways: Vec<Arc<Process>>,
    /// Opens what the gateways seal.
    pub(crate) cookie: SessionCookie,
    /// The site's origin, the same at each gateway.
    pub(crate) origin: String,
    /// Logs and data.
    pub(crate) folder: PathBuf,
}

impl Cluster {
    pub(crate) async fn start(
        binary: &Path,
        folder: PathBuf,
        record: &Arc<Record>,
        seed: u64,
    ) -> Result<Self, Failure> {
        let postgres = Server::start_with(Options { tcp: true, durable: true })?;
        postgres.create_database(DATABASE);
        let [auth, signing, feed] = secrets()?;

        let (mut wires, mut nodes) = (Vec::new(), Vec::new());
        for number in 0..NODES {
            let wire = Wire::open(postgres.port()).await?;
            let url = format!("postgres://vestibule@127.0.0.1:{}/{DATABASE}", wire.port);
            wires.push(wire);
            let port = free_port()?;
            let name = format!("api-{}", number + 1);
            let arguments = [
                "api".to_owned(),
                format!("--api-listen=127.0.0.1:{port}"),
                format!("--access-ttl={ACCESS_LIFE}"),
                "--throttle=off".to_owned(),
                "--trusted-proxy=127.0.0.1".to_owned(),
            ];
            let variables = [
                ("DATABASE_URL", url),
                ("VESTIBULE_SIGNING_KEY", signing.to_text().to_string()),
                ("VESTIBULE_FEED_KEY", feed.to_text().to_string()),
            ];
            let program = Program::new(binary, &folder, &name, &arguments, &variables)?;
            nodes.push(Process::start(name, port, program, record)?);
        }
        // One after the other they would be ready sooner, but two that start at once is the harder case.
        for node in &nodes {
            node.ready(Duration::from_secs(30)).await?;
        }

        let upstreams = nodes.iter().map(|node| node.upstream.clone()).collect();
        let balancer = Balancer::new(upstreams, record.clone(), seed);
        let ui = crate::balancer::ui().await?;
        let ports = (0..GATEWAYS).map(|_| free_port()).collect::<Result<Vec<_>, _>>()?;
        let origin = format!("http://localhost:{}", ports[0]);
        let mut gateways = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let api = balancer.open(number).await?;
            let name = format!("gateway-{}", number + 1);
            let mut arguments = vec![
                "gateway".to_owned(),
                format!("--api=http://127.0.0.1:{api}"),
                format!("--site-listen=127.0.0.1:{port}"),
                format!("--site-url={origin}"),
                format!("--max-stale={}", MAX_STALE[number]),
            ];
            if number == WITH_UI {
                arguments.push(format!("--ui=http://127.0.0.1:{ui}"));
            }
            let variables = [
                ("AUTH_SECRET", auth.to_text().to_string()),
                ("VESTIBULE_FEED_KEY", feed.to_text().to_string()),
            ];
            let program = Program::new(binary, &folder, &name, &arguments, &variables)?;
            gateways.push(Process::start(name, port, program, record)?);
        }
        for gateway in &gateways {
            gateway.ready(Duration::from_secs(30)).await?;
        }
        let cookie = SessionCookie::new(&origin.parse()?, &SealKeys::new(auth, vec![]));
        Ok(Self { postgres, wires, balancer, nodes, gateways, cookie, origin, folder })
    }

    /// The rows that `text` selects.
    pub(crate) fn sql(&self, text: &str) -> Vec<String> {
        self.postgres.sql(DATABASE, text).lines().map(str::to_owned).collect()
    }

    /// What the API nodes have logged.
    pub(crate) fn api_logs(&self) -> Result<String, io::Error> {
        let read = |number| std::fs::read_to_string(self.folder.join(format!("api-{number}.log")));
        Ok(read(1)? + &read(2)?)
    }
}

fn secrets() -> Result<[vestibule_types::Secret; 3], Failure> {
    let random = vestibule::secrets::random_secret;
    Ok([random()?, random()?, random()?])
}

/// How a process is started.
struct Program {
    command: Mutex<Command>,
    log: File,
}

impl Program {
    fn new(
        binary: &Path,
        folder: &Path,
        name: &str,
        arguments: &[String],
        variables: &[(&str, String)],
    ) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .arg(format!("--data={}", folder.join(name).display()))
            // A line a request would be most of the disk's work.
            .args(["--log=info,vestibule::observe=warn", "--drain=2"])
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(Self { command: Mutex::new(command), log })
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
        command.stderr(self.log.try_clone()?).spawn()
    }
}

/// A process that is started again on the same port whenever it ends, unless it is held down.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) upstream: Upstream,
    program: Program,
    state: Mutex<State>,
}

struct State {
    child: Option<(Child, Instant)>,
    is_held: bool,
    /// When it was last ended from here.
    ended: Option<Instant>,
}

/// One that lived for longer had been ready, and has no reason to end by itself.
const SETTLED: Duration = Duration::from_secs(15);

impl Process {
    fn start(
        name: String,
        port: u16,
        program: Program,
        record: &Arc<Record>,
    ) -> Result<Arc<Self>, Failure> {
        let upstream = Upstream::at(&format!("http://127.0.0.1:{port}").parse()?)?;
        let state = Mutex::new(State { child: None, is_held: false, ended: None });
        let process = Arc::new(Self { name, upstream, program, state });
        tokio::spawn(process.clone().keep_running(record.clone()));
        Ok(process)
    }

    async fn keep_running(self: Arc<Self>, record: Arc<Record>) {
        loop {
            match self.look_after(&record) {
                Ok(()) => sleep(Duration::from_millis(20)).await,
                Err(error) => {
                    record.breaks(Promise::StillRunning, format!("{}: {error}", self.name), None);
                    return;
                }
            }
        }
    }

    fn look_after(&self, record: &Record) -> io::Result<()> {
        let mut state = self.state();
        if let Some((child, since)) = &mut state.child {
            let Some(status) = child.try_wait()? else { return Ok(()) };
            let lived = since.elapsed();
            state.child = None;
            if !state.is_held {
                record.count("starts in vain, tried again");
                let name = &self.name;
                record.check(Promise::StillRunning, lived < SETTLED, || {
                    format!("{name} ended by itself ({status}) after {lived:.1?}")
                });
            }
        }
        if !state.is_held {
            record.checks(Promise::StillRunning, 1);
            state.child = Some((self.program.spawn()?, Instant::now()));
        }
        Ok(())
    }

    /// Ends it with `signal`, and holds it down until it is released.
    pub(crate) async fn end(&self, signal: &str) {
        {
            let mut state = self.state();
            state.is_held = true;
            state.ended = Some(Instant::now());
            if let Some((child, _)) = &mut state.child {
                // At once, where that is possible: a refresh that it is to be caught amid takes milliseconds.
                let _gone_already = match signal {
                    "-KILL" => child.kill(),
                    _ => Command::new("kill")
                        .args([signal, &child.id().to_string()])
                        .status()
                        .map(drop),
                };
            }
        }
        while self.state().child.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn release(&self) {
        self.state().is_held = false;
    }

    /// Whether it was ended from here since then.
    pub(crate) fn was_ended_since(&self, then: Instant) -> bool {
        self.state().ended.is_some_and(|ended| ended >= then)
    }

    /// Until it says that it is ready.
    pub(crate) async fn ready(&self, patience: Duration) -> Result<(), Failure> {
        let asked = Instant::now();
        loop {
            let request = http::Request::get("/ready").body(axum::body::Body::empty())?;
            let answer = ask(&self.upstream, request, Duration::from_secs(2), |_| {}).await;
            match answer {
                Some(answer) if answer.status == 200 => return Ok(()),
                other if asked.elapsed() > patience => {
                    let last = other.map(|answer| answer.body);
                    return Err(format!("{} is not ready: {last:?}", self.name).into());
                }
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.state().child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.nodes.iter().chain(&self.gateways) {
            let mut state = process.state();
            state.is_held = true;
            if let Some((child, _)) = &mut state.child {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// A port below those that the system lends to outgoing connections, and that nobody else has.
fn free_port() -> Result<u16, Failure> {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let start = std::process::id().wrapping_mul(37) % 9_000;
    for _ in 0..9_000 {
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = 10_500 + u16::try_from((start + u32::from(next)) % 9_000)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}
