//! Running a role from its settings to its end.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;
use vestibule_api::{Api, ApiSettings, Database, OperateError, SigningKeys, Store};
use vestibule_gateway::{FeedLost, Gateway, InvalidUpstream, Site, Upstream};
use vestibule_types::Clock;

use crate::allowed::{check_api, check_site, is_loopback, public_site, short_ttl};
use crate::key_file::{self, KEY_FILE, KeyFile, SIGNING_KEY, differ};
use crate::keys::{self, KeysError};
use crate::metrics;
use crate::operate;
use crate::secrets::{
    Named, SecretError, SecretFile, Secrets, Source, open_folder, random_secret, reserve_file,
};
use crate::server::{ListenError, listen, serve};
use crate::settings::{
    ApiArgs, ApiOnly, Cli, DataArgs, Db, FeedArgs, GatewayOnly, Import, Keys, LogFormat, Migrate,
    ProcessArgs, Role, Serve, Sessions, SiteArgs, Switch,
};
use crate::wiring::{self, DATABASE, SiteParts};

const AUTH_SECRET: &str = "AUTH_SECRET";
const FEED_KEY: &str = "VESTIBULE_FEED_KEY";

/// Printed by a gateway that does not follow revocations.
const NO_FEED: &str = "sign-outs elsewhere reach this site only when the API is asked, at the latest when an access token ends: set VESTIBULE_FEED_KEY here and at the API";

/// How often, and how far apart, a gateway looks for its API before it gives up.
const PROBES: u32 = 8;
const BETWEEN_PROBES: Duration = Duration::from_millis(250);

/// Why the program ended: one line, with the cause and the mend.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting that is not allowed here.
    #[error("{0}")]
    Setting(String),
    /// A secret, or the data folder.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// `vestibule keys`.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The database.
    #[error(
        "the database {database} can't be opened: {cause}. Start it or mend it, or name another: DATABASE_URL, --data"
    )]
    Database {
        /// Its file or server.
        database: String,
        /// Why not.
        cause: sqlx::Error,
    },
    /// A command of an operator did nothing.
    #[error(transparent)]
    Operate(#[from] OperateError),
    /// The threads of the API.
    #[error(transparent)]
    Api(#[from] vestibule_api::StartError),
    /// The address of an upstream.
    #[error("{flag} {cause}")]
    Upstream {
        /// The setting.
        flag: &'static str,
        /// What is wrong with it.
        cause: InvalidUpstream,
    },
    /// No API behind the gateway.
    #[error(
        "the API at {url} can't be reached: {cause}. Start it (vestibule api), or point --api at it"
    )]
    NoApi {
        /// Where it was looked for.
        url: String,
        /// Why not.
        cause: vestibule_gateway::Outage,
    },
    /// The API does not take our key.
    #[error(
        "the API at {0} refuses this gateway's feed key. Give both the same VESTIBULE_FEED_KEY, or the gateway none"
    )]
    FeedKey(String),
    /// The collection of metrics.
    #[error(transparent)]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The operating system.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// How it ended, if it did not fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// As it should.
    Done,
    /// Part of what was asked for was refused, and said.
    SomeRefused,
}

/// Runs what was asked for until it ends or is told to.
///
/// # Errors
/// [`RunError`], to be shown to whoever started it.
pub fn run(cli: Cli) -> Result<Outcome, RunError> {
    let role = cli.command.unwrap_or(Role::Serve(cli.serve));
    if let Role::Serve(Serve { process, .. })
    | Role::Api(ApiOnly { process, .. })
    | Role::Gateway(GatewayOnly { process, .. }) = &role
    {
        start_log(process)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match role {
            Role::Serve(settings) => run_all(settings).await?,
            Role::Api(settings) => run_api(settings).await?,
            Role::Gateway(settings) => run_gateway(settings).await?,
            Role::Migrate(settings) => migrate(settings).await?,
            Role::Keys(what) => change_keys(what)?,
            Role::Db(Db::Copy(settings)) => operate::copy(settings).await?,
            Role::Import(Import::Fastapi(settings)) => return operate::import(settings).await,
            Role::Sessions(Sessions::EndAll(settings)) => operate::end_all(settings).await?,
        }
        Ok(Outcome::Done)
    })
}

/// One line for a person, on standard error.
pub fn say_error(error: &RunError) {
    let _ = writeln!(std::io::stderr(), "vestibule: {error}");
}

