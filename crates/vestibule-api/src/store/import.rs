//! Taking the accounts of the FastAPI backend over, in one transaction, as often as one likes.

use std::collections::{HashMap, HashSet};

use vestibule_types::{Clock, DisplayName, Email, PictureUrl, Username};

use super::alone::{Alone, OperateError};
use super::engine::Database;
use super::fastapi::{Account, FastApi};
use super::row::Cell;
use super::users::email_digest;
use crate::passwords::is_readable;
use crate::tokens::{LegacyClaims, legacy_sid};

/// How long tokens of the old backend are honoured after an import, in seconds: the life of its refresh tokens.
const TOKENS_LIVE: i64 = 7 * 24 * 60 * 60;

/// What an import did, or would do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Imported {
    /// Accounts taken over.
    pub taken: u64,
    /// Those of them that had been deleted there: only their names and addresses stay taken.
    pub taken_deleted: u64,
    /// Accounts that an import before has taken over. They are left as they are.
    pub already_here: u64,
    /// Tiers taken over.
    pub tiers: u64,
    /// Tokens that were signed out there, alive by their date, and stay signed out.
    pub signed_out: u64,
    /// Accounts that were not taken over, by number.
    pub refused: Vec<(i64, Refusal)>,
    /// Live accounts that were superusers there, by number.
    pub superusers: Vec<i64>,
}

/// Why an account was not taken over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what it is")]
pub enum Refusal {
    #[error("another account here has its number")]
    NumberTaken,
    #[error("another account here has its username")]
    UsernameTaken,
    #[error("another account has its e-mail address, perhaps in other capitals")]
    EmailTaken,
    #[error("its username is not 2 to 20 of a-z and 0-9")]
    Username,
    #[error("its username is a word that addresses of pages use")]
    Reserved,
    #[error("its name has not 2 to 30 characters")]
    Name,
    #[error("its e-mail address is none that mail can reach")]
    Email,
    #[error("its picture is not at an http, https or ftp address")]
    Picture,
    #[error("its password hash is neither bcrypt of cost 4 to 14 nor Argon2id")]
    Hash,
}

impl FastApi {
    /// Takes everything over into `to`, whose tables are those of this version; all or nothing, but accounts that
    /// can't be are left out one by one. A dry run does the same and takes it back.
    ///
    /// # Errors
    /// [`OperateError`]. Then nothing was taken over.
    pub async fn import_into(
        mut self,
        to: &Database,
        clock: &Clock,
        is_dry_run: bool,
    ) -> Result<Imported, OperateError> {
        let (unread, unwritten) = (OperateError::of(&self.database), OperateError::of(to));
        let alone = Alone::to_write(to).await?;
        let mut import = Import::begin(alone, clock).await.map_err(&unwritten)?;
        let tiers = self.tiers().await.map_err(&unread)?;
        import.tiers(tiers).await.map_err(&unwritten)?;
        // The live ones first: where a deleted one has the same address in other capitals, they go before it.
        for is_deleted in [false, true] {
            let mut last = i64::MIN;
            loop {
                let accounts = self.accounts(is_deleted, last).await.map_err(&unread)?;
                let Some(account) = accounts.last() else { break };
                last = account.id;
                import.accounts(accounts).await.map_err(&unwritten)?;
            }
        }
        let mut last = i64::MIN;
        loop {
            let tokens = self.blacklist(last).await.map_err(&unread)?;
            let Some((id, _)) = tokens.last() else { break };
            last = *id;
            import.blacklist(tokens).await.map_err(&unwritten)?;
        }
        import.end(is_dry_run).await.map_err(&unwritten)
    }
}

/// An import under way.
struct Import {
    to: Alone,
    now: i64,
    done: Imported,
}

/// What becomes of an account.
enum Verdict {
    Take(Vec<Cell>),
    IsHere,
    Refuse(Refusal),
}

impl Import {
    async fn begin(mut to: Alone, clock: &Clock) -> sqlx::Result<Self> {
        let now = to.now(clock).await?;
        Ok(Self { to, now, done: Imported::default() })
    }

    async fn tiers(&mut self, tiers: Vec<(i64, String)>) -> sqlx::Result<()> {
        for batch in tiers.chunks(500) {
            let rows = batch.iter().map(|(id, name)| vec![int(*id), text(name)]).collect();
            let insert = "INSERT INTO tiers (id, name) VALUES";
            self.done.tiers += self.to.insert(insert, rows, " ON CONFLICT DO NOTHING").await?;
        }
        Ok(())
    }

