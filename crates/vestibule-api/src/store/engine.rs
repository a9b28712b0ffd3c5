//! The two engines, and how a statement runs on whichever is open.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, SqliteConnection, SqlitePool};

/// Where the database is.
#[derive(Clone)]
pub enum Database {
    /// A file of its own.
    Sqlite(PathBuf),
    /// A server, which several nodes share.
    Postgres(Box<Server>),
}

/// A PostgreSQL server. It shows no password.
#[derive(Clone)]
pub struct Server {
    pub(super) options: PgConnectOptions,
    /// Most connections of this node.
    connections: u32,
}

/// Not the URL of a database.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidDatabase {
    /// Another scheme.
    #[error("has to be postgres://USER@HOST/NAME, or sqlite:FILE")]
    Scheme,
    /// Not understood. What is wrong is said without the URL, which may hold a password.
    #[error("is not a PostgreSQL URL: {0}")]
    Postgres(String),
}

/// Connections of one node, unless set otherwise.
const CONNECTIONS: u32 = 10;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a statement may take in all. The server ends its own after five seconds; this is for one that can't
/// be reached any more and has not said so.
const LONGEST: Duration = Duration::from_secs(8);

/// A connection that was idle for longer is asked whether it still lives before it is used.
const DOUBTED: Duration = Duration::from_secs(1);

impl Database {
    /// At most so many connections to a server; SQLite has its own number.
    #[must_use]
    pub fn with_connections(mut self, most: u32) -> Self {
        if let Self::Postgres(server) = &mut self {
            server.connections = most;
        }
        self
    }

    pub(super) async fn open(&self, migrator: &Migrator) -> sqlx::Result<Engine> {
        match self {
            Self::Sqlite(file) => open_sqlite(file, migrator).await,
            Self::Postgres(server) => server.open(migrator).await,
        }
    }
}

impl FromStr for Database {
    type Err = InvalidDatabase;

    /// `postgres://…` and `postgresql://…`, also with a driver's name as SQLAlchemy writes it
    /// (`postgresql+asyncpg://…`); `sqlite:FILE`, with or without `//` before the file.
    fn from_str(text: &str) -> Result<Self, InvalidDatabase> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidDatabase::Scheme)?;
        match scheme.split('+').next() {
            Some("postgres" | "postgresql") => {
                let options = PgConnectOptions::from_str(&format!("postgres:{rest}"));
                let options = options.map_err(|error| InvalidDatabase::Postgres(words(&error)))?;
                Ok(Self::Postgres(Box::new(Server { options, connections: CONNECTIONS })))
            }
            Some("sqlite") => {
                let file = rest.strip_prefix("//").unwrap_or(rest);
                match file.is_empty() {
                    true => Err(InvalidDatabase::Scheme),
                    false => Ok(Self::Sqlite(PathBuf::from(file))),
                }
            }
            _ => Err(InvalidDatabase::Scheme),
        }
    }
}

