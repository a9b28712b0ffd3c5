//! What has ended or changed, on any node: written in the transaction that does it, read by every node twice
//! a second, and passed on to gateways. The table is the truth; a notification only shortens the wait.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio::time::Instant;
use vestibule_types::UserId;

use super::Store;
use super::engine::Engine;
use super::engine::read;
use super::row::Columns;
use crate::tokens::random_id;

/// When something ends, and until when nodes have to know: no access token of it lives longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) now: i64,
    pub(crate) until: i64,
}

/// The channel that says "read the table now". It carries nothing.
pub(super) const CHANNEL: &str = "vestibule_news";

/// A node that has not read the table for longer asks the database at every access check (RV-03).
const FRESH: Duration = Duration::from_secs(5);

/// Numbers are given before the commit, so an older one may appear later than a newer one: a number that is
/// missing is waited for this long (RV-04). Time-outs end every transaction of ours sooner.
const MISSING: Duration = Duration::from_secs(30);

/// A row this many seconds old is settled, and so are all numbers before its own.
const SETTLED: i64 = 60;

/// Rows read or passed on at once.
const PAGE: usize = 10_000;

/// Most ended sessions kept for gateways; beyond it they are told nothing until there are fewer (RV-07).
const MOST: usize = 2_000_000;

/// After that, how long until another look.
const CROWDED: Duration = Duration::from_secs(60);

/// A row of the table.
pub(super) struct Item {
    id: i64,
    what: What,
    at: i64,
    until: i64,
}

/// What has happened.
pub(super) enum What {
    SessionEnded(String),
    AccountChanged(UserId),
    /// Every session that began at or before this second.
    EverybodyOut(i64),
    /// What a newer version says, and this one does not understand.
    Other,
}

impl What {
    pub(super) const SESSION: &str = "session";
    pub(super) const ACCOUNT: &str = "account";
    pub(super) const EVERYBODY: &str = "everybody";
}

/// What gateways are told, one page of it.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    cursor: String,
    more: bool,
    age_ms: u64,
    /// Unix seconds here: `until` is by the same clock.
    now: i64,
    everyone_before: i64,
    revoked: Vec<(String, i64)>,
}

/// What this node has heard.
pub(super) struct News {
    heard: Mutex<Heard>,
    /// [`Heard::as_of`], for every request: none waits while a gateway is told ten thousand endings.
    as_of: ArcSwapOption<Instant>,
    changed: watch::Sender<u64>,
}

struct Heard {
    /// No row up to this number is missing, or will come.
    low: i64,
    /// Those above it that have been read: not all, while a number is missing.
    seen: BTreeSet<i64>,
    /// When the table was read, and the greatest number then.
    marks: VecDeque<(Instant, i64)>,
    /// Greatest number of a settled row.
    settled: i64,
    as_of: Option<Instant>,
    everyone_before: i64,
    /// Names this log: a number means nothing in another.
    log_id: String,
    log: VecDeque<Logged>,
    /// Number of the first entry of the log.
    first: u64,
    crowded: Option<Instant>,
}

struct Logged {
    id: i64,
    sid: [u8; 16],
    until: i64,
}

impl Default for News {
    fn default() -> Self {
        let heard = Mutex::new(Heard::nothing());
        Self { heard, as_of: ArcSwapOption::empty(), changed: watch::Sender::new(0) }
    }
}

impl Store {
    /// Whether this node has read the news lately enough to go by what it knows.
    pub(crate) fn is_fresh(&self) -> bool {
        self.news_age().is_some_and(|age| age <= FRESH)
    }

    /// How old this node's knowledge is; `None` before it has any.
    pub(crate) fn news_age(&self) -> Option<Duration> {
        self.0.news.as_of.load().as_ref().map(|as_of| as_of.elapsed())
    }

    /// How many ended sessions gateways are told of.
    pub(crate) fn news_held(&self) -> usize {
        self.0.news.heard().log.len()
    }

    /// Reads what is new in the table, and acts on it.
    pub(crate) async fn read_news(&self, now: i64) -> sqlx::Result<()> {
        const SQL: &str = "
            SELECT id, kind, subject, at, until FROM news WHERE id > $1 AND until > $2
            ORDER BY id LIMIT 10000";
        let began = Instant::now();
        if !self.is_fresh() {
            self.0.known.forget_all();
        }
        let mut from = self.0.news.heard().start_reading();
        loop {
            let rows: Vec<Item> = read!(self, pool => {
                sqlx::query(SQL).bind(from).bind(now).try_map(item).fetch_all(pool)
            })?;
            let last = rows.last().map(|row| row.id);
            let is_all = rows.len() < PAGE;
            self.0.news.heard().see_settled(&rows, now);
            self.hear(rows);
            match last {
                Some(last) if !is_all => from = last,
                _ => break,
            }
        }
        self.0.news.heard().read_at(began, now);
        self.0.news.as_of.store(Some(Arc::new(began)));
        Ok(())
    }

