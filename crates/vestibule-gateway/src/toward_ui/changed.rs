//! Accounts that server code has changed with a ticket. Its answer sets no cookie, so the session learns of it with the
//! next answer that the browser gets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::gateway::Gateway;
use crate::session::{Session, SessionTag, SessionUser};
use crate::visitor::Visitor;

/// The users of sessions as the API told of them last, and until when that is remembered.
#[derive(Debug, Default)]
pub(crate) struct Changed(Mutex<HashMap<SessionTag, (SessionUser, i64)>>);

/// Seconds; it is most often the answer under way that takes it along.
const KEPT: i64 = 600;

/// Most sessions remembered (RL-07); beyond it a page shows the name of before until it asks the API.
const MOST: usize = 10_000;

impl Changed {
    pub(crate) fn note(&self, sid: &SessionTag, user: SessionUser, now: i64) {
        let mut users = self.users();
        if users.len() >= MOST {
            users.retain(|_, (_, until)| now < *until);
        }
        if users.len() < MOST || users.contains_key(sid) {
            users.insert(*sid, (user, now.saturating_add(KEPT)));
        }
    }

    /// The session's own cookie says better.
    pub(crate) fn forget(&self, sid: &SessionTag) {
        self.users().remove(sid);
    }

    fn of(&self, sid: &SessionTag, now: i64) -> Option<SessionUser> {
        let users = self.users();
        users.get(sid).filter(|(_, until)| now < *until).map(|(user, _)| user.clone())
    }

    fn users(&self) -> MutexGuard<'_, HashMap<SessionTag, (SessionUser, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts into the visitor's session what server code has changed of his account.
pub(crate) fn catch_up(gateway: &Gateway, visitor: &Visitor) {
    let now = gateway.0.clock.now();
    let Some(session) = visitor.session() else { return };
    let Some(user) = gateway.0.toward_ui.changed.of(&session.sid, now) else { return };
    if user != session.user {
        visitor.replace(Session { user, ..Session::clone(&session) }, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_remembered_for_a_while_and_not_beyond_what_is_better_known() {
        let (changed, session) = (Changed::default(), Session::sample(0));
        let user = SessionUser { name: "Ada King".to_owned(), ..session.user };
        changed.note(&session.sid, user.clone(), 0);
        assert_eq!(changed.of(&session.sid, KEPT - 1), Some(user.clone()));
        assert_eq!(changed.of(&session.sid, KEPT), None);
        changed.forget(&session.sid);
        assert_eq!(changed.of(&session.sid, 0), None);
    }

    #[test]
    fn rl_07_no_more_are_remembered_than_there_is_room_for() {
        let (changed, user) = (Changed::default(), Session::sample(0).user);
        for _ in 0..MOST {
            changed.note(&SessionTag::random().unwrap(), user.clone(), 0);
        }
        let late = SessionTag::random().unwrap();
        changed.note(&late, user.clone(), 0);
        assert_eq!(changed.of(&late, 0), None);
        changed.note(&late, user.clone(), KEPT);
        assert_eq!(changed.of(&late, KEPT), Some(user));
    }
}
