use vestibule_api::{FastApi, Imported};
use vestibule_types::Clock;

use super::{named, report};
use crate::run::{Outcome, RunError, database, open_store};
use crate::settings::Fastapi;

/// Most accounts that are listed one by one.
const LISTED: usize = 20;

/// `vestibule import fastapi`: takes the accounts of the FastAPI backend over.
pub(crate) async fn import(settings: Fastapi) -> Result<Outcome, RunError> {
    let (from, to) = (named(&settings.from, "--from")?, database(&settings.data)?);
    let source = FastApi::open(&from).await?;
    if !settings.dry_run {
        open_store(&to).await?.close().await;
    }
    let done = source.import_into(&to, &Clock::system(), settings.dry_run).await?;
    if settings.dry_run {
        report("A dry run: nothing was written.");
    }
    report(&format!("From {from} to {to}:\n\n{}", said(&done)));
    Ok(if done.refused.is_empty() { Outcome::Done } else { Outcome::SomeRefused })
}

/// Counts, then whom to look after. Accounts are named by number: no address, no name.
fn said(done: &Imported) -> String {
    let counts = [
        ("accounts taken over", done.taken),
        ("  of these deleted there", done.taken_deleted),
        ("accounts already here", done.already_here),
        ("accounts refused", done.refused.len() as u64),
        ("tiers taken over", done.tiers),
        ("tokens signed out there", done.signed_out),
        ("superusers there", done.superusers.len() as u64),
    ];
    let mut text: String =
        counts.iter().map(|(what, count)| format!("{what:<26}{count:>9}\n")).collect();
    if !done.refused.is_empty() {
        text.push_str("\nRefused:\n");
        for (id, why) in done.refused.iter().take(LISTED) {
            text.push_str(&format!("  {id}: {why}\n"));
        }
        text.push_str(&more(done.refused.len()));
    }
    if !done.superusers.is_empty() {
        let ids: Vec<String> =
            done.superusers.iter().take(LISTED).map(ToString::to_string).collect();
        text.push_str(&format!(
            "\nSuperusers there; there is no such role here:\n  {}\n{}",
            ids.join(", "),
            more(done.superusers.len())
        ));
    }
    text.trim_end().to_owned()
}

fn more(all: usize) -> String {
    match all.saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("  and {more} more\n"),
    }
}

#[cfg(test)]
mod tests {
    use vestibule_api::{Imported, Refusal};

    use super::said;

    #[test]
    fn twenty_are_listed_and_all_are_counted() {
        let refused = (1..=25).map(|id| (id, Refusal::Email)).collect();
        let superusers = (30..=52).collect();
        let text = said(&Imported { refused, superusers, ..Imported::default() });
        assert!(text.contains("accounts refused                 25\n"), "{text}");
        assert!(
            text.contains("  20: its e-mail address is none that mail can reach\n  and 5 more\n"),
            "{text}"
        );
        assert!(text.ends_with("48, 49\n  and 3 more"), "{text}");
    }
}
