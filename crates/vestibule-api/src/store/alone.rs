//! What an operator's command works on: a connection of its own, in one transaction, without time limits.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, QueryBuilder, SqliteConnection};

use vestibule_types::Clock;

use super::engine::{Database, Server, sqlite_options};
use super::migrator;
use super::row::{Cell, Columns};

/// A transaction that has begun. Dropped before [`Alone::commit`], it has done nothing.
pub(super) enum Alone {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Why a command of an operator did nothing: the cause, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// It does not answer, or refuses.
    #[error("the database {database} can't be used: {cause}")]
    Database {
        /// Its file or server.
        database: String,
        /// Why not.
        cause: sqlx::Error,
    },
    /// Its tables are not those that are needed.
    #[error("the database {database} {why}")]
    Unfit {
        /// Its file or server.
        database: String,
        /// What they are, and the mend.
        why: &'static str,
    },
    /// A copy would mix with what is there.
    #[error(
        "the database {database} is not empty: it has rows in {table}. Copy into one that has none"
    )]
    NotEmpty {
        /// Its file or server.
        database: String,
        /// The first table with rows.
        table: &'static str,
    },
}

impl OperateError {
    /// Says which database it was.
    pub(super) fn of(database: &Database) -> impl Fn(sqlx::Error) -> Self + use<> {
        let database = database.to_string();
        move |cause| Self::Database { database: database.clone(), cause }
    }
}

/// How long SQLite waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a body on whichever engine it is; `$db` is its type in there.
macro_rules! on {
    ($alone:expr, $connection:ident => $body:expr) => {
        match $alone {
            crate::store::alone::Alone::Sqlite($connection) => $body,
            crate::store::alone::Alone::Postgres($connection) => $body,
        }
    };
    ($alone:expr, $db:ident, $connection:ident => $body:expr) => {
        match $alone {
            crate::store::alone::Alone::Sqlite($connection) => {
                type $db = sqlx::Sqlite;
                $body
            }
            crate::store::alone::Alone::Postgres($connection) => {
                type $db = sqlx::Postgres;
                $body
            }
        }
    };
}

/// Adds a value to a query.
macro_rules! push_cell {
    ($query:ident, $cell:expr) => {
        match $cell {
            crate::store::row::Cell::Int(value) => $query.push_bind(value),
            crate::store::row::Cell::Text(value) => $query.push_bind(value),
            crate::store::row::Cell::Flag(value) => $query.push_bind(value),
        }
    };
}

/// Adds `(value, value, …)` to a query.
macro_rules! push_row {
    ($query:ident, $cells:expr) => {{
        $query.push("(");
        for (at, cell) in $cells.into_iter().enumerate() {
            if at > 0 {
                $query.push(", ");
            }
            push_cell!($query, cell);
        }
        $query.push(")");
    }};
}

pub(super) use {on, push_cell};

impl Alone {
    /// One consistent view of a database that stays as it is. Its tables have to be those of this version.
    pub(super) async fn to_read(database: &Database) -> Result<Self, OperateError> {
        Self::snapshot(database).await?.of_this_version(database).await
    }

    /// The same of any database, whatever its tables.
    pub(super) async fn snapshot(database: &Database) -> Result<Self, OperateError> {
        let begun = async {
            match database {
                Database::Sqlite(file) => {
                    let options = SqliteConnectOptions::new().filename(file).read_only(true);
                    Self::begin_sqlite(options, "BEGIN").await
                }
                Database::Postgres(server) => {
                    Self::begin_postgres(server, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                        .await
                }
            }
        };
        begun.await.map_err(OperateError::of(database))
    }

    /// A transaction that writes, in a database that is there, with the tables of this version.
    pub(super) async fn to_write(database: &Database) -> Result<Self, OperateError> {
        let begun = async {
            match database {
                Database::Sqlite(file) => {
                    Self::begin_sqlite(sqlite_options(file), "BEGIN IMMEDIATE").await
                }
                Database::Postgres(server) => Self::begin_postgres(server, "BEGIN").await,
            }
        };
        begun.await.map_err(OperateError::of(database))?.of_this_version(database).await
    }

    async fn begin_sqlite(
        options: SqliteConnectOptions,
        begin: &'static str,
    ) -> sqlx::Result<Self> {
        let mut connection = options.busy_timeout(PATIENCE).connect().await?;
        sqlx::query(begin).execute(&mut connection).await?;
        Ok(Self::Sqlite(connection))
    }

    async fn begin_postgres(server: &Server, begin: &'static str) -> sqlx::Result<Self> {
        let options = server.options.clone().application_name("vestibule");
        // A role or a database may have limits of its own.
        let options = options
            .options([("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0")]);
        let mut connection = options.connect().await?;
        sqlx::query(begin).execute(&mut connection).await?;
        Ok(Self::Postgres(connection))
    }

    async fn of_this_version(mut self, database: &Database) -> Result<Self, OperateError> {
        let found = self.version().await.map_err(OperateError::of(database))?;
        let ours = migrator(database).iter().map(|step| step.version).max();
        let why = match found {
            found if found == ours => return Ok(self),
            None => "has no tables of Vestibule: run vestibule migrate on it first",
            older if older < ours => {
                "has the tables of an older version: run vestibule migrate on it first"
            }
            Some(_) => "has the tables of a newer version: use that one's vestibule",
        };
        Err(OperateError::Unfit { database: database.to_string(), why })
    }

    /// The last step of its migration.
    async fn version(&mut self) -> sqlx::Result<Option<i64>> {
        const SQL: &str = "SELECT max(version) AS version FROM _sqlx_migrations WHERE success";
        let version = on!(self, connection => {
            let version = sqlx::query(SQL).try_map(|row| Columns::maybe_int(&row, "version"));
            version.fetch_one(connection).await
        });
        match version {
            // No such table: its code in PostgreSQL, and SQLite's for all that is wrong with a statement.
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("42P01" | "1")) =>
            {
                Ok(None)
            }
            version => version,
        }
    }

