use vestibule_types::{SessionEntry, UserId};

use super::news::{Item, What, item, report, revoke_others, wake};
use super::row::Columns;
use super::{Ending, Store, read, transact, write_again};
use crate::refresh::Line;

/// A session about to begin.
pub(crate) struct NewSession<'a> {
    pub(crate) sid: &'a str,
    pub(crate) user: UserId,
    /// The hash that the password shown was checked against.
    pub(crate) password_hash: &'a str,
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
    /// Begins a session, on disk before the login is answered; unless the account is gone or has another
    /// password by now. A password change and a login wait for one another, so that either the change ends
    /// the session or the login fails (LG-06): PostgreSQL by a lock, SQLite has one writer anyway. Only a first try whose answer
    /// was lost has taken the name before.
    pub(crate) async fn begin_session(&self, new: &NewSession<'_>) -> sqlx::Result<bool> {
        macro_rules! insert {
            ($lock:literal) => {
                concat!(
                    "INSERT INTO sessions (sid, user_id, gen, parent, prev, confirmed_at, child, child_at,
                        created, last_used, expires_at, agent, address, persistent)
                    SELECT $1, id, 0, $3, '', $4, '', 0, $4, $4, $5, $6, $7, $8
                    FROM users WHERE id = $2 AND password_hash = $9 AND deleted_at IS NULL ",
                    $lock,
                    " ON CONFLICT (sid) DO UPDATE SET sid = excluded.sid"
                )
            };
        }
        let sql = if self.is_postgres() { insert!("FOR SHARE") } else { insert!("") };
        let begun = write_again!(self, pool => {
            sqlx::query(sql)
                .bind(new.sid)
                .bind(new.user.value())
                .bind(new.first)
                .bind(new.now)
                .bind(new.expires_at)
                .bind(new.agent)
                .bind(new.address)
                .bind(new.persistent)
                .bind(new.password_hash)
                .execute(pool)
        });
        Ok(begun? > 0)
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
        read!(self, pool => {
            let row = sqlx::query(SQL).bind(sid).bind(user.value()).bind(now).bind(used_since);
            row.try_map(stored_session).fetch_optional(pool)
        })
    }

    /// When the session `sid` began.
    pub(crate) async fn session_began(&self, sid: &str) -> sqlx::Result<Option<i64>> {
        const SQL: &str = "SELECT created FROM sessions WHERE sid = $1";
        read!(self, pool => sqlx::query_scalar(SQL).bind(sid).fetch_optional(pool))
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
        // Sent twice it finds itself done: then the caller looks again, and answers the child that is there.
        let advanced = write_again!(self, pool => {
            sqlx::query(SQL)
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
                .execute(pool)
        })?;
        Ok(advanced == 1)
    }

    /// Remembers that a session was used that takes no step.
    pub(crate) async fn touch_session(&self, sid: &str, now: i64) -> sqlx::Result<()> {
        const SQL: &str = "
            UPDATE sessions SET last_used = $2 WHERE sid = $1 AND revoked_at IS NULL AND last_used < $2";
        write_again!(self, pool => sqlx::query(SQL).bind(sid).bind(now).execute(pool)).map(drop)
    }

    /// Ends the session `sid` of `user`; whether there was one to end. On disk before it is answered.
    pub(crate) async fn revoke_session(
        &self,
        sid: &str,
        user: UserId,
        ending: Ending,
    ) -> sqlx::Result<bool> {
        const SQL: &str = "
            UPDATE sessions SET revoked_at = $3 WHERE sid = $1 AND user_id = $2 AND revoked_at IS NULL";
        let ended = transact!(self, tx => {
            let session = sqlx::query(SQL).bind(sid).bind(user.value()).bind(ending.now);
            if session.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(None);
            }
            let ended = report!(self, tx, What::SESSION, sid, ending);
            Ok(Some(ended))
        })?;
        let was_live = ended.is_some();
        self.hear(ended.unwrap_or_default());
        Ok(was_live)
    }

    /// Ends all sessions of `user` but `except`; how many there were to end.
    pub(crate) async fn revoke_other_sessions(
        &self,
        user: UserId,
        except: &str,
        ending: Ending,
    ) -> sqlx::Result<u64> {
        let (ended, news) =
            transact!(self, tx => { Ok(revoke_others!(self, tx, user, except, ending)) })?;
        self.hear(news);
        Ok(ended)
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
        let mut entries = read!(self, pool => {
            let rows = sqlx::query(SQL).bind(user.value()).bind(current).bind(now);
            rows.bind(used_since).try_map(entry).fetch_all(pool)
        })?;
        for entry in &mut entries {
            entry.current = entry.id == current;
        }
        Ok(entries)
    }
}

fn entry<R: Columns>(row: R) -> sqlx::Result<SessionEntry> {
    let last_used = row.int("last_used")?;
    Ok(SessionEntry {
        current: false,
        id: row.text("sid")?,
        created: row.int("created")?,
        last_used: last_used - last_used.rem_euclid(3600),
        expires_at: row.int("expires_at")?,
        agent: row.text("agent")?,
        address: row.text("address")?,
    })
}

fn stored_session<R: Columns>(row: R) -> sqlx::Result<StoredSession> {
    Ok(StoredSession {
        username: row.text("username")?,
        created: row.int("created")?,
        last_used: row.int("last_used")?,
        expires_at: row.int("expires_at")?,
        persistent: row.flag("persistent")?,
        line: Line {
            r#gen: row.int("gen")?,
            parent: row.text("parent")?,
            prev: row.text("prev")?,
            confirmed_at: row.int("confirmed_at")?,
            child: row.text("child")?,
            child_at: row.int("child_at")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use vestibule_types::UserId;

    use super::NewSession;
    use crate::store::{Database, NewUser, Store};

    const NOW: i64 = 1_800_000_000;

    /// Asked once more because the answer to the first time was lost on its way.
    #[tokio::test]
    async fn a_session_begins_once_however_often_it_is_asked_for_and_with_the_present_password_alone()
     {
        let folder = env::temp_dir().join(format!("vestibule-sessions-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&Database::Sqlite(folder.join("sessions.sqlite"))).await.unwrap();
        let ada = NewUser {
            username: "ada".to_owned().try_into().unwrap(),
            email: "ada@example.com".to_owned().try_into().unwrap(),
            name: "Ada".to_owned().try_into().unwrap(),
        };
        let user = store.create_user(&ada, "hash", NOW).await.unwrap().unwrap().id;
        let session = |user, password_hash| NewSession {
            sid: "s1",
            user,
            password_hash,
            first: "j1",
            now: NOW,
            expires_at: NOW + 60,
            persistent: true,
            agent: "",
            address: "",
        };
        for (asked, begins) in [
            (session(user, "older hash"), false),
            (session(UserId::new(user.value() + 1), "hash"), false),
            (session(user, "hash"), true),
            (session(user, "hash"), true),
        ] {
            assert_eq!(store.begin_session(&asked).await.unwrap(), begins);
        }
        assert_eq!(store.sessions_of(user, "", NOW, 0).await.unwrap().len(), 1);
        store.close().await;
        fs::remove_dir_all(folder).unwrap();
    }
}
