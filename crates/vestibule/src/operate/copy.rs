use std::io::{IsTerminal as _, Stderr, Write as _};

use tokio::time::Instant;
use vestibule_api::{Progress, Source};

use super::{named, report, thousands};
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
