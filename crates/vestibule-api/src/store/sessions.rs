use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqliteConnection};
use vestibule_types::{SessionEntry, UserId};

use super::Store;
use crate::refresh::Line;

/// A session about to begin.
pub(crate) struct NewSession<'a> {
    pub(crate) sid: &'a str,
    pub(crate) user: UserId,
    /// Id of the first refresh token.
    pub(crate) first: &'a str,
    pub(crate) now: i64,
    pub(crate) expires_at: i64,
    /// Whether the browser is to keep it when it is closed.
    pub(crate) persistent: bool,
    pub(crate) agent: &'a str,
    pub(crate) address: &'a str,
}

/// A live session of a live account, as a refresh needs it.
pub(crate) struct StoredSession {
    pub(crate) username: String,
    pub(crate) created: i64,
    pub(crate) last_used: i64,
    pub(crate) expires_at: i64,
    /// Whether the browser is to keep it when it is closed.
    pub(crate) persistent: bool,
    pub(crate) line: Line,
}

impl Store {
    /// Begins a session, on disk before the login is answered. Those of the account that are over go.
    pub(crate) async fn begin_session(&self, new: &NewSession<'_>) -> sqlx::Result<()> {
        const SWEEP: &str = "DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2";
        const INSERT: &str = "
            INSERT INTO sessions (sid, user_id, gen, parent, prev, confirmed_at, child, child_at,
                created, last_used, expires_at, agent, address, persistent)
            VALUES ($1, $2, 0, $3, '', $4, '', 0, $4, $4, $5, $6, $7, $8)";
        let mut tx = self.begin().await?;
        sqlx::query(SWEEP).bind(new.user.value()).bind(new.now).execute(&mut *tx).await?;
        sqlx::query(INSERT)
            .bind(new.sid)
            .bind(new.user.value())
            .bind(new.first)
            .bind(new.now)
            .bind(new.expires_at)
            .bind(new.agent)
            .bind(new.address)
            .bind(new.persistent)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// The session `sid` of `user`, unless it was revoked, is over or was last used before `used_since`, or the
    /// account is gone (R0).
    pub(crate) async fn live_session(
        &self,
        sid: &str,
        user: UserId,
        now: i64,
        used_since: i64,
    ) -> sqlx::Result<Option<StoredSession>> {
        const SQL: &str = "
            SELECT username, created, last_used, expires_at, persistent,
                gen, parent, prev, confirmed_at, child, child_at
            FROM sessions JOIN users ON users.id = sessions.user_id
            WHERE sid = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3
              AND last_used >= $4 AND deleted_at IS NULL";
        sqlx::query_as(SQL)
            .bind(sid)
            .bind(user.value())
            .bind(now)
            .bind(used_since)
            .fetch_optional(&self.readers)
            .await
    }

    /// Moves a session from the line `from` to the line `to`, and its end to `expires_at`, if it still is at
    /// `from` and still lives: one statement decides, so a refresh that races a logout or another refresh comes
    /// to nothing (RF-09).
    pub(crate) async fn advance_session(
        &self,
        sid: &str,
        from: &Line,
        to: &Line,
        expires_at: i64,
        now: i64,
        used_since: i64,
    ) -> sqlx::Result<bool> {
        const SQL: &str = "
            UPDATE sessions SET gen = $1, parent = $2, prev = $3, confirmed_at = $4, child = $5,
                child_at = $6, last_used = $7, expires_at = $12
            WHERE sid = $8 AND gen = $9 AND parent = $10 AND child = $11
              AND revoked_at IS NULL AND expires_at > $7 AND last_used >= $13
              AND EXISTS (SELECT 1 FROM users WHERE users.id = user_id AND deleted_at IS NULL)";
        let done = sqlx::query(SQL)
            .bind(to.r#gen)
            .bind(&to.parent)
            .bind(&to.prev)
            .bind(to.confirmed_at)
            .bind(&to.child)
            .bind(to.child_at)
            .bind(now)
            .bind(sid)
            .bind(from.r#gen)
            .bind(&from.parent)
            .bind(&from.child)
            .bind(expires_at)
            .bind(used_since)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Remembers that a session was used that takes no step.
    pub(crate) async fn touch_session(&self, sid: &str, now: i64) -> sqlx::Result<()> {
        const SQL: &str = "
            UPDATE sessions SET last_used = $2 WHERE sid = $1 AND revoked_at IS NULL AND last_used < $2";
        sqlx::query(SQL).bind(sid).bind(now).execute(&self.writer).await.map(drop)
    }

    /// Ends the session `sid` of `user`; whether there was one to end. On disk before it is answered.
    pub(crate) async fn revoke_session(
        &self,
        sid: &str,
        user: UserId,
        now: i64,
    ) -> sqlx::Result<bool> {
        const SQL: &str = "
            UPDATE sessions SET revoked_at = $3 WHERE sid = $1 AND user_id = $2 AND revoked_at IS NULL";
        let done =
            sqlx::query(SQL).bind(sid).bind(user.value()).bind(now).execute(&self.writer).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends all sessions of `user` but `except`.
    pub(crate) async fn revoke_other_sessions(
        &self,
        user: UserId,
        except: &str,
        now: i64,
    ) -> sqlx::Result<()> {
        let mut connection = self.writer.acquire().await?;
        revoke_others(&mut connection, user, except, now).await
    }

    /// Where `user` is signed in and was active after `used_since`, the session that asks first, then by last use.
    pub(crate) async fn sessions_of(
        &self,
        user: UserId,
        current: &str,
        now: i64,
        used_since: i64,
    ) -> sqlx::Result<Vec<SessionEntry>> {
        const SQL: &str = "
            SELECT sid, created, last_used, expires_at, agent, address FROM sessions
            WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $3 AND last_used >= $4
            ORDER BY sid <> $2, last_used DESC, created DESC, sid LIMIT 100";
        let rows = sqlx::query(SQL).bind(user.value()).bind(current).bind(now).bind(used_since);
        let rows = rows.fetch_all(&self.readers).await?;
        rows.iter().map(|row| entry(row, current)).collect()
    }
}

/// Ends all sessions of `user` but `except`, on its own or within a transaction.
pub(super) async fn revoke_others(
    connection: &mut SqliteConnection,
    user: UserId,
    except: &str,
    now: i64,
) -> sqlx::Result<()> {
    const SQL: &str = "
        UPDATE sessions SET revoked_at = $3 WHERE user_id = $1 AND sid <> $2 AND revoked_at IS NULL";
    sqlx::query(SQL).bind(user.value()).bind(except).bind(now).execute(connection).await.map(drop)
}

fn entry(row: &SqliteRow, current: &str) -> sqlx::Result<SessionEntry> {
    let id: String = row.try_get("sid")?;
    let last_used: i64 = row.try_get("last_used")?;
    Ok(SessionEntry {
        current: id == current,
        id,
        created: row.try_get("created")?,
        last_used: last_used - last_used.rem_euclid(3600),
        expires_at: row.try_get("expires_at")?,
        agent: row.try_get("agent")?,
        address: row.try_get("address")?,
    })
}

impl<'r> FromRow<'r, SqliteRow> for StoredSession {
    fn from_row(row: &'r SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            username: row.try_get("username")?,
            created: row.try_get("created")?,
            last_used: row.try_get("last_used")?,
            expires_at: row.try_get("expires_at")?,
            persistent: row.try_get("persistent")?,
            line: Line {
                r#gen: row.try_get("gen")?,
                parent: row.try_get("parent")?,
                prev: row.try_get("prev")?,
                confirmed_at: row.try_get("confirmed_at")?,
                child: row.try_get("child")?,
                child_at: row.try_get("child_at")?,
            },
        })
    }
}
