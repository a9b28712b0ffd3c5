//! The whole of Vestibule for tests from outside, with a clock that they move and faults that they switch on.
//!
//! It listens on ports of its own, prints one JSON line with its addresses, then obeys commands on standard
//! input, one a line, each answered by one JSON line. It ends when standard input does.
//!
//! | command | what it does |
//! | --- | --- |
//! | `advance SECONDS` | moves the clock, which otherwise stands still |
//! | `api down`, `api up` | stops the API's socket, and listens on the same port again |
//! | `api slow MS` | delays each answer of the API from now on |
//! | `api count` | the API's requests since last asked, by method and path |
//! | `gateway second` | starts another gateway of the site, and answers its address |
//! | `gateway rotate` | starts the gateways again with a new secret, and the one before it as an older one |
//! | `quit` | ends |

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use clap::Parser;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;
use vestibule::secrets::Secrets;
use vestibule::secrets::open_folder;
use vestibule::server::{listen, serve};
use vestibule::wiring::{self, SiteParts};
use vestibule_api::{ApiSettings, Database, Store};
use vestibule_gateway::{
    App, HopSettings, NextKey, Plan, PlanSettings, SealKeys, SessionPolicy, Upstream,
};
use vestibule_types::{Clock, Secret};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long running requests may take when the API goes down.
const DRAIN: Duration = Duration::from_secs(5);

/// Vestibule on a stage: `cargo run --example stage`.
#[derive(Parser)]
struct Arguments {
    /// Life of an access token, in seconds.
    #[arg(long, default_value_t = 1800)]
    access_ttl: i64,
    /// Port of the site; by default any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Public origin, where something else is in front of the site.
    #[arg(long)]
    site: Option<String>,
    /// A web server with the site's other pages.
    #[arg(long)]
    ui: Option<Url>,
    /// What it is told of who is signed in.
    #[arg(long, default_value = "ticket")]
    ui_session: SessionPolicy,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let folder = Folder::new()?;
    let clock = Clock::stopped_at(Clock::system().now());

    let site_socket = listen((Ipv4Addr::LOCALHOST, arguments.port).into(), "the site").await?;
    let gateway_url = url_of(&site_socket)?;
    let site_url = arguments.site.unwrap_or_else(|| gateway_url.clone());
    let store = Store::open(&Database::Sqlite(folder.0.join("vestibule.sqlite"))).await?;
    let settings = ApiSettings {
        access_ttl: arguments.access_ttl,
        trusted_proxies: std::iter::once(IpAddr::from(Ipv4Addr::LOCALHOST).into()).collect(),
        ..ApiSettings::default()
    };
    let (api, router) =
        wiring::api(store, random_secret()?.into(), settings, clock.clone()).await?;
    let mut backstage = Backstage::open(router).await?;
    let api_url = format!("http://{}", backstage.address);

    let first = random_secret()?;
    let next_key = NextKey::new(&SealKeys::new(first.clone(), Vec::new())).reveal().to_owned();
    let mut front = Front {
        site: site_url.clone(),
        api: wiring::api_at(&Url::parse(&api_url)?)?,
        ui: arguments.ui.as_ref().map(Upstream::at).transpose()?,
        ui_session: arguments.ui_session,
        secrets: Secrets { first, older: Vec::new() },
        clock: clock.clone(),
        running: Vec::new(),
    };
    front.open(site_socket)?;

    say(&json!({"site": site_url, "gateway": gateway_url, "api": api_url, "nextKey": next_key}))?;
    let mut lines = commands();
    while let Some(line) = lines.recv().await.filter(|line| line != "quit") {
        let answer = match obey(&line, &clock, &mut backstage, &mut front).await {
            Ok(answer) => answer,
            Err(error) => json!({"error": error.to_string()}),
        };
        say(&answer)?;
    }
    api.close().await;
    Ok(())
}

async fn obey(
    line: &str,
    clock: &Clock,
    backstage: &mut Backstage,
    front: &mut Front,
) -> Result<Value, Failure> {
    match *line.split_whitespace().collect::<Vec<_>>() {
        ["advance", seconds] => clock.advance(seconds.parse()?),
        ["api", "down"] => backstage.lower().await?,
        ["api", "up"] => backstage.raise().await?,
        ["api", "slow", ms] => backstage.faults.slow_ms.store(ms.parse()?, Ordering::SeqCst),
        ["api", "count"] => return Ok(json!({"count": backstage.faults.take_counts()})),
        ["gateway", "second"] => {
            let socket = listen(on_any_port(), "a second gateway").await?;
            let url = url_of(&socket)?;
            front.open(socket)?;
            return Ok(json!({"gateway": url}));
        }
        ["gateway", "rotate"] => front.rotate().await?,
        _ => return Err(format!("no such command: {line}").into()),
    }
    Ok(json!({"now": clock.now()}))
}