    /// Acts on news: that of this node right after its commit, that of others when it is read.
    pub(super) fn hear(&self, items: Vec<Item>) {
        let mut heard = self.0.news.heard();
        let items: Vec<Item> = items.into_iter().filter(|item| heard.is_new(item)).collect();
        if items.is_empty() {
            return;
        }
        self.0.known.forget(items.iter().map(|item| &item.what));
        items.into_iter().for_each(|item| heard.remember(item));
        drop(heard);
        self.0.news.changed.send_modify(|count| *count += 1);
    }

    /// What a gateway has not heard yet. `None` while this node does not know everything itself.
    pub(crate) fn page_after(&self, cursor: Option<&str>, now: i64) -> Option<Page> {
        self.0.news.heard().page_after(cursor, now)
    }

    /// Ends its waiting when there is news.
    pub(crate) fn news_changed(&self) -> watch::Receiver<u64> {
        self.0.news.changed.subscribe()
    }

    /// A connection on which the database says that there is news; `None` on an engine that can't. It tells
    /// only of what comes later.
    pub(crate) async fn listener(&self) -> sqlx::Result<Option<PgListener>> {
        let Engine::Postgres(pool) = &self.0.engine else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(listener))
    }
}

impl News {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn nothing() -> Self {
        Self {
            low: 0,
            seen: BTreeSet::new(),
            marks: VecDeque::new(),
            settled: 0,
            as_of: None,
            everyone_before: 0,
            log_id: random_id(),
            log: VecDeque::new(),
            first: 0,
            crowded: None,
        }
    }

    /// The number after which the table is to be read.
    fn start_reading(&mut self) -> i64 {
        if self.crowded.is_some_and(|since| since.elapsed() > CROWDED) {
            *self = Self {
                everyone_before: self.everyone_before,
                as_of: self.as_of,
                ..Self::nothing()
            };
        }
        self.low
    }

    fn is_new(&self, item: &Item) -> bool {
        item.id > self.low && !self.seen.contains(&item.id)
    }

    fn see_settled(&mut self, items: &[Item], now: i64) {
        let settled =
            items.iter().filter(|item| item.at <= now - SETTLED).map(|item| item.id).max();
        self.settled = self.settled.max(settled.unwrap_or_default());
    }

    fn remember(&mut self, item: Item) {
        self.seen.insert(item.id);
        match item.what {
            What::AccountChanged(_) | What::Other => {}
            What::EverybodyOut(at) => self.everyone_before = self.everyone_before.max(at),
            What::SessionEnded(sid) => {
                if self.log.len() >= MOST {
                    self.crowded.get_or_insert_with(Instant::now);
                    self.log.clear();
                }
                let sid = URL_SAFE_NO_PAD.decode(&sid).ok().and_then(|sid| sid.try_into().ok());
                if let (Some(sid), None) = (sid, self.crowded) {
                    self.log.push_back(Logged { id: item.id, sid, until: item.until });
                }
            }
        }
    }

    /// The table was read, by a query that began at `began`.
    fn read_at(&mut self, began: Instant, now: i64) {
        let newest = self.seen.last().copied().unwrap_or(self.low);
        if self.as_of.is_none() {
            self.low = self.settled.max(self.low);
        }
        self.as_of = Some(began);
        self.marks.push_back((began, newest));
        while self.marks.front().is_some_and(|(at, _)| began.duration_since(*at) >= MISSING) {
            self.low = self.marks.pop_front().map_or(self.low, |(_, newest)| newest.max(self.low));
        }
        self.seen = self.seen.split_off(&(self.low + 1));
        while self.seen.first() == Some(&(self.low + 1)) {
            self.seen.pop_first();
            self.low += 1;
        }
        while self.log.front().is_some_and(|entry| entry.until <= now) {
            self.log.pop_front();
            self.first += 1;
        }
    }

