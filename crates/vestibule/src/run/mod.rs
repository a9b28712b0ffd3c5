//! Running a role from its settings to its end.

mod all;
mod api;
mod edge;
mod files;
mod forward_auth;
mod gateway;
mod secrets;
mod serving;

use std::io::Write as _;
use std::path::Path;

use vestibule_api::{Database, OperateError, Store};
use vestibule_gateway::{InvalidUpstream, NextKey, SealKeys};
use vestibule_types::Clock;

use crate::doctor::doctor;
use crate::init::init_next;
use crate::key_file::SIGNING_KEY;
use crate::keys::{self, KeysError};
use crate::log;
use crate::operate;
use crate::plans::{PlanError, Plans};
use crate::secrets::{SecretError, SecretFile, Secrets, open_folder, reserve_file};
use crate::server::ListenError;
use crate::server::tls::TlsError;
use crate::settings::{
    ApiOnly, Check, Cli, DataArgs, Db, GatewayOnly, Import, Init, Keys, Migrate, NextKeyArgs, Role,
    Serve, Sessions,
};
use crate::wiring::{self, DATABASE};

use secrets::{auth_secret_of_site, secret_variable};
use serving::start_traces;

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
    /// The certificate of the site.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    /// What goes where.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The collection of metrics.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::AlreadyCounting),
    /// Traces.
    #[cfg(feature = "otlp")]
    #[error("--otlp-endpoint {0}")]
    Traces(#[from] crate::traces::TracesError),
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
    let process = match &role {
        Role::Serve(Serve { process, .. })
        | Role::Api(ApiOnly { process, .. })
        | Role::Gateway(GatewayOnly { process, .. }) => Some(process.clone()),
        _ => None,
    };
    let log = process.as_ref().map(log::start).transpose();
    let _until_the_end = log.map_err(|error| RunError::Setting(format!("--log {error}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let _until_it_ends = process.as_ref().map(start_traces).transpose()?;
        match role {
            Role::Serve(settings) => all::run(settings).await?,
            Role::Api(settings) => api::run(settings).await?,
            Role::Gateway(settings) => gateway::run(settings).await?,
            Role::Check(settings) => check(settings)?,
            Role::Doctor(settings) => doctor(settings).await?,
            Role::Migrate(settings) => migrate(settings).await?,
            Role::Keys(what) => change_keys(what)?,
            Role::Db(Db::Copy(settings)) => operate::copy(settings).await?,
            Role::Import(Import::Fastapi(settings)) => return operate::import(settings).await,
            Role::Sessions(Sessions::EndAll(settings)) => operate::end_all(settings).await?,
            Role::Init(Init::Next(settings)) => init_next(&settings)?,
            Role::NextKey(settings) => print_next_key(&settings)?,
        }
        Ok(Outcome::Done)
    })
}

/// One line for a person, on standard error.
pub fn say_error(error: &RunError) {
    let _ = writeln!(std::io::stderr(), "vestibule: {error}");
}

/// Says what goes where, or what becomes of one request.
fn check(settings: Check) -> Result<(), RunError> {
    let Check { site, api, method, path } = settings;
    let upstream = |cause| RunError::Upstream { flag: "--api", cause };
    let plan = Plans::new(site, wiring::api_at(&api).map_err(upstream)?).read()?;
    let mut out = std::io::stdout();
    match (method, path) {
        (Some(method), Some(path)) => {
            write!(out, "{method} {path}\n{}", plan.explain(&method, &path))?
        }
        _ => {
            writeln!(
                out,
                "The settings are right. Routes, the first that covers a path takes it:"
            )?;
            for (route, upstream) in plan.routes() {
                writeln!(out, "  {route} to {upstream}")?;
            }
        }
    }
    Ok(())
}

async fn migrate(settings: Migrate) -> Result<(), RunError> {
    let database = database(&settings.data)?;
    open_store(&database).await?.close().await;
    let _ = writeln!(std::io::stdout(), "The database {database} is up to date.");
    Ok(())
}

fn change_keys(what: Keys) -> Result<(), RunError> {
    let done = keys::run(what, secret_variable(SIGNING_KEY).is_some(), &Clock::system())?;
    Ok(write!(std::io::stdout(), "{done}")?)
}

fn print_next_key(settings: &NextKeyArgs) -> Result<(), RunError> {
    let Secrets { first, older } = auth_secret_of_site(settings)?;
    let key = NextKey::new(&SealKeys::new(first, older));
    Ok(writeln!(std::io::stdout(), "{}", key.reveal())?)
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
