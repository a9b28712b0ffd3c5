//! What is over goes, a little at a time, so that nothing grows for ever and nobody waits for it.

use super::{Store, write_again};

/// Rows deleted by one statement.
const BATCH: u64 = 500;

/// Rows are kept this long after their end, in seconds: clocks differ, and a gateway may be reading.
const MARGIN: i64 = 60;

impl Store {
    /// Deletes sessions that are over, news that concern nobody any more, names that are free
    /// again, and those of imported accounts once no token of theirs is alive.
    pub(crate) async fn sweep(&self, now: i64) -> sqlx::Result<()> {
        // A revoked session stays until its end: its refresh tokens must find it revoked.
        const SESSIONS: &str = "
            DELETE FROM sessions WHERE sid IN
                (SELECT sid FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT 500)";
        const NEWS: &str = "
            DELETE FROM news WHERE id IN
                (SELECT id FROM news WHERE until < $1 ORDER BY until LIMIT 500)";
        const NAMES: &str = "
            DELETE FROM held_usernames WHERE username IN
                (SELECT username FROM held_usernames WHERE held_until < $1 LIMIT 500)";
        const IMPORTED: &str = "
            DELETE FROM imported_names WHERE username IN
                (SELECT username FROM imported_names WHERE until < $1 ORDER BY until LIMIT 500)";
        for sql in [SESSIONS, NEWS, NAMES, IMPORTED] {
            let batch = async || write_again!(self, pool => sqlx::query(sql).bind(now - MARGIN).execute(pool));
            while batch().await? == BATCH {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}
