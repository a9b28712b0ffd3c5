//! Everything of one database into another, empty one, of the same engine or the other.

use sqlx::QueryBuilder;

use super::alone::{Alone, OperateError, on, push_cell};
use super::engine::Database;
use super::row::{Cell, Columns};

/// A table, its key first: rows are read in its order.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    /// Whether the database numbers its rows.
    is_numbered: bool,
}

/// Everything there is. What a row refers to comes before it.
const TABLES: [Table; 6] = [
    Table { name: "tiers", columns: &["id", "name"], is_numbered: false },
    Table {
        name: "users",
        columns: &[
            "id",
            "username",
            "email",
            "email_key",
            "name",
            "password_hash",
            "profile_image_url",
            "tier_id",
            "created_at",
            "updated_at",
            "deleted_at",
            "email_verified",
        ],
        is_numbered: true,
    },
    Table {
        name: "held_usernames",
        columns: &["username", "user_id", "held_until"],
        is_numbered: false,
    },
    Table {
        name: "sessions",
        columns: &[
            "sid",
            "user_id",
            "gen",
            "parent",
            "prev",
            "confirmed_at",
            "child",
            "child_at",
            "created",
            "last_used",
            "expires_at",
            "revoked_at",
            "agent",
            "address",
            "persistent",
        ],
        is_numbered: false,
    },
    Table {
        name: "imported_names",
        columns: &["username", "user_id", "issued_from", "issued_to", "until"],
        is_numbered: false,
    },
    Table { name: "news", columns: &["id", "kind", "subject", "at", "until"], is_numbered: true },
];

/// Rows moved at once: the values of a row times this stay under what a statement takes (SQLite: 32,766).
const BATCH: usize = 500;

/// What a copy takes: `table.column` of all tables, which a test holds against both engines.
pub fn copied_columns() -> Vec<String> {
    let names = |table: &Table| {
        table.columns.iter().map(|name| format!("{}.{name}", table.name)).collect::<Vec<_>>()
    };
    TABLES.iter().flat_map(names).collect()
}

/// How far a copy is with one table. It is told when a table begins, and after each batch.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The table.
    pub table: &'static str,
    /// Its rows copied so far.
    pub rows: u64,
    /// All its rows.
    pub of: u64,
}

/// A database to copy: one consistent view of it, whatever others write meanwhile. It is left as it is.
pub struct Source {
    database: Database,
    alone: Alone,
}

impl Source {
    /// Opens a database whose tables are those of this version.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn open(database: &Database) -> Result<Self, OperateError> {
        Ok(Self { database: database.clone(), alone: Alone::to_read(database).await? })
    }

    /// Copies everything into `to`, which is migrated and has no rows; all or nothing. How many rows there were.
    ///
    /// # Errors
    /// [`OperateError`]. Then nothing was copied.
    pub async fn copy_to(
        mut self,
        to: &Database,
        mut progress: impl FnMut(Progress),
    ) -> Result<u64, OperateError> {
        let (unread, unwritten) = (OperateError::of(&self.database), OperateError::of(to));
        let mut target = Alone::to_write(to).await?;
        target.keep_others_out().await.map_err(&unwritten)?;
        target.has_to_be_empty(to).await?;
        let mut all = 0;
        for table in &TABLES {
            let of = self.alone.number(format!("SELECT count(*) AS number FROM {}", table.name));
            let of = of.await.map_err(&unread)?.unsigned_abs();
            let (mut rows, mut last) = (0, None);
            loop {
                progress(Progress { table: table.name, rows, of });
                let page = self.alone.page(table, last).await.map_err(&unread)?;
                last = page.last().map(|row| row[0].clone());
                if last.is_none() {
                    break;
                }
                rows += target.insert(&table.insert(), page, "").await.map_err(&unwritten)?;
            }
            if table.is_numbered {
                target.renumber(table.name).await.map_err(&unwritten)?;
            }
            all += rows;
        }
        target.commit().await.map_err(&unwritten)?;
        Ok(all)
    }
}

impl Table {
    fn insert(&self) -> String {
        format!("INSERT INTO {} ({}) VALUES", self.name, self.columns.join(", "))
    }
}

impl Alone {
    /// Until the end nobody else writes here. SQLite has one writer anyway.
    async fn keep_others_out(&mut self) -> sqlx::Result<()> {
        let names = TABLES.map(|table| table.name).join(", ");
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.run(&format!("LOCK TABLE {names} IN EXCLUSIVE MODE")).await,
        }
    }

    async fn has_to_be_empty(&mut self, database: &Database) -> Result<(), OperateError> {
        for Table { name, .. } in &TABLES {
            let rows = format!("SELECT count(*) AS number FROM (SELECT 1 FROM {name} LIMIT 1) one");
            let rows = self.number(rows).await.map_err(OperateError::of(database))?;
            if rows > 0 {
                return Err(OperateError::NotEmpty { database: database.to_string(), table: name });
            }
        }
        Ok(())
    }

    /// The next rows of a table, after the one with the key `last`.
    async fn page(&mut self, table: &Table, last: Option<Cell>) -> sqlx::Result<Vec<Vec<Cell>>> {
        let (key, columns) = (table.columns[0], table.columns.join(", "));
        on!(self, Db, connection => {
            let mut query = QueryBuilder::<Db>::new(format!("SELECT {columns} FROM {}", table.name));
            if let Some(last) = last {
                query.push(format!(" WHERE {key} > "));
                push_cell!(query, last);
            }
            query.push(format!(" ORDER BY {key} LIMIT {BATCH}"));
            query.build().try_map(|row| Columns::cells(&row)).fetch_all(connection).await
        })
    }
}