async fn run_all(settings: Serve) -> Result<(), RunError> {
    let Serve { site: site_args, api: api_args, feed, data, process } = settings;
    let metrics = metrics_part(&process).await?;
    let site_socket = listen(site_args.site_listen, "--site-listen").await?;
    let api_socket = listen(api_args.api_listen, "--api-listen").await?;
    let site = public_site(&site_args, &site_socket)?;
    let mut weak = Vec::new();
    check_site(&site, &site_socket, &mut weak)?;
    let is_exposed = !site.is_loopback() || !is_loopback(&api_socket)?;
    check_api(&api_args, is_exposed, &mut weak)?;

    let secret = auth_secret(&site_args, &data.data, is_exposed)?;
    let (keys, key_file) = signing_keys(&api_args, &data.data, is_exposed)?;
    // If there is none, one that nobody else knows: the site in this process follows all the same.
    let feed_key = match feed_key(&feed, &data.data, is_exposed)? {
        Some(keys) => keys,
        None => Secrets { first: random_secret()?, older: Vec::new() },
    };
    let others = vec![(AUTH_SECRET, secret.clone()), (FEED_KEY, feed_key.clone())];
    differ(&others, Some(&keys))?;
    let clock = Clock::system();
    let (api, api_router) =
        open_api(&api_args, &data, keys, Some(&feed_key), &api_socket, &clock).await?;
    follow_keys(key_file, &api, others);
    let parts = site_parts(&site_args, site.clone(), secret)?;
    let (gateway, site_router) = wiring::site(parts, Upstream::in_process(api.router()), clock);
    // Without it the site says on `/ready` that it is not; the log says why.
    let _goes_on_trying = gateway.follow_revocations(&feed_key.first).await;
    drop(gateway);

    let api_url = format!("http://{}", host_of(api_socket.local_addr()?));
    say(
        [
            ("Site", site.origin().to_owned()),
            ("API", format!("{api_url}/api/v1")),
            (
                "Docs",
                if api_docs(&api_args, &api_socket) {
                    format!("{api_url}/docs")
                } else {
                    "off".to_owned()
                },
            ),
            ("Data", database(&data)?.to_string()),
        ]
        .into_iter()
        .chain(metrics_address(metrics.as_ref())?),
        &weak,
        &format!("Next: open {}/register and create the first account.", site.origin()),
    );
    let parts = [(site_socket, site_router), (api_socket, api_router)];
    serve_all(parts.into_iter().chain(metrics), process.drain).await?;
    api.close().await;
    Ok(())
}

async fn run_api(settings: ApiOnly) -> Result<(), RunError> {
    let ApiOnly { api: args, feed, data, process } = settings;
    let metrics = metrics_part(&process).await?;
    let socket = listen(args.api_listen, "--api-listen").await?;
    let is_exposed = !is_loopback(&socket)?;
    let mut weak = Vec::new();
    check_api(&args, is_exposed, &mut weak)?;
    let (keys, key_file) = signing_keys(&args, &data.data, is_exposed)?;
    let feed_key = feed_key(&feed, &data.data, is_exposed)?;
    let others: Named = feed_key.clone().map(|key| (FEED_KEY, key)).into_iter().collect();
    differ(&others, Some(&keys))?;
    let clock = Clock::system();
    let (api, router) = open_api(&args, &data, keys, feed_key.as_ref(), &socket, &clock).await?;
    follow_keys(key_file, &api, others);

    let url = format!("http://{}", host_of(socket.local_addr()?));
    say(
        [
            ("API", format!("{url}/api/v1")),
            (
                "Docs",
                if api_docs(&args, &socket) { format!("{url}/docs") } else { "off".to_owned() },
            ),
            ("Data", database(&data)?.to_string()),
        ]
        .into_iter()
        .chain(metrics_address(metrics.as_ref())?),
        &weak,
        &format!("Next: put a site in front of it: vestibule gateway --api {url}"),
    );
    serve_all([(socket, router)].into_iter().chain(metrics), process.drain).await?;
    api.close().await;
    Ok(())
}

async fn run_gateway(settings: GatewayOnly) -> Result<(), RunError> {
    let GatewayOnly { api: url, site: args, feed, data, process } = settings;
    let metrics = metrics_part(&process).await?;
    let socket = listen(args.site_listen, "--site-listen").await?;
    let site = public_site(&args, &socket)?;
    let mut weak = Vec::new();
    check_site(&site, &socket, &mut weak)?;
    let is_exposed = !site.is_loopback();
    let secret = auth_secret(&args, &data.data, is_exposed)?;
    let feed_key = feed_source(&feed, &data.data, is_exposed).given()?;
    let mut others = vec![(AUTH_SECRET, secret.clone())];
    others.extend(feed_key.clone().map(|key| (FEED_KEY, key)));
    differ(&others, None)?;
    let api = wiring::api_at(&url).map_err(|cause| RunError::Upstream { flag: "--api", cause })?;
    let parts = site_parts(&args, site.clone(), secret)?;
    let (gateway, router) = wiring::site(parts, api, Clock::system());
    find_api(&gateway, &url).await?;
    if !follow(&gateway, feed_key, &url).await? {
        weak.push(NO_FEED.to_owned());
    }

    say(
        [("Site", site.origin().to_owned()), ("API", url.to_string())]
            .into_iter()
            .chain(metrics_address(metrics.as_ref())?),
        &weak,
        &format!("Next: open {}", site.origin()),
    );
    serve_all([(socket, router)].into_iter().chain(metrics), process.drain).await
}

