//! PostgreSQL, two API nodes and three gateways, each a process that is started again whenever it ends.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use vestibule_gateway::{SealKeys, SessionCookie};
use vestibule_testbed::postgres::{Options, Server};

use crate::Failure;
use crate::balancer::Balancer;
use crate::browser::PATIENCE;
use crate::process::{Process, Program};
use crate::record::Record;
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

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.nodes.iter().chain(&self.gateways) {
            process.bury();
        }
    }
}

/// A port below those that the system lends to outgoing connections, and that nobody else has.
fn free_port() -> Result<u16, Failure> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id().wrapping_mul(37) % 9_000;
    for _ in 0..9_000 {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_500 + u16::try_from((start + u32::from(next)) % 9_000)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}
