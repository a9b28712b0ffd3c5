use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

use vestibule_types::{Account, DisplayName, Email, PictureUrl, Timestamp, User, UserId, Username};

use super::engine::Engine;
use super::known::LiveAccount;
use super::news::{Item, What, item, report, revoke_others, wake};
use super::row::{Columns, found};
use super::{Ending, Store, read, transact, write_again};

/// An account about to be made.
pub(crate) struct NewUser {
    pub(crate) name: DisplayName,
    pub(crate) username: Username,
    pub(crate) email: Email,
}

/// The fields of an account that its owner changes.
#[derive(Default)]
pub(crate) struct UserChange {
    pub(crate) name: Option<DisplayName>,
    pub(crate) username: Option<Username>,
    pub(crate) email: Option<Email>,
    pub(crate) profile_image_url: Option<PictureUrl>,
}

/// Which unique value another account has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Taken {
    Email,
    Username,
}

/// What a login is checked against.
pub(crate) struct Credentials {
    pub(crate) id: UserId,
    pub(crate) username: String,
    pub(crate) password_hash: String,
}

impl Store {
    /// The account that an access token of `id` and session `sid` speaks for, unless the account is gone
    /// or the session revoked or over. The one place that knows what "dead" means. The database is asked when
    /// this node sees the session for the first time, or does not hear what happens on others.
    pub(crate) async fn live_user(
        &self,
        id: UserId,
        sid: &str,
        now: i64,
    ) -> sqlx::Result<Option<Arc<LiveAccount>>> {
        if self.is_fresh()
            && let Some(account) = self.0.known.account(id, sid)
        {
            return Ok(Some(account));
        }
        // Seldom, and on the heap: every request has room for the future of this function.
        Box::pin(self.ask_for_live_user(id, sid, now)).await
    }

    async fn ask_for_live_user(
        &self,
        id: UserId,
        sid: &str,
        now: i64,
    ) -> sqlx::Result<Option<Arc<LiveAccount>>> {
        const SQL: &str = "
            SELECT users.id, name, username, email, profile_image_url, tier_id, created_at, email_verified,
                COALESCE(updated_at, created_at) AS updated_at
            FROM users JOIN sessions ON sessions.user_id = users.id
            WHERE users.id = $1 AND deleted_at IS NULL
              AND sid = $2 AND revoked_at IS NULL AND expires_at > $3";
        let known = &self.0.known;
        let asked = known.moment();
        let account = read!(self, pool => {
            let row = sqlx::query(SQL).bind(id.value()).bind(sid).bind(now);
            row.try_map(account).fetch_optional(pool)
        })?;
        let account = account.map(|account| Arc::new(LiveAccount::from(account)));
        if let Some(account) = &account {
            known.learn(asked, sid, account);
        }
        Ok(account)
    }

    /// The account of that name, as its owner sees it.
    pub(crate) async fn user_named(&self, username: &str) -> sqlx::Result<Option<User>> {
        const SQL: &str = "
            SELECT id, name, username, email, profile_image_url, tier_id
            FROM users WHERE username = $1 AND deleted_at IS NULL";
        // What can't be a name is nobody's; PostgreSQL would refuse some of it.
        let Ok(username) = Username::try_from(username.to_owned()) else { return Ok(None) };
        read!(self, pool => {
            sqlx::query(SQL).bind(username.as_str()).try_map(user).fetch_optional(pool)
        })
    }

    /// What a login as `identifier` is checked against: an e-mail address if it has an `@`, else a username.
    pub(crate) async fn credentials(&self, identifier: &str) -> sqlx::Result<Option<Credentials>> {
        const BY_EMAIL: &str = "
            SELECT id, username, password_hash FROM users WHERE email_key = $1 AND deleted_at IS NULL";
        const BY_USERNAME: &str = "
            SELECT id, username, password_hash FROM users WHERE username = $1 AND deleted_at IS NULL";
        let (sql, key) = if identifier.contains('@') {
            (BY_EMAIL, email_digest(&Email::key_of(identifier)))
        } else {
            match Username::try_from(identifier.to_owned()) {
                Ok(username) => (BY_USERNAME, username.as_str().to_owned()),
                Err(_) => return Ok(None),
            }
        };
        read!(self, pool => sqlx::query(sql).bind(&key).try_map(credentials).fetch_optional(pool))
    }

