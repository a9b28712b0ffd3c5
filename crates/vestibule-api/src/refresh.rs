//! Which refresh is answered, and with what: the rules R0 to R5 of ARCHITECTURE.md as one pure function.
//! R0 (revoked, expired, unknown, account gone) is asked in SQL, in the statement that writes.

use crate::tokens::Place;

/// What a session remembers of its refresh tokens: ids, never tokens. An empty id means "none".
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    /// Generation of `parent`.
    pub(crate) r#gen: i64,
    /// The last token that was confirmed, by use of it or of its child.
    pub(crate) parent: String,
    /// The one before it.
    pub(crate) prev: String,
    /// When `parent` replaced `prev`, Unix seconds.
    pub(crate) confirmed_at: i64,
    /// The successor first handed out for `parent`.
    pub(crate) child: String,
    /// When it was handed out, Unix seconds.
    pub(crate) child_at: i64,
}

/// What becomes of a refresh.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Answer the token at this place; the line stays as it is.
    Answer(Place),
    /// Store the line, then answer. `fast_forward` if the database had lost writes (R3).
    Advance { line: Line, answer: Place, fast_forward: bool },
    /// A straggler of a moment ago: 409, nothing else (R4).
    Stale,
    /// A copy is about: the session ends (R5).
    Copied,
}

/// How long the rules look back, in seconds. Stated for an access life of 30 minutes; they scale with it,
/// so that lives of seconds meet the same rules, and never fall under a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// The first child may be answered again for this long.
    child: i64,
    /// The previous token is a straggler for this long after it was replaced.
    prev: i64,
    /// A token younger than this does not yet kill its parent, and is a straggler where it is dead: its
    /// siblings may still be on their way.
    young: i64,
}

impl Windows {
    pub(crate) fn for_access_life(seconds: i64) -> Self {
        let scaled = |of_30_minutes: i64| (of_30_minutes * seconds / 1800).max(1);
        Self { child: scaled(10), prev: scaled(120), young: scaled(240) }
    }

    /// Whether a child that was decided on is too old to be handed out now.
    pub(crate) fn is_late(&self, decided: Times, now: i64) -> bool {
        now - decided.now > self.child
    }
}

/// When a token was shown, and what time it is by now: waiting for a database lies between. Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) shown: i64,
    pub(crate) now: i64,
}

/// Decides what the token at `shown` gets, `fresh` being a new id in case one is needed. What is handed out is
/// new now; whether a token came late is asked of the moment at which it was shown, so that nobody who had to
/// wait is taken for a thief.
pub(crate) fn decide(
    line: &Line,
    shown: &Place,
    fresh: String,
    times: Times,
    windows: Windows,
) -> Verdict {
    let now = times.now;
    let child_is_young = !line.child.is_empty() && now - line.child_at <= windows.child;
    let successor = |of: &Place| Place {
        jti: fresh.clone(),
        prt: of.jti.clone(),
        r#gen: of.r#gen + 1,
        iat: now,
    };

    // R1: the parent lives until a child of it is used.
    if shown.jti == line.parent {
        if line.child.is_empty() {
            let answer = successor(shown);
            let line = Line { child: answer.jti.clone(), child_at: now, ..line.clone() };
            return Verdict::Advance { line, answer, fast_forward: false };
        }
        if child_is_young {
            let answer = Place { jti: line.child.clone(), iat: line.child_at, ..successor(shown) };
            return Verdict::Answer(answer);
        }
        return Verdict::Answer(successor(shown));
    }

    // R2, R3: a child is used, so its parent dies; but not while answers to the parent may be on their way.
    let is_child = shown.prt == line.parent && shown.r#gen == line.r#gen + 1;
    let fast_forward = shown.r#gen >= line.r#gen + 2;
    if is_child || fast_forward {
        if times.shown - shown.iat <= windows.young {
            return Verdict::Answer(shown.clone());
        }
        let answer = successor(shown);
        let line = Line {
            r#gen: shown.r#gen,
            parent: shown.jti.clone(),
            // After a jump `line.parent` is long gone; what is on its way is the parent of `shown`.
            prev: shown.prt.clone(),
            confirmed_at: now,
            child: answer.jti.clone(),
            child_at: now,
        };
        return Verdict::Advance { line, answer, fast_forward };
    }

    // R4: it was on its way, or had to wait here, when a successor overtook it.
    let since = times.shown - line.confirmed_at;
    let just_replaced = since <= 0 || shown.jti == line.prev && since <= windows.prev;
    if just_replaced || times.shown - shown.iat <= windows.young {
        return Verdict::Stale;
    }
    Verdict::Copied
}

