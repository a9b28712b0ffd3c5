use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use tokio::time::Instant;

use crate::feed::FeedLost;
use crate::session::Session;
use crate::tokens::facts;
use crate::upstream::Outage;

/// What the API has told of sessions that are over before their access tokens are, and how long ago that was
/// true. [`crate::feed`] keeps it up to date. A session in here never comes back to life, so asking takes no
/// clock; entries go only to make room.
pub(crate) struct Revocations {
    known: RwLock<Known>,
    max_stale: Duration,
    most: usize,
}

struct Known {
    feed: Feed,
    everyone_before: i64,
    /// By session, when the entry may be forgotten: Unix seconds by the API's clock.
    until: HashMap<Key, i64>,
    ends: BinaryHeap<Reverse<(i64, Key)>>,
}

enum Feed {
    /// No key for it is set, or the API has none.
    Off,
    /// Never heard to its end (RV-06).
    Loading,
    /// Everything that was revoked before this moment is in here.
    Following { as_of: Instant },
}

/// How good this knowledge is now (RV-03).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// There is none: the API's own 401 and the life of an access token are all there is.
    Off,
    /// As good as new.
    Followed,
    /// Of this age: over [`FRESH`], but not over what the settings allow.
    Stale(Duration),
    /// Not loaded yet, or too old: no ground to take a session for a live one.
    Unknown,
}

/// What the feed answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    /// Where to go on from.
    pub(crate) cursor: String,
    /// Whether the next page is there already.
    pub(crate) more: bool,
    /// Age of what the API's node itself knows, in milliseconds.
    age_ms: u64,
    /// Every access token made until then is dead; 0 if that never happened.
    everyone_before: i64,
    /// Sessions, and when their last access token dies.
    revoked: Vec<(String, i64)>,
    /// What time it is there; without it our own clock has to do (F12).
    now: Option<i64>,
}

impl Page {
    /// Whether it may name a session that was not known to be over.
    pub(crate) fn has_news(&self) -> bool {
        !self.revoked.is_empty() || self.everyone_before > 0
    }
}

/// A session's name at the API, in a constant size.
type Key = [u8; 16];

/// Age from which the knowledge is called stale.
const FRESH: Duration = Duration::from_secs(5);
/// Most sessions held, 80 bytes each; beyond it the feed counts as lost (RV-07).
const MOST: usize = 2_000_000;
/// Most entries that are forgotten at once: visitors wait meanwhile. Twice what a page brings.
const MOST_FORGOTTEN: usize = 20_000;
/// Seconds by which the clocks of API nodes may differ.
const SLACK: i64 = 300;

impl Revocations {
    pub(crate) fn new(max_stale: Duration) -> Self {
        let known = Known {
            feed: Feed::Off,
            everyone_before: 0,
            until: HashMap::new(),
            ends: BinaryHeap::new(),
        };
        Self { known: RwLock::new(known), max_stale, most: MOST }
    }

    /// Whether the API has revoked this session.
    pub(crate) fn contains(&self, session: &Session) -> bool {
        let known = self.read();
        if known.until.is_empty() && known.everyone_before == 0 {
            return false;
        }
        let facts = facts(&session.access);
        facts.iat.unwrap_or(session.access_from) <= known.everyone_before
            || facts.sid.is_some_and(|sid| known.until.contains_key(&key_of(&sid)))
    }

    pub(crate) fn standing(&self) -> Standing {
        match self.read().feed {
            Feed::Off => Standing::Off,
            Feed::Loading => Standing::Unknown,
            Feed::Following { as_of } => match as_of.elapsed() {
                age if age > self.max_stale => Standing::Unknown,
                age if age > FRESH => Standing::Stale(age),
                _ => Standing::Followed,
            },
        }
    }

    /// From now on, what is not known is not taken for granted.
    pub(crate) fn expect(&self) {
        self.write().feed = Feed::Loading;
    }