    /// Which of the two another account has, e-mail first; `except` is the account that asks, if there is one.
    pub(crate) async fn taken(
        &self,
        email: Option<&Email>,
        username: Option<&Username>,
        except: Option<UserId>,
        now: i64,
    ) -> sqlx::Result<Option<Taken>> {
        const EMAIL: &str = "SELECT 1 FROM users WHERE email_key = $1 AND id <> $2";
        const USERNAME: &str = "
            SELECT 1 FROM users WHERE username = $1 AND id <> $2
            UNION ALL
            SELECT 1 FROM held_usernames WHERE username = $1 AND user_id <> $2 AND held_until > $3";
        let except = except.map_or(0, UserId::value);
        if let Some(email) = email {
            let digest = email_digest(&email.key());
            let found = read!(self, pool => {
                sqlx::query(EMAIL).bind(&digest).bind(except).try_map(found).fetch_optional(pool)
            });
            if found?.is_some() {
                return Ok(Some(Taken::Email));
            }
        }
        if let Some(username) = username {
            let found = read!(self, pool => {
                let name = sqlx::query(USERNAME).bind(username.as_str());
                name.bind(except).bind(now).try_map(found).fetch_optional(pool)
            });
            if found?.is_some() {
                return Ok(Some(Taken::Username));
            }
        }
        Ok(None)
    }

