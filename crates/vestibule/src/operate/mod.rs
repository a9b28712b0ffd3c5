//! Commands of an operator: each does one thing to a database, says what it did, and ends.

mod copy;
mod import;

pub(crate) use copy::copy;
pub(crate) use import::import;

use std::io::Write as _;

use vestibule_api::Database;

use crate::run::RunError;
use crate::settings::DatabaseUrl;

/// The database that `flag` names.
fn named(url: &DatabaseUrl, flag: &str) -> Result<Database, RunError> {
    url.database().map_err(|why| RunError::Setting(format!("{flag} {why}")))
}

/// For whoever called: what was done, on standard output.
fn report(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