/// The innermost cause: the outer ones add only "error with configuration".
fn words(error: &sqlx::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

impl fmt::Display for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(out, "{}", file.display()),
            Self::Postgres(server) => {
                let options = &server.options;
                let name = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(out, "postgres {name} at {}", socket.display()),
                    None => {
                        write!(
                            out,
                            "postgres {name} at {}:{}",
                            options.get_host(),
                            options.get_port()
                        )
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Database({self})")
    }
}

/// An open database.
///
/// SQLite: writes go through one connection, so that they wait for one another instead of failing; reads
/// through several. On both, a commit is on disk before it is acknowledged.
pub(super) enum Engine {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// How a file is written, whoever does it.
pub(super) fn sqlite_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted is overwritten: a deleted account leaves nothing in free pages.
        .pragma("secure_delete", "ON")
}

async fn open_sqlite(file: &Path, migrator: &Migrator) -> sqlx::Result<Engine> {
    let options = sqlite_options(file).create_if_missing(true).busy_timeout(Duration::from_secs(5));
    let pool = |most| {
        SqlitePoolOptions::new()
            .max_connections(most)
            .acquire_timeout(Duration::from_secs(5))
            .test_before_acquire(false)
    };
    // SQLite has no lock that lasts over the steps of a migration.
    let lock = File::create(file.with_extension("lock"))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
    let lock = lock.await.expect("locking does not panic")?;
    let writer = pool(1)
        .after_release(|connection, _| Box::pin(is_at_rest(connection)))
        .connect_with(options.clone())
        .await?;
    migrator.run(&writer).await?;
    drop(lock);
    let readers = pool(4).connect_with(options.read_only(true)).await?;
    Ok(Engine::Sqlite { writer, readers })
}

/// Whether a connection may be used again. When a commit fails for want of disk, SQLite has rolled back before sqlx
/// does; sqlx then believes for ever that a transaction is open, and no other can begin.
async fn is_at_rest(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    // A rollback may still be on its way to the connection's thread.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

impl Server {
    async fn open(&self, migrator: &Migrator) -> sqlx::Result<Engine> {
        let options = self.options.clone().application_name("vestibule");
        // Waiting for another node that migrates may take long, and so may a step: no time-out here. The
        // migrator holds an advisory lock.
        let mut alone = options.connect().await?;
        migrator.run(&mut alone).await?;
        alone.close().await?;
        let options = options.options([
            ("statement_timeout", "5s"),
            ("lock_timeout", "3s"),
            ("idle_in_transaction_session_timeout", "10s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .before_acquire(|connection, last| {
                Box::pin(async move {
                    if last.idle_for > DOUBTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        Ok(Engine::Postgres(pool.connect_with(options).await?))
    }
}

impl Engine {
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Counts how often a statement is tried again after an error that may pass by itself.
#[derive(Default)]
pub(super) struct Again(u32);

impl Again {
    const MOST: u32 = 3;

    /// Whether to try again; waits a moment first.
    pub(super) async fn may(&mut self, error: &sqlx::Error) -> bool {
        if self.0 == Self::MOST || !is_passing(error) {
            return false;
        }
        self.0 += 1;
        tokio::time::sleep(Duration::from_millis(u64::from(self.0) * 10)).await;
        true
    }
}

/// Gives up on a statement that takes too long. What a statement needs while it runs is several KiB, and on the heap: handlers that may
/// run one, and may not, stay small enough to be moved from layer to layer.
pub(super) fn within<T>(
    work: impl Future<Output = sqlx::Result<T>>,
) -> impl Future<Output = sqlx::Result<T>> {
    let work = tokio::time::timeout(LONGEST, Box::pin(work));
    async { work.await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) }
}

/// Lets work go on though nobody waits for it any more, as when a client hangs up. A transaction that is given up
/// while it begins would stay open in the pool, with what it locks: sqlx does not yet know of it.
pub(super) async fn apart<T: Send + 'static>(
    work: impl Future<Output = sqlx::Result<T>> + Send + 'static,
) -> sqlx::Result<T> {
    tokio::spawn(work).await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// A connection that broke, a server that is restarting, or two transactions in each other's way. SQLite waits
/// by itself (`busy_timeout`).
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some()
                && (code.starts_with("08")
                    || matches!(&*code, "40001" | "40P01" | "57P01" | "57P02" | "57P03"))
        }),
        _ => false,
    }
}

/// Runs a query that reads, again if its connection broke.
macro_rules! read {
    ($store:expr, $pool:ident => $query:expr) => {{
        let mut again = crate::store::engine::Again::default();
        loop {
            let done = match &$store.0.engine {
                crate::store::engine::Engine::Sqlite { readers: $pool, .. } => {
                    crate::store::engine::within($query).await
                }
                crate::store::engine::Engine::Postgres($pool) => {
                    crate::store::engine::within($query).await
                }
            };
            match done {
                Err(error) if again.may(&error).await => {}
                done => break done,
            }
        }
    }};
}

/// Runs one statement that writes, again if its connection broke: only for what may happen twice.
macro_rules! write_again {
    ($store:expr, $pool:ident => $query:expr) => {{
        let mut again = crate::store::engine::Again::default();
        loop {
            let done = match &$store.0.engine {
                crate::store::engine::Engine::Sqlite { writer: $pool, .. } => {
                    crate::store::engine::within($query).await.map(|done| done.rows_affected())
                }
                crate::store::engine::Engine::Postgres($pool) => {
                    crate::store::engine::within($query).await.map(|done| done.rows_affected())
                }
            };
            match done {
                Err(error) if again.may(&error).await => {}
                done => break done,
            }
        }
    }};
}

/// Runs a body in a transaction that SQLite locks from its start; again if it broke before the commit was
/// sent, when nothing has happened yet.
macro_rules! transact {
    ($store:expr, $tx:ident => $body:block) => {{
        let mut again = crate::store::engine::Again::default();
        loop {
            let done = match &$store.0.engine {
                crate::store::engine::Engine::Sqlite { writer, .. } => {
                    let writer = writer.clone();
                    let begin = async move { writer.begin_with("BEGIN IMMEDIATE").await };
                    crate::store::engine::attempt!(begin, $tx, $body)
                }
                crate::store::engine::Engine::Postgres(pool) => {
                    let pool = pool.clone();
                    let begin = async move { pool.begin().await };
                    crate::store::engine::attempt!(begin, $tx, $body)
                }
            };
            match done {
                Ok(committed) => break committed,
                Err(error) if again.may(&error).await => {}
                Err(error) => break Err(error),
            }
        }
    }};
}

/// `Err`: nothing has happened. `Ok(Err)`: the commit was sent, and nobody knows.
macro_rules! attempt {
    ($begin:expr, $tx:ident, $body:block) => {
        match crate::store::engine::within(crate::store::engine::apart($begin)).await {
            Err(error) => Err(error),
            Ok(mut $tx) => match crate::store::engine::within(async { $body }).await {
                Err(error) => Err(error),
                Ok(value) => Ok(crate::store::engine::within($tx.commit()).await.map(|()| value)),
            },
        }
    };
}

pub(super) use {attempt, read, transact, write_again};

#[cfg(test)]
mod tests {
    use super::{Database, InvalidDatabase};

    #[test]
    fn a_database_is_a_file_or_a_server() {
        for (text, shown) in [
            ("postgres://ada@db.internal/app", "postgres app at db.internal:5432"),
            ("postgresql+asyncpg://ada:secret@db:5433/app", "postgres app at db:5433"),
            ("postgres:///app?host=/run/postgresql", "postgres app at /run/postgresql"),
            ("sqlite:/var/lib/v.sqlite", "/var/lib/v.sqlite"),
            ("sqlite://v.sqlite", "v.sqlite"),
        ] {
            assert_eq!(
                text.parse::<Database>().map(|database| database.to_string()),
                Ok(shown.into())
            );
        }
    }

    #[test]
    fn what_is_no_database_is_refused_without_showing_a_password() {
        for text in ["", "mysql://a@b/c", "sqlite:", "app.db", "postgres"] {
            assert_eq!(text.parse::<Database>().unwrap_err(), InvalidDatabase::Scheme, "{text}");
        }
        let refused = "postgres://ada:canary@db:port/app".parse::<Database>().unwrap_err();
        assert!(!refused.to_string().contains("canary"), "{refused}");
        let database: Database = "postgres://ada:canary@db/app".parse().unwrap();
        assert!(!format!("{database:?} {database}").contains("canary"));
    }
}
