//! The way on for who is signed in and was sent to sign in all the same; and its end, should a page send him back each
//! time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Uri};

use crate::gateway::Gateway;
use crate::guard::see_other;
use crate::problem::Problem;
use crate::return_path::ReturnPath;
use crate::session::SessionTag;
use crate::visitor::Visitor;

/// How often each session was led to a page in quick succession, and when last. Every gateway counts for itself: behind
/// several, a circle is gone round that many times more.
#[derive(Debug, Default)]
pub(super) struct Led(Mutex<HashMap<(SessionTag, String), (u32, i64)>>);

/// So often in a row somebody is led to one page: less than half as often as browsers follow redirects, which are two a round.
const ROUNDS: u32 = 8;

/// Seconds between two rounds, at most; a person who comes later comes of his own will.
const APART: i64 = 5;

/// Most ways remembered (RL-07); beyond it nobody is stopped but by the browser.
const MOST: usize = 10_000;

impl Led {
    /// Whether `sid` may be led to `place` once more.
    fn admits(&self, sid: &SessionTag, place: &str, now: i64) -> bool {
        let mut ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |at: i64| now.saturating_sub(at) <= APART;
        if ways.len() >= MOST {
            ways.retain(|_, (_, at)| is_fresh(*at));
        }
        let way = (*sid, place.to_owned());
        if ways.len() >= MOST && !ways.contains_key(&way) {
            return true;
        }
        let (rounds, at) = ways.entry(way).or_insert((0, now));
        *rounds = if is_fresh(*at) { rounds.saturating_add(1) } else { 1 };
        *at = now;
        *rounds <= ROUNDS
    }
}

impl Gateway {
    /// 303 to `place` for a visitor with a session who was sent to `uri`, where those without one sign in; `None` for
    /// who has none. A page that sends him back at once each time is stopped with [`Problem::REDIRECT_LOOP`].
    pub fn lead_on(
        &self,
        visitor: &Visitor,
        place: &ReturnPath,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<Response> {
        let session = visitor.session()?;
        if !self.0.toward_ui.led.admits(&session.sid, place.as_str(), self.0.clock.now()) {
            tracing::warn!(
                from = uri.path(),
                "a page sends people who are signed in to sign in, each time: is it told who they are (--ui-session), and \
                 does its server code call this gateway?"
            );
            return Some(Problem::REDIRECT_LOOP.into_response());
        }
        Some(see_other(place.as_str().to_owned(), uri, headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_led_to_a_page_so_often_in_a_row_and_again_after_a_pause() {
        let (led, sid, other) =
            (Led::default(), SessionTag::random().unwrap(), SessionTag::random().unwrap());
        let round = |now| led.admits(&sid, "/a", now);
        assert!((0..8).all(round));
        assert!(!round(12));
        assert!(led.admits(&sid, "/b", 12) && led.admits(&other, "/a", 12));
        assert!(!round(17), "each round counts, also one that was stopped");
        assert!(round(23));
    }

    #[test]
    fn rl_07_no_more_ways_are_remembered_than_there_is_room_for() {
        let (led, sid) = (Led::default(), SessionTag::random().unwrap());
        for way in 0..MOST {
            led.admits(&sid, &way.to_string(), 0);
        }
        assert!((0..=ROUNDS).all(|_| led.admits(&sid, "/late", 0)));
        assert!(!(0..=ROUNDS).all(|_| led.admits(&sid, "/late", APART + 1)));
        assert_eq!(led.0.lock().unwrap().len(), 1);
    }
}
