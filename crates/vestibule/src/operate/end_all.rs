use vestibule_api::end_all_sessions;
use vestibule_types::Clock;

use super::{agrees, report, thousands};
use crate::run::{RunError, database};
use crate::settings::EndAll;

/// `vestibule sessions end-all`: everybody has to sign in again (KY-07).
pub(crate) async fn end_all(settings: EndAll) -> Result<(), RunError> {
    let database = database(&settings.data)?;
    if !settings.yes
        && !agrees(&format!("End all sessions in {database}? Everybody has to sign in again."))?
    {
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