async fn migrate(settings: Migrate) -> Result<(), RunError> {
    let database = database(&settings.data)?;
    open_store(&database).await?.close().await;
    let _ = writeln!(std::io::stdout(), "The database {database} is up to date.");
    Ok(())
}

/// The server that DATABASE_URL names, or the file in the data folder. The URL may hold a password, so it is no
/// argument (SE-02).
pub(crate) fn database(settings: &DataArgs) -> Result<Database, RunError> {
    let url = match (secret_variable("DATABASE_URL"), &settings.database_url_file) {
        (Some(url), _) => Some(url),
        (None, Some(file)) => Some(SecretFile { path: file.clone(), is_private: false }.read()?),
        (None, None) => None,
    };
    let Some(url) = url else { return Ok(Database::Sqlite(settings.data.join(DATABASE))) };
    let database = url.trim().parse::<Database>();
    let database = database.map_err(|why| RunError::Setting(format!("DATABASE_URL {why}")))?;
    Ok(database.with_connections(settings.database_connections))
}

pub(crate) async fn open_store(database: &Database) -> Result<Store, RunError> {
    if let Database::Sqlite(file) = database {
        open_folder(file.parent().unwrap_or(Path::new(".")))?;
        reserve_file(file)?;
    }
    let failed = |cause| RunError::Database { database: database.to_string(), cause };
    Store::open(database).await.map_err(failed)
}

async fn open_api(
    args: &ApiArgs,
    data: &DataArgs,
    keys: SigningKeys,
    feed_key: Option<&Secrets>,
    socket: &TcpListener,
    clock: &Clock,
) -> Result<(Api, Router), RunError> {
    let store = open_store(&database(data)?).await?;
    let settings = ApiSettings {
        access_ttl: args.access_ttl,
        refresh_ttl: args.refresh_ttl,
        short_ttl: short_ttl(args),
        session_cap: args.session_cap,
        idle_limit: args.idle_limit,
        fresh_login: args.fresh_login,
        throttle: args.throttle == Switch::On,
        cors_origins: args.cors_origin.clone(),
        trusted_proxies: args.trusted_proxy.clone(),
        docs: api_docs(args, socket),
        feed_keys: feed_key.map(|keys| keys.all().cloned().collect()).unwrap_or_default(),
    };
    Ok(wiring::api(store, keys, settings, clock.clone()).await?)
}

fn api_docs(args: &ApiArgs, socket: &TcpListener) -> bool {
    args.docs.map_or_else(|| is_loopback(socket).unwrap_or(false), |docs| docs == Switch::On)
}

fn site_parts(args: &SiteArgs, site: Site, secrets: Secrets) -> Result<SiteParts, RunError> {
    let ui = args.ui.as_ref().map(Upstream::at).transpose();
    let ui = ui.map_err(|cause| RunError::Upstream { flag: "--ui", cause })?;
    let max_stale = Duration::from_secs(args.max_stale);
    Ok(SiteParts { site, secrets, ui, protect: args.protect.clone(), max_stale })
}

fn auth_secret(args: &SiteArgs, data: &Path, is_exposed: bool) -> Result<Secrets, SecretError> {
    Source {
        variable: AUTH_SECRET,
        value: secret_variable(AUTH_SECRET),
        file: args.auth_secret_file.as_deref(),
        kept_in: (!is_exposed).then(|| data.join("auth-secret")),
    }
    .load()
}

fn signing_keys(
    args: &ApiArgs,
    data: &Path,
    is_exposed: bool,
) -> Result<(SigningKeys, Option<KeyFile>), SecretError> {
    key_file::load(Source {
        variable: SIGNING_KEY,
        value: secret_variable(SIGNING_KEY),
        file: args.signing_key_file.as_deref(),
        kept_in: (!is_exposed).then(|| data.join(KEY_FILE)),
    })
}

/// Follows the file beside the server, until the process ends.
fn follow_keys(file: Option<KeyFile>, api: &Api, others: Named) {
    if let Some(file) = file {
        tokio::spawn(key_file::follow(file, api.clone(), others));
    }
}