    fn page_after(&self, cursor: Option<&str>, now: i64) -> Option<Page> {
        let as_of = self.as_of?;
        if self.crowded.is_some() {
            return None;
        }
        let next = self.first + self.log.len() as u64;
        let from = match cursor.and_then(Cursor::parse) {
            None => self.first,
            Some(cursor) if cursor.log_id == self.log_id => cursor.next.clamp(self.first, next),
            // Another node's, or one from before a restart: what it can't have heard begins at its low mark.
            Some(cursor) => {
                let skipped = self.log.iter().take_while(|entry| entry.id <= cursor.low).count();
                self.first + skipped as u64
            }
        };
        let start = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let revoked: Vec<(String, i64)> = self
            .log
            .range(start.min(self.log.len())..)
            .take(PAGE)
            .map(|entry| (URL_SAFE_NO_PAD.encode(entry.sid), entry.until))
            .collect();
        let to = from + revoked.len() as u64;
        // The low mark is good only once everything before it was passed on.
        let low = if to == next { self.low } else { 0 };
        Some(Page {
            cursor: format!("{}.{to}.{low}.{}", self.log_id, self.everyone_before),
            more: to < next,
            age_ms: u64::try_from(as_of.elapsed().as_millis()).unwrap_or(u64::MAX),
            now,
            everyone_before: self.everyone_before,
            revoked,
        })
    }
}

impl Page {
    /// Whether it says anything that one who asked after `cursor` does not know.
    pub(crate) fn has_news(&self, cursor: Option<&str>) -> bool {
        let told = cursor.and_then(Cursor::parse).map(|cursor| cursor.everyone_before);
        told != Some(self.everyone_before) || !self.revoked.is_empty()
    }
}

/// How far a gateway has heard: opaque to it.
struct Cursor<'a> {
    log_id: &'a str,
    next: u64,
    low: i64,
    everyone_before: i64,
}

impl<'a> Cursor<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('.');
        let cursor = Self {
            log_id: parts.next()?,
            next: parts.next()?.parse().ok()?,
            low: parts.next()?.parse().ok()?,
            everyone_before: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(cursor)
    }
}

pub(super) fn item<R: Columns>(row: R) -> sqlx::Result<Item> {
    let (kind, subject, at) = (row.text("kind")?, row.text("subject")?, row.int("at")?);
    let what = match kind.as_str() {
        What::SESSION => What::SessionEnded(subject),
        What::ACCOUNT => What::AccountChanged(UserId::new(subject.parse().unwrap_or_default())),
        What::EVERYBODY => What::EverybodyOut(at),
        _ => What::Other,
    };
    Ok(Item { id: row.int("id")?, what, at, until: row.int("until")? })
}

/// Within a transaction: writes down what others have to hear of, and wakes them. Answers it as news.
macro_rules! report {
    ($store:expr, $tx:ident, $kind:expr, $subject:expr, $ending:expr) => {{
        const SQL: &str = "
            INSERT INTO news (kind, subject, at, until) VALUES ($1, $2, $3, $4)
            RETURNING id, kind, subject, at, until";
        let row = sqlx::query(SQL).bind($kind).bind($subject).bind($ending.now).bind($ending.until);
        let items: Vec<Item> = row.try_map(item).fetch_all(&mut *$tx).await?;
        wake!($store, $tx);
        items
    }};
}

/// Within a transaction: ends all sessions of an account but one. Tokens of the FastAPI backend that nobody has shown
/// yet are no sessions yet: they go first, so that one that is being adopted is a session by then. How many have ended, and
/// the news.
macro_rules! revoke_others {
    ($store:expr, $tx:ident, $user:expr, $except:expr, $ending:expr) => {{
        const UNSEEN: &str = "DELETE FROM imported_names WHERE user_id = $1";
        const SESSIONS: &str = "
            UPDATE sessions SET revoked_at = $3 WHERE user_id = $1 AND sid <> $2 AND revoked_at IS NULL";
        // Those of this second, of whoever ended them: to hear of one twice does no harm.
        const NEWS: &str = "
            INSERT INTO news (kind, subject, at, until)
            SELECT 'session', sid, $2, $3 FROM sessions WHERE user_id = $1 AND revoked_at = $2
            RETURNING id, kind, subject, at, until";
        let user = $user.value();
        sqlx::query(UNSEEN).bind(user).execute(&mut *$tx).await?;
        let sessions = sqlx::query(SESSIONS).bind(user).bind($except).bind($ending.now);
        let ended = sessions.execute(&mut *$tx).await?.rows_affected();
        let news = sqlx::query(NEWS).bind(user).bind($ending.now).bind($ending.until);
        let items: Vec<Item> = news.try_map(item).fetch_all(&mut *$tx).await?;
        if !items.is_empty() {
            wake!($store, $tx);
        }
        (ended, items)
    }};
}

/// Within a transaction: at its commit, PostgreSQL wakes the nodes that listen. Only where something ends or
/// changes, never at a refresh: such a commit takes a lock on the whole server.
macro_rules! wake {
    ($store:expr, $tx:ident) => {
        if $store.is_postgres() {
            sqlx::query("SELECT pg_notify('vestibule_news', '')").execute(&mut *$tx).await?;
        }
    };
}

