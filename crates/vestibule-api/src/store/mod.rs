//! Accounts and sessions in SQL. One text serves every engine: `$n`, `RETURNING`, `ON CONFLICT`, times as
//! Unix seconds.

mod sessions;
mod users;

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, Sqlite, SqlitePool, Transaction};

pub(crate) use sessions::{NewSession, StoredSession};
pub(crate) use users::{Credentials, NewUser, Taken, UserChange};

/// The database. Cheap to clone.
///
/// Writes go through one connection, so that they wait for one another instead of failing; reads through
/// several. Every commit is on disk before it is acknowledged (`synchronous = FULL`).
#[derive(Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the SQLite database in `file`, making it if it isn't there, and brings its tables up to date.
    ///
    /// # Errors
    /// [`sqlx::Error`] if the file can't be opened, or was migrated by a newer version.
    pub async fn open(file: &Path) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            // What is deleted is overwritten: a deleted account leaves nothing in free pages.
            .pragma("secure_delete", "ON");
        let pool = |most| {
            SqlitePoolOptions::new()
                .max_connections(most)
                .acquire_timeout(Duration::from_secs(5))
                .test_before_acquire(false)
        };
        let writer = pool(1).connect_with(options.clone()).await?;
        migrator().run(&writer).await?;
        let readers = pool(4).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map(drop)
    }

    /// A transaction that holds the write lock from its start.
    async fn begin(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Waits for what is under way and closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// The tables, in steps that are never edited once released.
fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            AssertSqlSafe(sql).into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![
        step(1, "accounts", include_str!("../../migrations/0001_accounts.sqlite.sql")),
        step(2, "sessions", include_str!("../../migrations/0002_sessions.sqlite.sql")),
    ])
}