    /// The API has no feed. Whether that is news.
    pub(crate) fn give_up(&self) -> bool {
        let mut known = self.write();
        let is_news = !matches!(known.feed, Feed::Off);
        known.feed = Feed::Off;
        is_news
    }

    /// Takes in what was heard at `heard`, when our own clock said `now`.
    pub(crate) fn learn(&self, page: &Page, heard: Instant, now: i64) -> Result<(), FeedLost> {
        let as_of = heard.checked_sub(Duration::from_millis(page.age_ms)).ok_or(Outage::Failing)?;
        let forgotten = page.now.unwrap_or(now).saturating_sub(SLACK);
        let lasting = page.revoked.iter().filter(|(_, until)| *until > forgotten);
        let lasting: Vec<(Key, i64)> = lasting.map(|(sid, until)| (key_of(sid), *until)).collect();

        let mut known = self.write();
        known.everyone_before = known.everyone_before.max(page.everyone_before);
        known.forget(forgotten);
        for (key, until) in lasting {
            if known.until.len() >= self.most && !known.until.contains_key(&key) {
                return Err(FeedLost::TooMany);
            }
            known.add(key, until);
        }
        if !page.more {
            let before = known.as_of().unwrap_or(as_of);
            known.feed = Feed::Following { as_of: as_of.max(before) };
        }
        Ok(())
    }