    async fn accounts(&mut self, accounts: Vec<Account>) -> sqlx::Result<()> {
        const INSERT: &str = "
            INSERT INTO users (id, username, email, email_key, name, password_hash, profile_image_url,
                tier_id, created_at, updated_at, deleted_at) VALUES";
        let mut here = Here::around(&accounts, &mut self.to, self.now).await?;
        let (mut rows, mut names, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for account in &accounts {
            if account.is_superuser && !account.is_deleted {
                self.done.superusers.push(account.id);
            }
            match here.judge(account, self.now) {
                Verdict::Take(row) => {
                    self.done.taken += 1;
                    self.done.taken_deleted += u64::from(account.is_deleted);
                    here.add(account);
                    rows.push(row);
                    names.extend((!account.is_deleted).then_some(account));
                }
                Verdict::IsHere => {
                    self.done.already_here += 1;
                    known.extend((!account.is_deleted).then_some(account));
                }
                Verdict::Refuse(why) => self.done.refused.push((account.id, why)),
            }
        }
        self.to.insert(INSERT, rows, "").await?;
        names.extend(self.forget_names_of(known).await?);
        self.remember_names(&names).await
    }

    /// Of accounts that an import before has taken over, those whose tokens are still honoured under the same name:
    /// now so are those made since.
    async fn forget_names_of<'a>(
        &mut self,
        known: Vec<&'a Account>,
    ) -> sqlx::Result<Vec<&'a Account>> {
        const NAMES: &str = "SELECT user_id, username FROM imported_names WHERE user_id IN ";
        const FORGET: &str = "DELETE FROM imported_names WHERE user_id IN ";
        let ids = known.iter().map(|account| int(account.id));
        let names: HashSet<Vec<Cell>> = self.to.among(NAMES, ids).await?.into_iter().collect();
        let has_name =
            |account: &&Account| names.contains(&vec![int(account.id), text(&account.username)]);
        let kept: Vec<&Account> = known.into_iter().filter(has_name).collect();
        self.to.among(FORGET, kept.iter().map(|account| int(account.id))).await?;
        Ok(kept)
    }

    /// Whose tokens are honoured, and which: nobody else can have had the name since the account was made or last
    /// changed there, and a name may have changed hands there since the import (LG-03).
    async fn remember_names(&mut self, accounts: &[&Account]) -> sqlx::Result<()> {
        const INSERT: &str = "
            INSERT INTO imported_names (username, user_id, issued_from, issued_to, until) VALUES";
        let row = |account: &&Account| {
            let changed_at = account.updated_at.unwrap_or(account.created_at);
            vec![
                text(&account.username),
                int(account.id),
                int(changed_at.max(account.created_at)),
                int(self.now),
                int(self.now + TOKENS_LIVE),
            ]
        };
        let rows = accounts.iter().map(row).collect();
        self.to.insert(INSERT, rows, " ON CONFLICT DO NOTHING").await?;
        Ok(())
    }

    /// A token that was signed out is a session that has ended.
    async fn blacklist(&mut self, tokens: Vec<(i64, String)>) -> sqlx::Result<()> {
        const USERS: &str = "SELECT username, user_id FROM imported_names WHERE username IN ";
        const INSERT: &str = "
            INSERT INTO sessions (sid, user_id, gen, parent, prev, confirmed_at, child, child_at,
                created, last_used, expires_at, revoked_at, agent, address) VALUES";
        let read = |(_, token): &(i64, String)| {
            let claims = LegacyClaims::unverified(token)?;
            (claims.exp > self.now).then(|| (claims.sub, legacy_sid(token), claims.exp))
        };
        let alive: Vec<(String, String, i64)> = tokens.iter().filter_map(read).collect();
        let names = alive.iter().map(|(sub, ..)| text(sub));
        let users = self.to.among(USERS, names).await?;
        let users: HashMap<Cell, Cell> = users
            .into_iter()
            .filter_map(|row| <[Cell; 2]>::try_from(row).ok())
            .map(|[name, id]| (name, id))
            .collect();
        let now = self.now;
        let row = |(sub, sid, exp): &(String, String, i64)| {
            let user = users.get(&text(sub))?.clone();
            Some(vec![
                text(sid),
                user,
                int(0),
                text(sid),
                text(""),
                int(now),
                text(""),
                int(0),
                int(now),
                int(now),
                int(*exp),
                int(now),
                text(""),
                text(""),
            ])
        };
        let rows = alive.iter().filter_map(row).collect();
        self.done.signed_out += self.to.insert(INSERT, rows, " ON CONFLICT DO NOTHING").await?;
        Ok(())
    }

    async fn end(mut self, is_dry_run: bool) -> sqlx::Result<Imported> {
        if is_dry_run {
            self.to.abandon().await;
        } else {
            self.to.renumber("users").await?;
            self.to.commit().await?;
        }
        self.done.refused.sort_by_key(|(id, _)| *id);
        Ok(self.done)
    }
}