#[cfg(test)]
mod tests {
    use super::{Line, Times, Verdict, Windows, decide};
    use crate::tokens::Place;

    const LOGIN: i64 = 1_000_000;

    /// A session as its row sees it, and the tokens handed out by it.
    struct Session {
        line: Line,
        now: i64,
        ids: u32,
    }

    impl Session {
        fn begun() -> (Self, Place) {
            let first = Place { jti: "t0".into(), prt: String::new(), r#gen: 0, iat: LOGIN };
            let line = Line {
                r#gen: 0,
                parent: "t0".into(),
                prev: String::new(),
                confirmed_at: LOGIN,
                child: String::new(),
                child_at: 0,
            };
            (Self { line, now: LOGIN, ids: 0 }, first)
        }

        fn show(&mut self, token: &Place, after: i64) -> Verdict {
            self.now += after;
            self.ids += 1;
            let fresh = format!("t{}", self.ids);
            self.show_after_waiting(token, 0, fresh)
        }

        /// It was shown `waited` seconds ago.
        fn show_after_waiting(&mut self, token: &Place, waited: i64, fresh: String) -> Verdict {
            let times = Times { shown: self.now - waited, now: self.now };
            let verdict = decide(&self.line, token, fresh, times, Windows::for_access_life(1800));
            if let Verdict::Advance { line, .. } = &verdict {
                self.line = line.clone();
            }
            verdict
        }

        fn refresh(&mut self, token: &Place, after: i64) -> Place {
            match self.show(token, after) {
                Verdict::Answer(place) | Verdict::Advance { answer: place, .. } => place,
                refused => panic!("{refused:?}"),
            }
        }
    }