    /// For the metrics: how old the knowledge is, and of how many sessions.
    pub(crate) fn measures(&self) -> (Option<Duration>, usize) {
        let known = self.read();
        (known.as_of().map(|as_of| as_of.elapsed()), known.until.len())
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn as_of(&self) -> Option<Instant> {
        match self.feed {
            Feed::Following { as_of } => Some(as_of),
            Feed::Off | Feed::Loading => None,
        }
    }

    fn add(&mut self, key: Key, until: i64) {
        let before = self.until.get(&key).copied();
        if before.is_none_or(|before| before < until) {
            self.until.insert(key, until);
            self.ends.push(Reverse((until, key)));
        }
    }

    /// Drops entries that ended at `time` or before, but not all at once.
    fn forget(&mut self, time: i64) {
        for _ in 0..MOST_FORGOTTEN {
            let Some(&Reverse((until, key))) = self.ends.peek().filter(|end| end.0.0 <= time)
            else {
                return;
            };
            self.ends.pop();
            // Told again with a later end, it is still there for that one.
            if self.until.get(&key) == Some(&until) {
                self.until.remove(&key);
            }
        }
    }
}

fn key_of(sid: &str) -> Key {
    let digest = digest(&SHA256, sid.as_bytes());
    *digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;
    use tokio::time::Instant;
    use vestibule_types::Token;

    use super::{Page, Revocations, SLACK, Standing};
    use crate::feed::FeedLost;
    use crate::session::Session;

    const NOW: i64 = 1_000_000;
    const MINUTE: Duration = Duration::from_secs(60);

    fn session(claims: &str) -> Session {
        let access = format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims));
        Session { access: Token::from(access), ..Session::sample(NOW) }
    }

    fn of(sid: &str) -> Session {
        session(&json!({"sid": sid, "iat": NOW}).to_string())
    }

    fn page(revoked: &[(&str, i64)], now: Option<i64>) -> Page {
        let revoked = revoked.iter().map(|(sid, until)| ((*sid).to_owned(), NOW + until)).collect();
        Page { cursor: String::new(), more: false, age_ms: 0, everyone_before: 0, revoked, now }
    }

    fn learn(revoked: &Revocations, page: &Page) -> Result<(), FeedLost> {
        revoked.learn(page, Instant::now(), NOW)
    }

    #[test]
    fn a_session_is_revoked_by_its_name_at_the_api() {
        let revoked = Revocations::new(MINUTE);
        assert!(!revoked.contains(&of("a")));
        learn(&revoked, &page(&[("a", 1800)], None)).unwrap();
        assert!(revoked.contains(&of("a")));
        assert!(!revoked.contains(&of("b")));
        for claims in ["{}", r#"{"sid":7}"#, "not JSON"] {
            assert!(!revoked.contains(&session(claims)), "{claims}");
        }
    }

    #[test]
    fn ky_07_everyone_before_ends_all_tokens_made_until_then() {
        let revoked = Revocations::new(MINUTE);
        let everyone = |before| Page { everyone_before: before, ..page(&[], None) };
        let made_at = |iat: i64| session(&json!({"sid": "a", "iat": iat}).to_string());
        learn(&revoked, &everyone(NOW)).unwrap();
        assert!(revoked.contains(&made_at(NOW)));
        assert!(!revoked.contains(&made_at(NOW + 1)));
        assert!(revoked.contains(&session("{}")), "one that does not say was made when it came");
        learn(&revoked, &everyone(0)).unwrap();
        assert!(revoked.contains(&made_at(NOW)), "what was said once holds");
    }

    #[test]
    fn rv_07_entries_are_forgotten_once_no_token_of_the_session_can_be_alive() {
        let revoked = Revocations::new(MINUTE);
        let held = || revoked.measures().1;
        learn(&revoked, &page(&[("a", 100), ("b", 200), ("gone", -SLACK)], None)).unwrap();
        assert_eq!(held(), 2, "one that is over is not even taken");
        learn(&revoked, &page(&[("a", 300), ("b", 200)], None)).unwrap();
        learn(&revoked, &page(&[], Some(NOW + 199 + SLACK))).unwrap();
        assert_eq!(held(), 2, "told again, the later end counts");
        learn(&revoked, &page(&[], Some(NOW + 200 + SLACK))).unwrap();
        assert!(revoked.contains(&of("a")) && !revoked.contains(&of("b")));
        learn(&revoked, &page(&[], Some(NOW + 300 + SLACK))).unwrap();
        assert_eq!((held(), revoked.read().ends.len()), (0, 0));
    }

    #[test]
    fn f12_a_gateway_whose_clock_is_hours_ahead_keeps_what_the_api_says() {
        let revoked = Revocations::new(MINUTE);
        let page = page(&[("a", 1800)], Some(NOW));
        revoked.learn(&page, Instant::now(), NOW + 7200).unwrap();
        assert!(revoked.contains(&of("a")));
    }

    #[test]
    fn rv_07_beyond_the_cap_the_feed_is_lost_until_there_is_room() {
        let revoked = Revocations { most: 2, ..Revocations::new(MINUTE) };
        let three = [("a", 100), ("b", 200), ("c", 200)];
        assert_eq!(learn(&revoked, &page(&three, None)), Err(FeedLost::TooMany));
        assert_eq!(revoked.measures(), (None, 2));
        assert_eq!(learn(&revoked, &page(&three, Some(NOW + 100 + SLACK))), Ok(()));
        assert!(revoked.contains(&of("c")));
    }

    #[test]
    fn rv_03_the_standing_tells_how_old_the_knowledge_is() {
        let revoked = Revocations::new(MINUTE);
        assert_eq!(revoked.standing(), Standing::Off);
        revoked.expect();
        let aged = |age_ms| Page { age_ms, ..page(&[], None) };
        learn(&revoked, &Page { more: true, ..aged(0) }).unwrap();
        assert_eq!(revoked.standing(), Standing::Unknown, "RV-06: the next page is missing");
        learn(&revoked, &aged(60_001)).unwrap();
        assert_eq!(revoked.standing(), Standing::Unknown);
        learn(&revoked, &aged(10_000)).unwrap();
        assert!(matches!(revoked.standing(), Standing::Stale(age) if age.as_secs() == 10));
        learn(&revoked, &aged(0)).unwrap();
        assert_eq!(revoked.standing(), Standing::Followed);
        learn(&revoked, &aged(10_000)).unwrap();
        assert_eq!(revoked.standing(), Standing::Followed, "what is known is not unlearned");
        let absurd = Revocations::new(MINUTE);
        let _either_way = learn(&absurd, &aged(u64::MAX));
        assert_ne!(absurd.standing(), Standing::Followed);
    }
}