/// What is taken here, as far as some accounts could want it.
#[derive(Default)]
struct Here {
    /// When each account was made: so one that an import before has taken over is known again.
    created: HashMap<i64, i64>,
    usernames: HashSet<String>,
    email_keys: HashSet<String>,
}

impl Here {
    async fn around(accounts: &[Account], to: &mut Alone, now: i64) -> sqlx::Result<Self> {
        const CREATED: &str = "SELECT id, created_at FROM users WHERE id IN ";
        const NAMES: &str = "SELECT username FROM users WHERE username IN ";
        const KEYS: &str = "SELECT email_key FROM users WHERE email_key IN ";
        let held = format!(
            "SELECT username FROM held_usernames WHERE held_until > {now} AND username IN "
        );
        let names = || accounts.iter().map(|account| text(&account.username));
        let mut here = Self::default();
        for row in to.among(CREATED, accounts.iter().map(|account| int(account.id))).await? {
            if let [Cell::Int(Some(id)), Cell::Int(Some(created))] = row[..] {
                here.created.insert(id, created);
            }
        }
        let taken =
            to.among(NAMES, names()).await?.into_iter().chain(to.among(&held, names()).await?);
        here.usernames = taken.flatten().filter_map(Cell::into_text).collect();
        let keys = to.among(KEYS, accounts.iter().map(|account| text(&key_of(account)))).await?;
        here.email_keys = keys.into_iter().flatten().filter_map(Cell::into_text).collect();
        Ok(here)
    }

    fn judge(&self, account: &Account, now: i64) -> Verdict {
        match self.created.get(&account.id) {
            Some(created) if *created == account.created_at => return Verdict::IsHere,
            Some(_) => return Verdict::Refuse(Refusal::NumberTaken),
            None => {}
        }
        match self.row(account, now) {
            Ok(row) => Verdict::Take(row),
            Err(why) => Verdict::Refuse(why),
        }
    }

    /// The account as its row is here. Of a deleted one only what keeps its name and its address taken.
    fn row(&self, account: &Account, now: i64) -> Result<Vec<Cell>, Refusal> {
        let username =
            Username::try_from(account.username.clone()).map_err(|_| Refusal::Username)?;
        let (email, name, hash, picture);
        if account.is_deleted {
            (email, name, hash, picture) = Default::default();
        } else {
            Username::chosen(username.as_str()).map_err(|_| Refusal::Reserved)?;
            name = DisplayName::try_from(account.name.clone()).map_err(|_| Refusal::Name)?.into();
            email = Email::try_from(account.email.clone()).map_err(|_| Refusal::Email)?.into();
            let url = account.profile_image_url.clone();
            picture = PictureUrl::try_from(url).map_err(|_| Refusal::Picture)?.into();
            hash = account.password_hash.clone();
            if !is_readable(&hash) {
                return Err(Refusal::Hash);
            }
        }
        let key = key_of(account);
        if self.usernames.contains(username.as_str()) {
            return Err(Refusal::UsernameTaken);
        }
        if self.email_keys.contains(&key) {
            return Err(Refusal::EmailTaken);
        }
        let is_live = !account.is_deleted;
        let texts: [String; 6] = [username.into(), email, key, name, hash, picture];
        let times = [
            account.tier_id.filter(|_| is_live),
            Some(account.created_at),
            account.updated_at.filter(|_| is_live),
            account.is_deleted.then(|| account.deleted_at.unwrap_or(now)),
        ];
        let texts = texts.into_iter().map(|text| Cell::Text(Some(text)));
        Ok([int(account.id)].into_iter().chain(texts).chain(times.map(Cell::Int)).collect())
    }

    fn add(&mut self, account: &Account) {
        self.created.insert(account.id, account.created_at);
        self.usernames.insert(account.username.clone());
        self.email_keys.insert(key_of(account));
    }
}

/// What makes its address unique, be it malformed.
fn key_of(account: &Account) -> String {
    let email = Email::try_from(account.email.clone());
    email_digest(&email.map_or_else(|_| Email::key_of(&account.email), |email| email.key()))
}

fn int(value: i64) -> Cell {
    Cell::Int(Some(value))
}

fn text(value: &str) -> Cell {
    Cell::Text(Some(value.to_owned()))
}
