//! Accounts and sessions in SQL. One text serves both engines: `$n`, `RETURNING`, `ON CONFLICT`, `BOOLEAN`,
//! times as Unix seconds.

mod alone;
mod copy;
mod end_all;
mod engine;
mod fastapi;
mod import;
mod known;
mod legacy;
mod news;
mod row;
mod sessions;
mod sweep;
mod users;

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};
use vestibule_types::Clock;

pub use alone::OperateError;
pub use copy::{Progress, Source, copied_columns};
pub use end_all::end_all_sessions;
pub use engine::{Database, InvalidDatabase};
pub use fastapi::FastApi;
pub use import::{Imported, Refusal};
pub(crate) use known::LiveAccount;
pub(crate) use news::{Ending, Page};
pub(crate) use sessions::{NewSession, StoredSession};
pub(crate) use users::{Credentials, NewUser, Taken, UserChange};

use engine::{Engine, read, transact, write_again};
use known::Known;
use news::News;
use row::found;

/// The database, and what this node remembers of it. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Parts>);

struct Parts {
    engine: Engine,
    /// Sessions and accounts that were live when last looked at, so that an access check asks nobody.
    known: Known,
    /// What has ended or changed, here and on other nodes.
    news: News,
}

impl Store {
    /// Opens the database, making it if it is a file that isn't there, and brings its tables up to date. Two
    /// nodes that start together wait for one another.
    ///
    /// # Errors
    /// [`sqlx::Error`] if it can't be opened, or was migrated by a newer version.
    pub async fn open(database: &Database) -> sqlx::Result<Self> {
        let engine = database.open(&migrator(database)).await?;
        Ok(Self(Arc::new(Parts { engine, known: Known::default(), news: News::default() })))
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> sqlx::Result<()> {
        read!(self, pool => sqlx::query("SELECT 1").try_map(found).fetch_one(pool))
    }

    /// Sets `clock` by the database's, so that all nodes on one database agree on the time (F12). SQLite has
    /// none of its own.
    pub(crate) async fn set_clock(&self, clock: &Clock) -> sqlx::Result<()> {
        const SQL: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
        let Engine::Postgres(pool) = &self.0.engine else { return Ok(()) };
        let asked = tokio::time::Instant::now();
        let at: i64 = sqlx::query_scalar(SQL).fetch_one(pool).await?;
        if asked.elapsed() < Duration::from_secs(1) {
            clock.follow(at);
        }
        Ok(())
    }

    /// Waits for what is under way and closes all connections.
    pub async fn close(&self) {
        self.0.engine.close().await;
    }
}

/// The tables, in steps that are never edited once released: one text an engine.
fn migrator(database: &Database) -> Migrator {
    let of = |sqlite: &'static str, postgres: &'static str| match database {
        Database::Sqlite(_) => sqlite,
        Database::Postgres(_) => postgres,
    };
    let steps = [
        (
            "accounts",
            of(
                include_str!("../../migrations/0001_accounts.sqlite.sql"),
                include_str!("../../migrations/0001_accounts.postgres.sql"),
            ),
        ),
        (
            "news",
            of(
                include_str!("../../migrations/0002_news.sqlite.sql"),
                include_str!("../../migrations/0002_news.postgres.sql"),
            ),
        ),
        (
            "sessions",
            of(
                include_str!("../../migrations/0003_sessions.sqlite.sql"),
                include_str!("../../migrations/0003_sessions.postgres.sql"),
            ),
        ),
        (
            "imports",
            of(
                include_str!("../../migrations/0004_imports.sqlite.sql"),
                include_str!("../../migrations/0004_imports.postgres.sql"),
            ),
        ),
        (
            "verified",
            of(
                include_str!("../../migrations/0005_verified.sqlite.sql"),
                include_str!("../../migrations/0005_verified.postgres.sql"),
            ),
        ),
    ];
    let migration = |(version, (name, sql)): (i64, (&'static str, &'static str))| {
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations((1..).zip(steps).map(migration).collect())
}