    /// Makes an account, or says what is taken.
    pub(crate) async fn create_user(
        &self,
        new: &NewUser,
        password_hash: &str,
        now: i64,
    ) -> sqlx::Result<Result<User, Taken>> {
        const SQL: &str = "
            INSERT INTO users (username, email, email_key, name, password_hash, profile_image_url, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT DO NOTHING
            RETURNING id, name, username, email, profile_image_url, tier_id";
        // Without a transaction the row comes before the commit, and whoever takes just the row never hears that
        // the commit failed.
        let made = transact!(self, tx => {
            sqlx::query(SQL)
                .bind(new.username.as_str())
                .bind(new.email.as_str())
                .bind(email_digest(&new.email.key()))
                .bind(new.name.as_str())
                .bind(password_hash)
                .bind(PictureUrl::default().as_str())
                .bind(now)
                .try_map(user)
                .fetch_optional(&mut *tx)
                .await
        })?;
        match made {
            Some(user) => Ok(Ok(user)),
            None => {
                // Two registered at once, and this one came second.
                let taken = self.taken(Some(&new.email), Some(&new.username), None, now).await?;
                Ok(Err(taken.unwrap_or(Taken::Username)))
            }
        }
    }

    /// Changes the given fields, or says what is taken; what is as it was is no change. A name that is given up is kept back for its owner
    /// until no token that carries it is alive, because verifiers elsewhere go by the name in a token.
    pub(crate) async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        ending: Ending,
    ) -> sqlx::Result<Result<(), Taken>> {
        const HOLD: &str = "
            INSERT INTO held_usernames (username, user_id, held_until)
            SELECT username, id, $3 FROM users WHERE id = $1 AND username <> $2
            ON CONFLICT (username) DO UPDATE SET user_id = excluded.user_id, held_until = excluded.held_until";
        const RELEASE: &str = "DELETE FROM held_usernames WHERE held_until <= $1";
        const UPDATE: &str = "
            UPDATE users SET
                name = COALESCE($2, name),
                username = COALESCE($3, username),
                email = COALESCE($4, email),
                email_key = COALESCE($5, email_key),
                email_verified = email_verified AND COALESCE($4, email) = email,
                profile_image_url = COALESCE($6, profile_image_url),
                updated_at = $7
            WHERE id = $1 AND deleted_at IS NULL
              AND (name, username, email, profile_image_url) <>
                (COALESCE($2, name), COALESCE($3, username), COALESCE($4, email), COALESCE($6, profile_image_url))";
        let username = change.username.as_ref().map(Username::as_str);
        let changed = transact!(self, tx => {
            if let Some(username) = username {
                sqlx::query(RELEASE).bind(ending.now).execute(&mut *tx).await?;
                let hold = sqlx::query(HOLD).bind(id.value()).bind(username).bind(ending.until);
                hold.execute(&mut *tx).await?;
            }
            let done = sqlx::query(UPDATE)
                .bind(id.value())
                .bind(change.name.as_ref().map(DisplayName::as_str))
                .bind(username)
                .bind(change.email.as_ref().map(Email::as_str))
                .bind(change.email.as_ref().map(|email| email_digest(&email.key())))
                .bind(change.profile_image_url.as_ref().map(PictureUrl::as_str))
                .bind(ending.now)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Ok(Vec::new());
            }
            Ok(report!(self, tx, What::ACCOUNT, id.to_string(), ending))
        });
        match changed {
            Ok(news) => {
                self.hear(news);
                Ok(Ok(()))
            }
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                let taken = self
                    .taken(change.email.as_ref(), change.username.as_ref(), Some(id), ending.now)
                    .await?;
                Ok(Err(taken.unwrap_or(Taken::Username)))
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes an account: its sessions end, and its row keeps only what stops others from taking the same
    /// name or address. Answers how many sessions there were to end.
    pub(crate) async fn delete_user(&self, id: UserId, ending: Ending) -> sqlx::Result<u64> {
        const USER: &str = "
            UPDATE users SET name = '', email = '', password_hash = '', profile_image_url = '',
                tier_id = NULL, updated_at = NULL, email_verified = FALSE, deleted_at = $2
            WHERE id = $1 AND deleted_at IS NULL";
        const SESSIONS: &str = "UPDATE sessions SET agent = '', address = '' WHERE user_id = $1";
        let (ended, news) = transact!(self, tx => {
            sqlx::query(USER).bind(id.value()).bind(ending.now).execute(&mut *tx).await?;
            let (ended, mut news) = revoke_others!(self, tx, id, "", ending);
            sqlx::query(SESSIONS).bind(id.value()).execute(&mut *tx).await?;
            news.extend(report!(self, tx, What::ACCOUNT, id.to_string(), ending));
            Ok((ended, news))
        })?;
        self.hear(news);
        self.empty_journal().await;
        Ok(ended)
    }

    /// SQLite's journal holds the old page until it is written back; if readers are busy, a later checkpoint does it.
    async fn empty_journal(&self) {
        let Engine::Sqlite { writer, .. } = &self.0.engine else { return };
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the journal could not be emptied"
            );
        }
    }

    /// Sets a new password hash and ends all sessions of the account but `keep`, both or neither. Answers how many
    /// there were to end.
    pub(crate) async fn change_password(
        &self,
        id: UserId,
        hash: &str,
        keep: &str,
        ending: Ending,
    ) -> sqlx::Result<u64> {
        const USER: &str = "
            UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL";
        let (ended, news) = transact!(self, tx => {
            sqlx::query(USER).bind(id.value()).bind(hash).bind(ending.now).execute(&mut *tx).await?;
            let (ended, mut news) = revoke_others!(self, tx, id, keep, ending);
            news.extend(report!(self, tx, What::ACCOUNT, id.to_string(), ending));
            Ok((ended, news))
        })?;
        self.hear(news);
        Ok(ended)
    }

    /// Replaces a password hash, if it is still `old`; whether it was.
    pub(crate) async fn replace_hash(
        &self,
        id: UserId,
        old: &str,
        new: &str,
    ) -> sqlx::Result<bool> {
        const SQL: &str =
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        let replaced = write_again!(self, pool => {
            sqlx::query(SQL).bind(id.value()).bind(old).bind(new).execute(pool)
        })?;
        Ok(replaced == 1)
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self.0.engine, Engine::Postgres(_))
    }
}

/// What stands for an address where uniqueness is asked: nothing of it can be read back.
pub(super) fn email_digest(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, key.as_bytes()))
}

fn account<R: Columns>(row: R) -> sqlx::Result<Account> {
    Ok(Account {
        created_at: Timestamp(row.int("created_at")?),
        updated_at: Timestamp(row.int("updated_at")?),
        email_verified: row.flag("email_verified")?,
        user: user(row)?,
    })
}

fn user<R: Columns>(row: R) -> sqlx::Result<User> {
    Ok(User {
        id: UserId::new(row.int("id")?),
        name: row.text("name")?,
        username: row.text("username")?,
        email: Some(row.text("email")?),
        profile_image_url: row.text("profile_image_url")?,
        tier_id: row.maybe_int("tier_id")?,
    })
}

fn credentials<R: Columns>(row: R) -> sqlx::Result<Credentials> {
    Ok(Credentials {
        id: UserId::new(row.int("id")?),
        username: row.text("username")?,
        password_hash: row.text("password_hash")?,
    })
}