    #[test]
    fn rf_01_each_refresh_yields_a_successor_and_using_it_kills_the_parent() {
        let (mut session, first) = Session::begun();
        let second = session.refresh(&first, 1700);
        assert_eq!((second.r#gen, second.prt.as_str()), (1, "t0"));
        let third = session.refresh(&second, 1700);
        assert_eq!(third.r#gen, 2);
        assert_eq!(session.show(&first, 1700), Verdict::Copied);
    }

    #[test]
    fn rf_04_parallel_presentations_get_the_same_child_for_ten_seconds() {
        let (mut session, first) = Session::begun();
        let child = session.refresh(&first, 1700);
        assert_eq!(session.refresh(&first, 3), child);
        assert_eq!(session.refresh(&first, 7), child);
        assert_ne!(session.refresh(&first, 1).jti, child.jti);
    }

    #[test]
    fn rf_03_a_lost_answer_logs_nobody_out_however_late_the_retry() {
        for pause in [1, 11, 3600, 6 * 86_400] {
            let (mut session, first) = Session::begun();
            let _lost = session.refresh(&first, 1700);
            let again = session.refresh(&first, pause);
            let next = session.refresh(&again, 1700);
            assert!(
                matches!(session.show(&next, 1700), Verdict::Advance { .. }),
                "after {pause} s"
            );
        }
    }

    #[test]
    fn rf_05_a_late_sibling_is_not_stored_and_does_not_renew_the_window() {
        let (mut session, first) = Session::begun();
        session.refresh(&first, 1700);
        let before = session.line.clone();
        let one = session.refresh(&first, 11);
        let other = session.refresh(&first, 1);
        assert_ne!(one.jti, other.jti);
        assert_eq!(session.line, before);
    }

    #[test]
    fn rf_07_a_child_that_comes_back_within_four_minutes_is_answered_with_itself() {
        let (mut session, first) = Session::begun();
        let child = session.refresh(&first, 1700);
        let sibling = session.refresh(&first, 11);
        assert_eq!(session.refresh(&child, 0), child);
        assert_eq!(session.refresh(&child, 229), child);
        assert_eq!(session.refresh(&sibling, 0), sibling);
        assert_eq!(session.line.r#gen, 0);
        assert_ne!(session.refresh(&child, 1), child);
        assert_eq!(session.line.r#gen, 1);
    }

    /// Two tabs get siblings; a gateway whose clock is ahead shows the first of them at once; then the
    /// second reaches the jar.
    #[test]
    fn rf_07_the_sibling_that_came_last_is_good_though_another_was_shown_meanwhile() {
        let (mut session, first) = Session::begun();
        let one = session.refresh(&first, 1700);
        let other = session.refresh(&first, 11);
        session.refresh(&one, 6);
        assert!(matches!(session.show(&other, 1700), Verdict::Advance { .. }));
    }

    #[test]
    fn rf_08_a_straggler_is_stale_and_ends_nothing() {
        let (mut session, first) = Session::begun();
        let second = session.refresh(&first, 1700);
        let _third = session.refresh(&second, 1700);
        assert_eq!(session.show(&first, 119), Verdict::Stale);
        assert_eq!(session.show(&first, 2), Verdict::Copied);
    }

    #[test]
    fn rf_08_a_token_younger_than_four_minutes_is_stale_never_a_copy() {
        let (mut session, first) = Session::begun();
        let second = session.refresh(&first, 1700);
        let sibling = session.refresh(&first, 241);
        session.refresh(&second, 0);
        assert_eq!(session.show(&sibling, 240), Verdict::Stale);
        assert_eq!(session.show(&sibling, 1), Verdict::Copied);
    }

    /// A database that was away for ten minutes, and meanwhile the browser went on elsewhere.
    #[test]
    fn rf_08_who_had_to_wait_here_is_no_thief() {
        let (mut session, first) = Session::begun();
        let second = session.refresh(&first, 1700);
        let third = session.refresh(&second, 1700);
        let _fourth = session.refresh(&third, 1700);
        session.now += 600;
        let before = session.line.clone();
        assert_eq!(session.show_after_waiting(&first, 600, "x".into()), Verdict::Stale);
        assert_eq!(session.line, before);
        assert_eq!(session.show_after_waiting(&first, 599, "x".into()), Verdict::Copied);
    }

    #[test]
    fn what_is_handed_out_after_waiting_is_new() {
        let (mut session, first) = Session::begun();
        session.now += 1700;
        let Verdict::Advance { answer, line, .. } =
            session.show_after_waiting(&first, 300, "x".into())
        else {
            panic!("not answered")
        };
        assert_eq!((answer.iat, line.child_at), (LOGIN + 1700, LOGIN + 1700));
    }

    #[test]
    fn rf_10_a_generation_the_database_lost_moves_the_session_forward() {
        let (mut session, first) = Session::begun();
        let lost = session.line.clone();
        let second = session.refresh(&first, 1700);
        let third = session.refresh(&second, 1700);
        session.line = lost;
        let verdict = session.show(&third, 1700);
        assert!(matches!(verdict, Verdict::Advance { fast_forward: true, .. }), "{verdict:?}");
    }

    #[test]
    fn rf_10_after_such_a_jump_the_token_before_is_a_straggler() {
        let (mut session, first) = Session::begun();
        let lost = session.line.clone();
        let second = session.refresh(&first, 1700);
        let third = session.refresh(&second, 1700);
        session.line = lost;
        session.refresh(&third, 1700);
        assert_eq!(session.show(&second, 120), Verdict::Stale);
    }

    #[test]
    fn rf_15_a_client_that_never_stores_the_rotated_token_keeps_working() {
        let (mut session, first) = Session::begun();
        for _ in 0..300 {
            session.refresh(&first, 1800);
        }
    }

    #[test]
    fn windows_scale_with_the_access_life_and_have_a_floor() {
        let of = |life| {
            let windows = Windows::for_access_life(life);
            (windows.child, windows.prev, windows.young)
        };
        assert_eq!(of(1800), (10, 120, 240));
        assert_eq!(of(360), (2, 24, 48));
        assert_eq!(of(4), (1, 1, 1));
    }
}

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod honest;
#[cfg(test)]
mod model;
#[cfg(test)]
mod thieves;
