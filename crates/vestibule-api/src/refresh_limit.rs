//! How many new refresh tokens one session may have, so that a stolen or a runaway client can't have tokens
//! made without end (RF-14). Each node counts for itself; a refusal ends nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::budget::Throttled;

/// Most new tokens of one session in a window.
const MOST: u32 = 30;

/// A window is this part of an access token's life: a minute of 30. It is never under a second.
const WINDOW: i64 = 30;

/// Most sessions remembered; beyond it windows that are over are forgotten, then half of the rest (RL-07).
const MOST_SESSIONS: usize = 100_000;

/// Counts new refresh tokens; `off` admits everything.
pub(crate) struct RefreshLimit {
    by_session: Option<Mutex<HashMap<String, Window>>>,
    seconds: i64,
}

struct Window {
    since: i64,
    yielded: u32,
}

impl RefreshLimit {
    pub(crate) fn new(on: bool, access_ttl: i64) -> Self {
        Self { by_session: on.then(Mutex::default), seconds: (access_ttl / WINDOW).max(1) }
    }

    /// Counts one more new token of the session `sid` at `now`, unless it has had its share.
    pub(crate) fn take(&self, sid: &str, now: i64) -> Result<(), Throttled> {
        let Some(by_session) = &self.by_session else { return Ok(()) };
        let mut by_session = by_session.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that steps back begins a new window: nobody waits for longer than one.
        let is_open = |window: &Window| (0..self.seconds).contains(&(now - window.since));
        make_room(&mut by_session, is_open);
        let window = by_session.entry(sid.to_owned()).or_insert(Window { since: now, yielded: 0 });
        if !is_open(window) {
            *window = Window { since: now, yielded: 0 };
        }
        if window.yielded == MOST {
            return Err(Throttled((window.since + self.seconds - now).unsigned_abs()));
        }
        window.yielded += 1;
        Ok(())
    }
}

fn make_room(by_session: &mut HashMap<String, Window>, is_open: impl Fn(&Window) -> bool) {
    if by_session.len() < MOST_SESSIONS {
        return;
    }
    by_session.retain(|_, window| is_open(window));
    if by_session.len() >= MOST_SESSIONS {
        let mut keep = false;
        by_session.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_SESSIONS, RefreshLimit, Throttled};

    const NOW: i64 = 1_000_000;

    fn spent(limit: &RefreshLimit, now: i64) {
        for _ in 0..30 {
            assert_eq!(limit.take("one", now), Ok(()));
        }
    }

    #[test]
    fn rf_14_a_session_has_30_new_tokens_a_minute_and_others_are_not_touched() {
        let limit = RefreshLimit::new(true, 1800);
        spent(&limit, NOW);
        assert_eq!(limit.take("one", NOW + 20), Err(Throttled(40)));
        assert_eq!(limit.take("one", NOW + 59), Err(Throttled(1)));
        assert_eq!(limit.take("other", NOW + 20), Ok(()));
        spent(&limit, NOW + 60);
    }

    #[test]
    fn rf_14_the_minute_scales_with_the_access_life_and_has_a_floor() {
        for (access_ttl, window) in [(1800, 60), (360, 12), (4, 1)] {
            let limit = RefreshLimit::new(true, access_ttl);
            spent(&limit, NOW);
            assert_eq!(limit.take("one", NOW + window - 1), Err(Throttled(1)), "{access_ttl}");
            spent(&limit, NOW + window);
        }
    }

    #[test]
    fn a_clock_that_steps_back_makes_nobody_wait() {
        let limit = RefreshLimit::new(true, 1800);
        spent(&limit, NOW);
        spent(&limit, NOW - 3600);
    }

    #[test]
    fn rl_07_it_remembers_a_bounded_number_of_sessions() {
        let limit = RefreshLimit::new(true, 1800);
        for number in 0..(MOST_SESSIONS + 5_000) {
            assert_eq!(limit.take(&number.to_string(), NOW), Ok(()));
        }
        let by_session = limit.by_session.unwrap().into_inner().unwrap();
        assert!(by_session.len() <= MOST_SESSIONS);
    }

    #[test]
    fn switched_off_it_admits_everything() {
        let limit = RefreshLimit::new(false, 1800);
        for _ in 0..100 {
            assert_eq!(limit.take("one", NOW), Ok(()));
        }
    }
}
