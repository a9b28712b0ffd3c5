use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A row of either engine: it holds integers, texts and flags.
pub(super) trait Columns {
    fn int(&self, name: &str) -> sqlx::Result<i64>;
    fn maybe_int(&self, name: &str) -> sqlx::Result<Option<i64>>;
    fn text(&self, name: &str) -> sqlx::Result<String>;
    fn flag(&self, name: &str) -> sqlx::Result<bool>;
}

macro_rules! columns {
    ($row:ty) => {
        impl Columns for $row {
            fn int(&self, name: &str) -> sqlx::Result<i64> {
                self.try_get(name)
            }

            fn maybe_int(&self, name: &str) -> sqlx::Result<Option<i64>> {
                self.try_get(name)
            }

            fn text(&self, name: &str) -> sqlx::Result<String> {
                self.try_get(name)
            }

            fn flag(&self, name: &str) -> sqlx::Result<bool> {
                self.try_get(name)
            }
        }
    };
}

columns!(SqliteRow);
columns!(PgRow);

/// There is a row, whatever is in it.
pub(super) fn found<R: Columns>(_: R) -> sqlx::Result<()> {
    Ok(())
}
