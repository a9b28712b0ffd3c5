use std::io::{IsTerminal as _, Stderr, Write as _};

use tokio::time::Instant;
use vestibule_api::{Progress, Source};

use super::{named, report};
use crate::run::{RunError, open_store};
use crate::settings::Copy;

/// `vestibule db copy`: everything of one database into another, empty one.
pub(crate) async fn copy(settings: Copy) -> Result<(), RunError> {
    let (from, to) = (named(&settings.from, "--from")?, named(&settings.to, "--to")?);
    // Looked at before anything is made.
    let source = Source::open(&from).await?;
    open_store(&to).await?.close().await;
    let mut shown = Shown::new();
    let rows = source.copy_to(&to, |progress| shown.show(progress)).await;
    shown.end_line();
    report(&format!(
        "Copied {} rows from {from} to {to}.\nNext: give the servers this database and the same signing key, and nobody is signed out.",
        thousands(rows?)
    ));
    Ok(())
}

/// Progress on standard error: for a person a line that moves, else a line a table.
struct Shown {
    out: Stderr,
    moves: bool,
    table: &'static str,
    began: Instant,
    is_open: bool,
}

impl Shown {
    fn new() -> Self {
        let out = std::io::stderr();
        let moves = out.is_terminal();
        Self { out, moves, table: "", began: Instant::now(), is_open: false }
    }

    fn show(&mut self, Progress { table, rows, of }: Progress) {
        if self.table != table {
            self.end_line();
            self.table = table;
            self.began = Instant::now();
        }
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let pace = thousands((rows as f64 / seconds) as u64);
        let line =
            format!("{table:<16}{} of {} rows, {pace} rows/s", thousands(rows), thousands(of));
        if self.moves {
            let _ = write!(self.out, "\r\x1b[K{line}");
            let _ = self.out.flush();
            self.is_open = true;
        } else if rows == of {
            let _ = writeln!(self.out, "{line}");
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.is_open) {
            let _ = writeln!(self.out);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_have_commas() {
        let all = [0, 12, 999, 1_000, 100_000, 1_234_567].map(thousands);
        assert_eq!(all, ["0", "12", "999", "1,000", "100,000", "1,234,567"]);
    }
}
