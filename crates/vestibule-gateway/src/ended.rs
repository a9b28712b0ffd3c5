use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use vestibule_types::Clock;

use crate::session::{Session, SessionTag};

/// Sessions that were signed out through this gateway, remembered until their access token is dead anyway.
/// So a sign-out wins over a refresh under way, and a copied cookie is worthless here at once. It is a
/// memory, not the truth: the API revokes.
pub(crate) struct Ended {
    until: Mutex<HashMap<SessionTag, i64>>,
    clock: Clock,
}

/// Most sessions remembered (RL-07); beyond it those that would be forgotten first are.
const MOST: usize = 100_000;

impl Ended {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { until: Mutex::default(), clock }
    }

    pub(crate) fn add(&self, session: &Session) {
        let now = self.clock.now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MOST {
            until.retain(|_, end| *end > now);
        }
        if until.len() >= MOST {
            let mut ends: Vec<i64> = until.values().copied().collect();
            let (_, middle, _) = ends.select_nth_unstable(MOST / 2);
            let middle = *middle;
            until.retain(|_, end| *end > middle);
        }
        // A refresh under way may still bring a token that lives a whole life from now.
        let end = now + session.access_life().max(60);
        until.insert(session.sid, end.max(session.access_until));
    }

    pub(crate) fn contains(&self, sid: &SessionTag) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(sid).is_some_and(|end| *end > self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use vestibule_types::Clock;

    use super::Ended;
    use crate::session::Session;

    #[test]
    fn a_session_stays_ended_until_no_token_of_it_can_be_alive() {
        let clock = Clock::stopped_at(1_000_000);
        let (ended, session) = (Ended::new(clock.clone()), Session::sample(1_000_000));
        assert!(!ended.contains(&session.sid));
        clock.advance(1700);
        ended.add(&session);
        clock.advance(1799);
        assert!(ended.contains(&session.sid));
        clock.advance(1);
        assert!(!ended.contains(&session.sid));
    }
}
