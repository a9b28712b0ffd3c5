use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};
use vestibule_types::{DisplayName, Email, PictureUrl, User, UserId, Username};

use super::Store;
use super::sessions::revoke_others;

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
    /// or the session revoked or over. The one place that knows what "dead" means.
    pub(crate) async fn live_user(
        &self,
        id: UserId,
        sid: &str,
        now: i64,
    ) -> sqlx::Result<Option<User>> {
        const SQL: &str = "
            SELECT users.id, name, username, email, profile_image_url, tier_id
            FROM users JOIN sessions ON sessions.user_id = users.id
            WHERE users.id = $1 AND deleted_at IS NULL
              AND sid = $2 AND revoked_at IS NULL AND expires_at > $3";
        let row = sqlx::query_as(SQL).bind(id.value()).bind(sid).bind(now);
        Ok(row.fetch_optional(&self.readers).await?.map(|Row(user)| user))
    }

    /// The account of that name, as its owner sees it.
    pub(crate) async fn user_named(&self, username: &str) -> sqlx::Result<Option<User>> {
        const SQL: &str = "
            SELECT id, name, username, email, profile_image_url, tier_id
            FROM users WHERE username = $1 AND deleted_at IS NULL";
        let row = sqlx::query_as(SQL).bind(username).fetch_optional(&self.readers).await?;
        Ok(row.map(|Row(user)| user))
    }

    /// What a login as `identifier` is checked against: an e-mail address if it has an `@`, else a username.
    pub(crate) async fn credentials(&self, identifier: &str) -> sqlx::Result<Option<Credentials>> {
        const BY_EMAIL: &str = "
            SELECT id, username, password_hash FROM users WHERE email_key = $1 AND deleted_at IS NULL";
        const BY_USERNAME: &str = "
            SELECT id, username, password_hash FROM users WHERE username = $1 AND deleted_at IS NULL";
        let row = if identifier.contains('@') {
            sqlx::query(BY_EMAIL).bind(email_digest(&Email::key_of(identifier)))
        } else {
            sqlx::query(BY_USERNAME).bind(identifier)
        };
        let row = row.fetch_optional(&self.readers).await?;
        row.map(|row| {
            Ok(Credentials {
                id: UserId::new(row.try_get("id")?),
                username: row.try_get("username")?,
                password_hash: row.try_get("password_hash")?,
            })
        })
        .transpose()
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
            let found = sqlx::query(EMAIL).bind(email_digest(&email.key())).bind(except);
            if found.fetch_optional(&self.readers).await?.is_some() {
                return Ok(Some(Taken::Email));
            }
        }
        if let Some(username) = username {
            let found = sqlx::query(USERNAME).bind(username.as_str()).bind(except).bind(now);
            if found.fetch_optional(&self.readers).await?.is_some() {
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
        let mut tx = self.begin().await?;
        let row = sqlx::query_as(SQL)
            .bind(new.username.as_str())
            .bind(new.email.as_str())
            .bind(email_digest(&new.email.key()))
            .bind(new.name.as_str())
            .bind(password_hash)
            .bind(PictureUrl::default().as_str().to_owned())
            .bind(now)
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        match row {
            Some(Row(user)) => Ok(Ok(user)),
            None => {
                // Two registered at once, and this one came second.
                let taken = self.taken(Some(&new.email), Some(&new.username), None, now).await?;
                Ok(Err(taken.unwrap_or(Taken::Username)))
            }
        }
    }

    /// Changes the given fields, or says what is taken. A name that is given up is kept back for its owner
    /// until `held_until`, because verifiers elsewhere go by the name in a token.
    pub(crate) async fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        now: i64,
        held_until: i64,
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
                profile_image_url = COALESCE($6, profile_image_url),
                updated_at = $7
            WHERE id = $1 AND deleted_at IS NULL";
        let username = change.username.as_ref().map(Username::as_str);
        let mut tx = self.begin().await?;
        if let Some(username) = username {
            sqlx::query(RELEASE).bind(now).execute(&mut *tx).await?;
            sqlx::query(HOLD)
                .bind(id.value())
                .bind(username)
                .bind(held_until)
                .execute(&mut *tx)
                .await?;
        }
        let updated = sqlx::query(UPDATE)
            .bind(id.value())
            .bind(change.name.as_ref().map(DisplayName::as_str))
            .bind(username)
            .bind(change.email.as_ref().map(Email::as_str))
            .bind(change.email.as_ref().map(|email| email_digest(&email.key())))
            .bind(change.profile_image_url.as_ref().map(PictureUrl::as_str))
            .bind(now)
            .execute(&mut *tx)
            .await;
        match updated {
            Ok(_) => tx.commit().await.map(Ok),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                tx.rollback().await?;
                let taken = self
                    .taken(change.email.as_ref(), change.username.as_ref(), Some(id), now)
                    .await?;
                Ok(Err(taken.unwrap_or(Taken::Username)))
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes an account: its sessions end, and its row keeps only what stops others from taking the same
    /// name or address.
    pub(crate) async fn delete_user(&self, id: UserId, now: i64) -> sqlx::Result<()> {
        const USER: &str = "
            UPDATE users SET name = '', email = '', password_hash = '', profile_image_url = '',
                tier_id = NULL, updated_at = NULL, deleted_at = $2
            WHERE id = $1 AND deleted_at IS NULL";
        const SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";
        let mut tx = self.begin().await?;
        sqlx::query(USER).bind(id.value()).bind(now).execute(&mut *tx).await?;
        sqlx::query(SESSIONS).bind(id.value()).execute(&mut *tx).await?;
        tx.commit().await?;
        // The journal holds the old page until it is written back; if readers are busy, a later checkpoint does it.
        if let Err(error) =
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the journal could not be emptied"
            );
        }
        Ok(())
    }

    /// Sets a new password hash and ends all sessions of the account but `keep`, both or neither.
    pub(crate) async fn change_password(
        &self,
        id: UserId,
        hash: &str,
        keep: &str,
        now: i64,
    ) -> sqlx::Result<()> {
        const USER: &str = "
            UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL";
        let mut tx = self.begin().await?;
        sqlx::query(USER).bind(id.value()).bind(hash).bind(now).execute(&mut *tx).await?;
        revoke_others(&mut tx, id, keep, now).await?;
        tx.commit().await
    }

    /// Replaces a password hash, if it is still `old`.
    pub(crate) async fn replace_hash(&self, id: UserId, old: &str, new: &str) -> sqlx::Result<()> {
        const SQL: &str =
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        sqlx::query(SQL).bind(id.value()).bind(old).bind(new).execute(&self.writer).await.map(drop)
    }
}

/// What stands for an address where uniqueness is asked: nothing of it can be read back.
fn email_digest(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, key.as_bytes()))
}

struct Row(User);

impl<'r> FromRow<'r, SqliteRow> for Row {
    fn from_row(row: &'r SqliteRow) -> sqlx::Result<Self> {
        Ok(Self(User {
            id: UserId::new(row.try_get("id")?),
            name: row.try_get("name")?,
            username: row.try_get("username")?,
            email: Some(row.try_get("email")?),
            profile_image_url: row.try_get("profile_image_url")?,
            tier_id: row.try_get("tier_id")?,
        }))
    }
}