fn change_keys(what: Keys) -> Result<(), RunError> {
    let done = keys::run(what, secret_variable(SIGNING_KEY).is_some(), &Clock::system())?;
    Ok(write!(std::io::stdout(), "{done}")?)
}

/// The feed key as the API has it: on loopback made where none is given, elsewhere there may be none.
fn feed_key(
    args: &FeedArgs,
    data: &Path,
    is_exposed: bool,
) -> Result<Option<Secrets>, SecretError> {
    let source = feed_source(args, data, is_exposed);
    if is_exposed { source.given() } else { source.load().map(Some) }
}

fn feed_source<'a>(args: &'a FeedArgs, data: &Path, is_exposed: bool) -> Source<'a> {
    Source {
        variable: FEED_KEY,
        value: secret_variable(FEED_KEY),
        file: args.feed_key_file.as_deref(),
        kept_in: (!is_exposed).then(|| data.join("feed-key")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "secrets are settings, but must not be arguments (SE-02)"
)]
fn secret_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn find_api(gateway: &Gateway, url: &url::Url) -> Result<(), RunError> {
    let mut tries = 1;
    loop {
        match gateway.probe().await {
            Ok(()) => return Ok(()),
            Err(cause) if tries == PROBES => {
                return Err(RunError::NoApi { url: url.to_string(), cause });
            }
            Err(_) => tokio::time::sleep(BETWEEN_PROBES).await,
        }
        tries += 1;
    }
}

/// Follows the API's revocations, if there is a key. Whether the API has them; an outage says nothing of that,
/// and until it is over the site is not ready (RV-06).
async fn follow(gateway: &Gateway, key: Option<Secrets>, url: &url::Url) -> Result<bool, RunError> {
    let Some(key) = key else { return Ok(false) };
    match gateway.follow_revocations(&key.first).await {
        Ok(has_feed) => Ok(has_feed),
        Err(FeedLost::Refused) => Err(RunError::FeedKey(url.to_string())),
        Err(FeedLost::TooMany | FeedLost::Outage(_)) => Ok(true),
    }
}

/// A socket, and what is served on it.
type Part = (TcpListener, Router);

/// Metrics, if they are wanted. First of all: what is counted before is lost.
async fn metrics_part(process: &ProcessArgs) -> Result<Option<Part>, RunError> {
    let Some(address) = process.metrics_listen else { return Ok(None) };
    let socket = listen(address, "--metrics-listen").await?;
    Ok(Some((socket, metrics::start()?)))
}

/// Where they are, for whoever started this.
fn metrics_address(part: Option<&Part>) -> Result<Option<(&'static str, String)>, RunError> {
    let Some((socket, _)) = part else { return Ok(None) };
    Ok(Some(("Metrics", format!("http://{}/metrics", host_of(socket.local_addr()?)))))
}

/// Serves until SIGTERM or SIGINT; then what runs may finish.
async fn serve_all(parts: impl Iterator<Item = Part>, drain: u64) -> Result<(), RunError> {
    // Before the first request is taken: until then a signal ends the process, and with it what runs.
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    let mut servers = JoinSet::new();
    for (listener, router) in parts {
        servers.spawn(serve(listener, router, stopped.clone(), Duration::from_secs(drain)));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: running requests may finish");
    let _ = stop.send(true);
    while servers.join_next().await.is_some() {}
    Ok(())
}

fn start_log(settings: &ProcessArgs) -> Result<(), RunError> {
    let filter = EnvFilter::builder().parse(&settings.log);
    let filter = filter.map_err(|error| RunError::Setting(format!("--log {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Human => {
            log.with_ansi(std::io::stderr().is_terminal()).with_target(false).init()
        }
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Addresses, what is weak, and the one next step, on standard output.
fn say(addresses: impl Iterator<Item = (&'static str, String)>, weak: &[String], next: &str) {
    let addresses: Vec<_> = addresses.collect();
    let width = addresses.iter().map(|(name, _)| name.len() + 2).max().unwrap_or_default();
    let mut text = String::from("\n  Vestibule is ready.\n\n");
    for (name, address) in addresses {
        text.push_str(&format!("    {name:<width$}{address}\n"));
    }
    for weakness in weak {
        text.push_str(&format!("\n  Weak: {weakness}."));
    }
    if !weak.is_empty() {
        text.push('\n');
    }
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}\n  {next}\n");
    let _ = out.flush();
}

/// `localhost` for loopback, which is what people type.
fn host_of(address: SocketAddr) -> String {
    if address.ip().is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}
