use vestibule_types::Clock;

use super::alone::{Alone, OperateError};
use super::engine::Database;
use super::news::{CHANNEL, What};
use super::row::Cell;
use crate::settings::ApiSettings;
use crate::tokens::LEEWAY;

/// Ends all sessions everywhere (KY-07), and tells all nodes; all or nothing. How many were alive. The tables have to be
/// those of this version.
///
/// # Errors
/// [`OperateError`]. Then no session has ended.
pub async fn end_all_sessions(database: &Database, clock: &Clock) -> Result<u64, OperateError> {
    let mut alone = Alone::to_write(database).await?;
    let ended = alone.end_all_sessions(clock).await.map_err(OperateError::of(database))?;
    alone.commit().await.map_err(OperateError::of(database))?;
    Ok(ended.unsigned_abs())
}

impl Alone {
    async fn end_all_sessions(&mut self, clock: &Clock) -> sqlx::Result<i64> {
        // Tokens of the FastAPI backend that nobody has shown yet; whoever is showing one is waited for.
        self.run("DELETE FROM imported_names").await?;
        if matches!(self, Self::Postgres(_)) {
            // What begins or goes on meanwhile has to wait, or some of it would be missed.
            self.run("LOCK TABLE sessions IN SHARE ROW EXCLUSIVE MODE").await?;
        }
        let began = self.now(clock).await?;
        let alive = format!(
            "SELECT count(*) AS number FROM sessions WHERE revoked_at IS NULL AND expires_at > {began}"
        );
        let alive = self.number(alive).await?;
        // Also those that are over: a clock may be set back (F12).
        let end = format!("UPDATE sessions SET revoked_at = {began} WHERE revoked_at IS NULL");
        self.run(&end).await?;
        // Last: news have to be seen soon after they were numbered.
        let now = self.now(clock).await?;
        self.tell_everybody(now).await?;
        Ok(alive)
    }

    /// Until the commit there are refreshes that only read; and a node's clock may be half a second ahead.
    async fn tell_everybody(&mut self, now: i64) -> sqlx::Result<()> {
        const INSERT: &str = "INSERT INTO news (kind, subject, at, until) VALUES";
        let text = |text: &str| Cell::Text(Some(text.to_owned()));
        let until = now + ApiSettings::MOST_ACCESS_TTL + LEEWAY;
        let [at, until] = [now + 1, until].map(|second| Cell::Int(Some(second)));
        self.insert(INSERT, vec![vec![text(What::EVERYBODY), text(""), at, until]], "").await?;
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.run(&format!("SELECT pg_notify('{CHANNEL}', '')")).await,
        }
    }
}
