//! The database of the FastAPI backend, as far as it is taken over (contract, section 6).

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::alone::{Alone, OperateError};
use super::engine::Database;

/// One consistent view of that database. It is left as it is.
pub struct FastApi {
    pub(super) database: Database,
    connection: PgConnection,
}

/// A row of its table `user`.
pub(super) struct Account {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) password_hash: String,
    pub(super) profile_image_url: String,
    pub(super) tier_id: Option<i64>,
    pub(super) created_at: i64,
    pub(super) updated_at: Option<i64>,
    pub(super) deleted_at: Option<i64>,
    pub(super) is_deleted: bool,
    pub(super) is_superuser: bool,
}

impl FastApi {
    /// Opens the backend's PostgreSQL database.
    ///
    /// # Errors
    /// [`OperateError`] if it can't be opened, or is another database.
    pub async fn open(database: &Database) -> Result<Self, OperateError> {
        const FOREIGN: &str = r#"
            SELECT count(*) AS number FROM unnest(ARRAY['"user"', 'tier', 'token_blacklist']) AS name
            WHERE to_regclass(name) IS NULL"#;
        let unfit = |why| OperateError::Unfit { database: database.to_string(), why };
        let mut alone = Alone::snapshot(database).await?;
        if matches!(alone, Alone::Postgres(_)) {
            let missing = alone.number(FOREIGN.to_owned()).await;
            if missing.map_err(OperateError::of(database))? > 0 {
                return Err(unfit(
                    "is not the FastAPI backend's: it has not all of the tables user, tier and token_blacklist",
                ));
            }
        }
        match alone {
            Alone::Postgres(connection) => Ok(Self { database: database.clone(), connection }),
            Alone::Sqlite(_) => {
                Err(unfit("is a file: the FastAPI backend has a PostgreSQL server"))
            }
        }
    }

    /// The next live or deleted accounts by number, after `after`.
    pub(super) async fn accounts(
        &mut self,
        is_deleted: bool,
        after: i64,
    ) -> sqlx::Result<Vec<Account>> {
        const SQL: &str = r#"
            SELECT id::INT8, name, username, email, hashed_password, profile_image_url, tier_id::INT8,
                floor(extract(epoch FROM created_at))::INT8 AS created_at,
                floor(extract(epoch FROM updated_at))::INT8 AS updated_at,
                floor(extract(epoch FROM deleted_at))::INT8 AS deleted_at,
                is_deleted, is_superuser
            FROM "user" WHERE is_deleted = $1 AND id > $2 ORDER BY id LIMIT 500"#;
        let rows = sqlx::query(SQL).bind(is_deleted).bind(after);
        rows.try_map(account).fetch_all(&mut self.connection).await
    }

    /// Numbers and names of all tiers.
    pub(super) async fn tiers(&mut self) -> sqlx::Result<Vec<(i64, String)>> {
        const SQL: &str = "SELECT id::INT8, name FROM tier ORDER BY id";
        sqlx::query_as(SQL).fetch_all(&mut self.connection).await
    }

    /// The next tokens that were signed out, after number `after`, and their numbers.
    pub(super) async fn blacklist(&mut self, after: i64) -> sqlx::Result<Vec<(i64, String)>> {
        const SQL: &str = "
            SELECT id::INT8, token FROM token_blacklist WHERE id > $1 ORDER BY id LIMIT 500";
        sqlx::query_as(SQL).bind(after).fetch_all(&mut self.connection).await
    }
}

fn account(row: PgRow) -> sqlx::Result<Account> {
    Ok(Account {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        username: row.try_get("username")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("hashed_password")?,
        profile_image_url: row.try_get("profile_image_url")?,
        tier_id: row.try_get("tier_id")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        deleted_at: row.try_get("deleted_at")?,
        is_deleted: row.try_get("is_deleted")?,
        is_superuser: row.try_get("is_superuser")?,
    })
}