    pub(super) async fn run(&mut self, sql: &str) -> sqlx::Result<()> {
        on!(self, connection => {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
            query.execute(connection).await.map(|_| ())
        })
    }

    /// The one number that `sql` answers as `number`.
    pub(super) async fn number(&mut self, sql: String) -> sqlx::Result<i64> {
        on!(self, connection => {
            let number = sqlx::query(sqlx::AssertSqlSafe(sql));
            number.try_map(|row| Columns::int(&row, "number")).fetch_one(connection).await
        })
    }

    /// The rows that `sql` selects, to whose end the list of `values` is added in brackets; none if that is empty.
    pub(super) async fn among(
        &mut self,
        sql: &str,
        values: impl IntoIterator<Item = Cell>,
    ) -> sqlx::Result<Vec<Vec<Cell>>> {
        let values: Vec<Cell> = values.into_iter().collect();
        if values.is_empty() {
            return Ok(Vec::new());
        }
        on!(self, Db, connection => {
            let mut query = QueryBuilder::<Db>::new(sql);
            push_row!(query, values);
            query.build().try_map(|row| Columns::cells(&row)).fetch_all(connection).await
        })
    }

    /// Inserts `rows`: `sql` goes before their values, `end` after. How many were inserted.
    pub(super) async fn insert(
        &mut self,
        sql: &str,
        rows: Vec<Vec<Cell>>,
        end: &str,
    ) -> sqlx::Result<u64> {
        if rows.is_empty() {
            return Ok(0);
        }
        on!(self, Db, connection => {
            let mut query = QueryBuilder::<Db>::new(sql);
            for (at, row) in rows.into_iter().enumerate() {
                query.push(if at == 0 { " " } else { ", " });
                push_row!(query, row);
            }
            query.push(end);
            Ok(query.build().execute(connection).await?.rows_affected())
        })
    }

    /// What time it is, by the clock that the nodes on this database follow (F12).
    pub(super) async fn now(&mut self, clock: &Clock) -> sqlx::Result<i64> {
        const SQL: &str =
            "SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT) AS number";
        match self {
            Self::Sqlite(_) => Ok(clock.now()),
            Self::Postgres(_) => self.number(SQL.to_owned()).await,
        }
    }

    /// Lets PostgreSQL go on after the greatest number that is there. This is not taken back with the transaction,
    /// which does no harm.
    pub(super) async fn renumber(&mut self, table: &str) -> sqlx::Result<()> {
        let Self::Postgres(connection) = self else { return Ok(()) };
        let sequence = format!("pg_get_serial_sequence('{table}', 'id')");
        let sql = format!(
            "SELECT setval({sequence}, GREATEST(nextval({sequence}), COALESCE(max(id), 0) + 1), false) FROM {table}"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
    }

    /// On disk when this returns.
    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        on!(&mut self, connection => {
            sqlx::query("COMMIT").execute(connection).await.map(|_| ())
        })?;
        // Done is done, whatever becomes of the connection.
        self.abandon().await;
        Ok(())
    }

    /// Ends it as if it had never begun.
    pub(super) async fn abandon(self) {
        on!(self, connection => drop(connection.close().await));
    }
}
