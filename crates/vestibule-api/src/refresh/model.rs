//! One session as its row and the API's nodes have it, for tests that play browsers and thieves against
//! [`decide`]. It watches the row: whatever is played, a promise broken there panics.

use std::collections::HashMap;

use super::{Line, Times, Verdict, Windows, decide};
use crate::tokens::Place;

/// When the session begins, Unix seconds.
pub(super) const BEGAN: i64 = 1_000_000;
/// How long it lives, in seconds.
pub(super) const WEEK: i64 = 7 * 86_400;
/// How long an access token lives, in seconds, unless a test says otherwise.
pub(super) const ACCESS_LIFE: i64 = 1800;

/// What the caller of `POST /refresh` gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// 200
    Tokens(Place),
    /// 409
    Stale,
    /// 401: for good.
    Over,
}

/// A refresh between its reading of the row and its writing to it.
pub(super) struct Attempt {
    shown: Place,
    read: Line,
    verdict: Verdict,
}

/// The row of the session, and what has become of it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) line: Line,
    pub(super) copied: bool,
    windows: Windows,
    ids: u32,
    commits: Vec<Commit>,
    /// Which child of a token was confirmed.
    confirmed: HashMap<String, String>,
    /// Whether no write was lost and no clock differs: then steps are counted by the second.
    calm: bool,
}

#[derive(Clone)]
struct Commit {
    at: i64,
    before: Line,
    /// Parent of the token that was confirmed, if one was.
    confirmed: Option<String>,
}

impl Row {
    pub(super) fn begun(access_life: i64) -> (Self, Place) {
        let first = Place { jti: "t0".into(), prt: String::new(), r#gen: 0, iat: BEGAN };
        let line = Line {
            r#gen: 0,
            parent: "t0".into(),
            prev: String::new(),
            confirmed_at: BEGAN,
            child: String::new(),
            child_at: 0,
        };
        let windows = Windows::for_access_life(access_life);
        let (commits, confirmed) = (Vec::new(), HashMap::new());
        let row = Self { line, copied: false, windows, ids: 0, commits, confirmed, calm: true };
        (row, first)
    }

    /// From here on clocks may differ.
    pub(super) fn disturb(&mut self) {
        self.calm = false;
    }

    /// A whole refresh at a node whose clock is right.
    pub(super) fn show(&mut self, shown: &Place, now: i64) -> Answer {
        let attempt = self.read(shown, now);
        self.write(attempt, now).expect("nobody writes in between")
    }

    /// What `token` would get, and nothing done.
    pub(super) fn verdict(&self, token: &Place, now: i64) -> Verdict {
        decide(&self.line, token, "probe".into(), Times { shown: now, now }, self.windows)
    }

    /// First half of a refresh: the row is read, at a node whose clock says `clock`.
    pub(super) fn read(&mut self, shown: &Place, clock: i64) -> Attempt {
        self.ids += 1;
        let times = Times { shown: clock, now: clock };
        let verdict = decide(&self.line, shown, format!("t{}", self.ids), times, self.windows);
        Attempt { shown: shown.clone(), read: self.line.clone(), verdict }
    }

    /// Second half: it is written, by compare-and-swap. `None` if somebody else was faster.
    pub(super) fn write(&mut self, attempt: Attempt, now: i64) -> Option<Answer> {
        if self.copied {
            return Some(Answer::Over);
        }
        let Attempt { shown, read, verdict } = attempt;
        Some(match verdict {
            Verdict::Answer(answer) => {
                self.is_of_the_confirmed_line(&shown, &read);
                Answer::Tokens(answer)
            }
            Verdict::Advance { line, answer, .. } => {
                let key = |line: &Line| (line.r#gen, line.parent.clone(), line.child.clone());
                if key(&self.line) != key(&read) {
                    return None;
                }
                self.is_of_the_confirmed_line(&shown, &read);
                self.advance(&shown, line, now);
                Answer::Tokens(answer)
            }
            Verdict::Stale => Answer::Stale,
            Verdict::Copied => {
                self.copied = true;
                Answer::Over
            }
        })
    }

    /// Failover: the commits of the last `seconds` are gone.
    pub(super) fn lose(&mut self, seconds: i64, now: i64) {
        self.calm = false;
        while let Some(commit) = self.commits.pop_if(|commit| now - commit.at <= seconds) {
            self.line = commit.before;
            commit.confirmed.map(|parent| self.confirmed.remove(&parent));
        }
    }

    fn advance(&mut self, shown: &Place, line: Line, now: i64) {
        assert!(line.r#gen >= self.line.r#gen, "the generation went back");
        let step = line.r#gen > self.line.r#gen;
        let last = self.commits.iter().rev().find(|commit| commit.confirmed.is_some());
        if let Some(last) = last.filter(|_| step && self.calm) {
            let apart = now - last.at;
            assert!(apart > self.windows.child, "RF-07: two generations within {apart} s");
        }
        let confirmed = step.then(|| shown.prt.clone());
        if let Some(parent) = &confirmed {
            let other = self.confirmed.insert(parent.clone(), shown.jti.clone());
            assert_eq!(other, None, "a second child of {parent} was confirmed");
        }
        let before = std::mem::replace(&mut self.line, line);
        self.commits.push(Commit { at: now, before, confirmed });
    }

    /// Once a token is confirmed, a sibling of it gets no tokens, ever.
    fn is_of_the_confirmed_line(&self, shown: &Place, read: &Line) {
        // A refresh that had read the row before is as if it had come before.
        let rival = self.confirmed.get(&shown.prt).filter(|_| *read == self.line);
        let rival = rival.filter(|rival| **rival != shown.jti);
        assert_eq!(rival, None, "a sibling of a confirmed token got tokens");
    }
}
