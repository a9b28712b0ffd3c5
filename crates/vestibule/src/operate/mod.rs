//! Commands of an operator: each does one thing to a database, says what it did, and ends.

mod copy;
mod end_all;
mod import;

pub(crate) use copy::copy;
pub(crate) use end_all::end_all;
pub(crate) use import::import;

use std::io::{IsTerminal as _, Write as _};

use vestibule_api::Database;

use crate::run::RunError;
use crate::settings::DatabaseUrl;

/// The database that `flag` names.
fn named(url: &DatabaseUrl, flag: &str) -> Result<Database, RunError> {
    url.database().map_err(|why| RunError::Setting(format!("{flag} {why}")))
}

/// `1,234,567`
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Asks the person at the terminal.
///
/// # Errors
/// [`RunError`] if nobody is there.
pub(crate) fn agrees(question: &str) -> Result<bool, RunError> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let said = format!("{question} There is no terminal to ask on: say --yes");
        return Err(RunError::Setting(said));
    }
    let mut out = std::io::stderr();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// For whoever called: what was done, on standard output.
pub(crate) fn report(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_have_commas() {
        let all = [0, 12, 999, 1_000, 100_000, 1_234_567].map(thousands);
        assert_eq!(all, ["0", "12", "999", "1,000", "100,000", "1,234,567"]);
    }
}