/// The site's gateways, which have the same keys.
struct Front {
    site: String,
    api: Upstream,
    ui: Option<Upstream>,
    ui_session: SessionPolicy,
    secrets: Secrets,
    clock: Clock,
    running: Vec<Running>,
}

/// A server, and what stops it.
struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Front {
    /// Serves one more gateway on `socket`.
    fn open(&mut self, socket: TcpListener) -> Result<(), Failure> {
        let plan = PlanSettings {
            ui: self.ui.clone(),
            ui_session: self.ui_session,
            ..PlanSettings::new(self.api.clone())
        };
        // What is in front asks us by our own name.
        let also_hosts = vec![url_of(&socket)?.trim_start_matches("http://").parse()?];
        let parts = SiteParts {
            site: self.site.parse()?,
            secrets: self.secrets.clone(),
            plan: Plan::new(plan)?,
            max_stale: Duration::from_secs(60),
            hops: HopSettings { also_hosts, ..HopSettings::default() },
        };
        let (_, router) = wiring::site(parts, self.api.clone(), self.clock.clone());
        self.running.push(Running::start(socket, router)?);
        Ok(())
    }

    /// Starts each gateway again, where it was, with a new secret in front of those before.
    async fn rotate(&mut self) -> Result<(), Failure> {
        let before = std::mem::replace(&mut self.secrets.first, random_secret()?);
        self.secrets.older.insert(0, before);
        for running in std::mem::take(&mut self.running) {
            let address = running.address;
            running.end().await?;
            self.open(listen(address, "a gateway").await?)?;
        }
        Ok(())
    }
}

impl Running {
    fn start(socket: TcpListener, app: impl Into<App>) -> Result<Self, Failure> {
        let address = socket.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(socket, app.into(), stopped, DRAIN));
        Ok(Self { address, stop, server })
    }

    async fn end(self) -> Result<(), Failure> {
        self.stop.send(true)?;
        Ok(self.server.await?)
    }
}

/// The API, on a socket of its own that can be taken away.
struct Backstage {
    router: Router,
    faults: Arc<Faults>,
    address: SocketAddr,
    running: Option<Running>,
}

impl Backstage {
    async fn open(api: App) -> Result<Self, Failure> {
        let faults = Arc::new(Faults::default());
        let router = Router::new()
            .fallback_service(api)
            .layer(from_fn_with_state(faults.clone(), with_faults));
        let socket = listen(on_any_port(), "the API").await?;
        let address = socket.local_addr()?;
        let running = Some(Running::start(socket, router.clone())?);
        Ok(Self { router, faults, address, running })
    }

    async fn lower(&mut self) -> Result<(), Failure> {
        self.running.take().ok_or("the API is down already")?.end().await
    }

    async fn raise(&mut self) -> Result<(), Failure> {
        if self.running.is_none() {
            let socket = listen(self.address, "the API").await?;
            self.running = Some(Running::start(socket, self.router.clone())?);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Faults {
    slow_ms: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
}

impl Faults {
    fn count(&self, request: &Request) {
        let what = format!("{} {}", request.method(), request.uri().path());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what).or_default() += 1;
    }

    fn take_counts(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn with_faults(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    faults.count(&request);
    let response = next.run(request).await;
    tokio::time::sleep(Duration::from_millis(faults.slow_ms.load(Ordering::SeqCst))).await;
    response
}

/// Standard input, line by line. A thread of its own, since reading it can't be given up.
fn commands() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn say(answer: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{answer}")?;
    out.flush()
}

/// Where people, or an app, find what listens there.
fn url_of(socket: &TcpListener) -> std::io::Result<String> {
    Ok(format!("http://localhost:{}", socket.local_addr()?.port()))
}

fn on_any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn random_secret() -> Result<Secret, Failure> {
    let mut bytes = [0; Secret::LEAST];
    rand::fill(&mut bytes).map_err(|_| "the system's random generator failed")?;
    Ok(Secret::from_random(bytes))
}

/// A data folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("vestibule-stage-{}", std::process::id()));
        open_folder(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