pub(super) use {report, revoke_others, wake};

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Heard, Item, MISSING, MOST, Page, What};

    const NOW: i64 = 1_000_000;

    fn ended(id: i64) -> Item {
        let what = What::SessionEnded(format!("{id:021}A").replace('0', "A"));
        Item { id, what, at: NOW, until: NOW + 1_800 }
    }

    fn hear(heard: &mut Heard, ids: impl IntoIterator<Item = i64>) -> usize {
        let new: Vec<Item> = ids.into_iter().map(ended).filter(|item| heard.is_new(item)).collect();
        let count = new.len();
        new.into_iter().for_each(|item| heard.remember(item));
        count
    }

    fn told(page: &Page) -> usize {
        page.revoked.len()
    }

    #[test]
    fn rv_04_a_missing_number_is_asked_for_until_it_can_not_come_any_more() {
        let (mut heard, began) = (Heard::nothing(), Instant::now());
        hear(&mut heard, [1, 2, 3]);
        heard.read_at(began, NOW);
        assert_eq!(heard.start_reading(), 3);
        hear(&mut heard, [5, 6]);
        heard.read_at(began + Duration::from_secs(1), NOW);
        assert_eq!(heard.start_reading(), 3, "4 may still be on its way");
        assert_eq!(hear(&mut heard, [4, 5, 6]), 1);
        heard.read_at(began + Duration::from_secs(2), NOW);
        assert_eq!(heard.start_reading(), 6);
        hear(&mut heard, [8]);
        heard.read_at(began + Duration::from_secs(3), NOW);
        assert_eq!(heard.start_reading(), 6);
        heard.read_at(began + Duration::from_secs(3) + MISSING, NOW);
        assert_eq!(heard.start_reading(), 8, "7 was rolled back");
    }

    #[test]
    fn the_first_reading_does_not_wait_for_numbers_before_a_settled_row() {
        let mut heard = Heard::nothing();
        let old = Item { at: NOW - 60, ..ended(500_000) };
        heard.see_settled(&[old, ended(500_001)], NOW);
        hear(&mut heard, [500_000, 500_001]);
        heard.read_at(Instant::now(), NOW);
        assert_eq!(heard.start_reading(), 500_001);
    }

    #[test]
    fn a_gateway_hears_everything_once_and_another_node_begins_where_the_first_was_sure() {
        let (mut one, mut other) = (Heard::nothing(), Heard::nothing());
        assert!(one.page_after(None, NOW).is_none(), "it does not know yet");
        hear(&mut one, 1..=12_000);
        hear(&mut other, 1..=12_003);
        for heard in [&mut one, &mut other] {
            heard.read_at(Instant::now(), NOW);
        }
        let first = one.page_after(None, NOW).unwrap();
        assert_eq!((told(&first), first.more), (10_000, true));
        let second = one.page_after(Some(&first.cursor), NOW).unwrap();
        assert_eq!((told(&second), second.more), (2_000, false));
        let third = one.page_after(Some(&second.cursor), NOW).unwrap();
        assert!(!third.has_news(Some(&second.cursor)));
        assert_eq!(told(&other.page_after(Some(&second.cursor), NOW).unwrap()), 3);
        assert_eq!(told(&other.page_after(Some(&first.cursor), NOW).unwrap()), 10_000);
        assert_eq!(told(&other.page_after(Some("nonsense"), NOW).unwrap()), 10_000);
    }

    #[test]
    fn ky_07_that_everybody_is_out_is_news() {
        let mut heard = Heard::nothing();
        heard.read_at(Instant::now(), NOW);
        let before = heard.page_after(None, NOW).unwrap();
        assert!(before.has_news(None) && !before.has_news(Some(&before.cursor)));
        heard.remember(Item { what: What::EverybodyOut(NOW), ..ended(1) });
        let after = heard.page_after(Some(&before.cursor), NOW).unwrap();
        assert!(after.has_news(Some(&before.cursor)));
        assert_eq!(after.everyone_before, NOW);
    }

    #[test]
    fn rv_07_what_no_token_can_need_is_forgotten_and_a_crowd_tells_gateways_nothing() {
        let mut heard = Heard::nothing();
        hear(&mut heard, 1..=10);
        heard.read_at(Instant::now(), NOW + 1_800);
        assert_eq!(told(&heard.page_after(None, NOW).unwrap()), 0);
        hear(&mut heard, 11..=MOST as i64 + 11);
        heard.read_at(Instant::now(), NOW);
        assert!(heard.page_after(None, NOW).is_none());
        assert!(heard.log.is_empty());
    }
}
