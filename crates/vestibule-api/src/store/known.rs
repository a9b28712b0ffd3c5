use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use foldhash::fast::RandomState;
use vestibule_types::{Account, UserId};

use super::news::What;

/// A live account: whose it is, and how `/user/me` shows it.
pub(crate) struct LiveAccount {
    pub(crate) id: UserId,
    pub(crate) username: String,
    /// The JSON of its [`Account`].
    pub(crate) json: Bytes,
}

impl From<Account> for LiveAccount {
    fn from(account: Account) -> Self {
        let json = serde_json::to_vec(&account).expect("an account is strings and numbers");
        Self { id: account.user.id, username: account.user.username, json: json.into() }
    }
}

/// Sessions and accounts that were live when this node last looked. What has ended or changed is taken out,
/// here at once and by the news from other nodes; what is not in here is asked of the database. So a gap in
/// this memory costs a query, and never lets anybody in.
#[derive(Default)]
pub(super) struct Known(RwLock<State>);

#[derive(Default)]
struct State {
    sessions: Recent<String, UserId>,
    accounts: Recent<UserId, Arc<LiveAccount>>,
    /// How often something was taken out. What was read before that may be out of date.
    taken_out: u64,
}

/// What was the state of things when a query began.
#[derive(Clone, Copy)]
pub(super) struct Moment(u64);

impl Known {
    /// The account `id`, if its session `sid` is known to live.
    pub(super) fn account(&self, id: UserId, sid: &str) -> Option<Arc<LiveAccount>> {
        let state = self.read();
        let owner = state.sessions.of(sid)?;
        let account = state.accounts.of(&id)?;
        (*owner.value() == id).then_some(())?;
        let found = account.value().clone();
        let fades = owner.is_old() || account.is_old();
        drop(state);
        if fades {
            self.write().refresh(id, sid);
        }
        Some(found)
    }

    /// Call it before the query whose answer is for [`Known::learn`].
    pub(super) fn moment(&self) -> Moment {
        Moment(self.read().taken_out)
    }

    /// The session `sid` and its account are live, as read from the database since `asked`; forgotten at once if
    /// something was taken out since.
    pub(super) fn learn(&self, asked: Moment, sid: &str, account: &Arc<LiveAccount>) {
        let mut state = self.write();
        if state.taken_out == asked.0 {
            state.sessions.insert(sid.to_owned(), account.id);
            state.accounts.insert(account.id, account.clone());
        }
    }

    /// Takes out what has ended or changed.
    pub(super) fn forget<'a>(&self, news: impl Iterator<Item = &'a What>) {
        let mut state = self.write();
        state.taken_out += 1;
        for what in news {
            match what {
                What::SessionEnded(sid) => state.sessions.remove(sid.as_str()),
                What::AccountChanged(id) => state.accounts.remove(id),
                What::EverybodyOut(_) | What::Other => state.forget_all(),
            }
        }
    }

    pub(super) fn forget_all(&self) {
        let mut state = self.write();
        state.taken_out += 1;
        state.forget_all();
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_all(&mut self) {
        *self = Self { taken_out: self.taken_out, ..Self::default() };
    }

    fn refresh(&mut self, id: UserId, sid: &str) {
        self.sessions.renew(sid);
        self.accounts.renew(&id);
    }
}

/// Most entries of one kind; about 50 MB of sessions and accounts in all (RL-07).
const MOST: usize = 100_000;

/// Its keys are numbers and random ids that this API gave out and signed, so nobody picks them to collide: a quick hash will do.
type Map<K, V> = HashMap<K, V, RandomState>;

/// The entries used last, more or less: when the young ones are many they become the old ones, and those that
/// were old and not used again go.
struct Recent<K, V> {
    young: Map<K, V>,
    old: Map<K, V>,
}

enum Found<'a, V> {
    Young(&'a V),
    Old(&'a V),
}

impl<V> Found<'_, V> {
    fn value(&self) -> &V {
        match self {
            Self::Young(value) | Self::Old(value) => value,
        }
    }

    fn is_old(&self) -> bool {
        matches!(self, Self::Old(_))
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { young: Map::default(), old: Map::default() }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    fn of<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Found<'_, V>>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.young.get(key).map(Found::Young).or_else(|| self.old.get(key).map(Found::Old))
    }

    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= MOST / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn renew<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
    }

    fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vestibule_types::{Account, Timestamp, User, UserId};

    use super::{Known, LiveAccount, MOST};
    use crate::store::news::What;

    fn ended(sid: &str) -> What {
        What::SessionEnded(sid.to_owned())
    }

    fn account(id: i64) -> Arc<LiveAccount> {
        let user = User {
            id: UserId::new(id),
            name: "Ada".to_owned(),
            username: format!("ada{id}"),
            email: None,
            profile_image_url: String::new(),
            tier_id: None,
        };
        let made = Timestamp(0);
        let account = Account { user, created_at: made, updated_at: made, email_verified: false };
        Arc::new(account.into())
    }

    fn is_known(known: &Known, id: i64, sid: &str) -> bool {
        known.account(UserId::new(id), sid).is_some()
    }

    #[test]
    fn rv_02_what_has_ended_or_changed_is_not_known_any_more() {
        let known = Known::default();
        for sid in ["a", "b"] {
            known.learn(known.moment(), sid, &account(1));
        }
        known.forget([&ended("a")].into_iter());
        assert!(!is_known(&known, 1, "a") && is_known(&known, 1, "b"));
        assert!(!is_known(&known, 2, "b"), "another account's session");
        known.forget([&What::AccountChanged(UserId::new(1))].into_iter());
        assert!(!is_known(&known, 1, "b"));
        known.learn(known.moment(), "b", &account(1));
        known.forget_all();
        assert!(!is_known(&known, 1, "b"));
    }

    /// A query that began before a sign-out must not bring the session back.
    #[test]
    fn rv_02_an_answer_from_before_a_sign_out_is_not_learnt() {
        let known = Known::default();
        let asked = known.moment();
        known.forget([&ended("a")].into_iter());
        known.learn(asked, "a", &account(1));
        assert!(!is_known(&known, 1, "a"));
    }

    #[test]
    fn rv_07_it_is_bounded_and_keeps_what_is_used() {
        let known = Known::default();
        known.learn(known.moment(), "used", &account(1));
        for n in 0..2 * MOST as i64 {
            known.learn(known.moment(), &format!("s{n}"), &account(n + 2));
            if n % 1_000 == 0 {
                assert!(is_known(&known, 1, "used"), "after {n}");
            }
        }
        assert!(!is_known(&known, 2, "s0"));
        let state = known.read();
        assert!(state.sessions.young.len() + state.sessions.old.len() <= MOST);
    }
}
