use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, Row as _, TypeInfo as _};

/// A value of a row, whatever it is called.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Flag(Option<bool>),
}

impl Cell {
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => text,
            Self::Int(_) | Self::Flag(_) => None,
        }
    }
}

/// A row of either engine: it holds integers, texts and flags.
pub(super) trait Columns {
    fn int(&self, name: &str) -> sqlx::Result<i64>;
    fn maybe_int(&self, name: &str) -> sqlx::Result<Option<i64>>;
    fn text(&self, name: &str) -> sqlx::Result<String>;
    fn flag(&self, name: &str) -> sqlx::Result<bool>;
    /// All columns of a table in their order, as they are declared there.
    fn cells(&self) -> sqlx::Result<Vec<Cell>>;
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

            fn cells(&self) -> sqlx::Result<Vec<Cell>> {
                let cell = |at: usize| match self.column(at).type_info().name() {
                    "TEXT" => self.try_get(at).map(Cell::Text),
                    "BOOL" | "BOOLEAN" => self.try_get(at).map(Cell::Flag),
                    _ => self.try_get(at).map(Cell::Int),
                };
                (0..self.len()).map(cell).collect()
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
