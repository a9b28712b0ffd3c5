use std::io::{IsTerminal as _, Write as _};

use vestibule_api::end_all_sessions;
use vestibule_types::Clock;

use super::{report, thousands};
use crate::run::{RunError, database};
use crate::settings::EndAll;

/// `vestibule sessions end-all`: everybody has to sign in again (KY-07).
pub(crate) async fn end_all(settings: EndAll) -> Result<(), RunError> {
    let database = database(&settings.data)?;
    if !settings.yes && !agrees(&format!("End all sessions in {database}?"))? {
        report("Nothing was done.");
        return Ok(());
    }
    let ended = end_all_sessions(&database, &Clock::system()).await?;
    report(&format!(
        "{} sessions in {database} have ended: everybody has to sign in again.",
        thousands(ended)
    ));
    Ok(())
}

/// Asks the person at the terminal.
fn agrees(question: &str) -> Result<bool, RunError> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let said = format!("{question} There is no terminal to ask on: say --yes");
        return Err(RunError::Setting(said));
    }
    let mut out = std::io::stderr();
    write!(out, "{question} Everybody has to sign in again. [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
