//! A thief with a copy of the cookie, four ways to use it, and how long until both are found out (RF-06).

use super::model::{ACCESS_LIFE, Answer, BEGAN, Row};
use crate::tokens::Place;

/// How many thefts are played for each strategy.
const THEFTS: u64 = 200;
/// A thief who is not found in this time is not found.
const PATIENCE: i64 = 12 * 3_600;

/// So many seconds after a refresh the browser refreshes again, at the earliest and at the latest (RF-13),
/// when somebody clicks every 20 s.
const EARLIEST: i64 = ACCESS_LIFE - ACCESS_LIFE / 6;
const LATEST: i64 = ACCESS_LIFE - ACCESS_LIFE / 30 + 20;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Strategy {
    /// Refreshes at moments of its own, like any client.
    LikeAClient,
    /// Refreshes at once, and from then on as late as possible.
    AtOnceThenLate,
    /// Asks every second while the browser might refresh, in the hope of the same child.
    Polls,
    /// Never uses its newest token, always the one before.
    OneStepBehind,
}

/// Chances, the same for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    /// A number from `least` to `most`.
    fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        least + i64::try_from(bits % (most - least + 1).unsigned_abs()).unwrap()
    }
}

/// Who has the cookie: the browser, which refreshes 60 to 300 s before expiry (RF-13).
struct Browser {
    token: Place,
    next: i64,
    refreshed: bool,
}

impl Browser {
    fn act(&mut self, row: &mut Row, now: i64, chance: &mut Chance) {
        match row.show(&self.token, now) {
            Answer::Tokens(token) => {
                self.token = token;
                self.refreshed = true;
                self.next = now + chance.between(EARLIEST, LATEST);
            }
            Answer::Stale => self.next = now + 1,
            Answer::Over => {}
        }
    }
}

struct Thief {
    strategy: Strategy,
    /// All it ever had; the last is what it shows next.
    tokens: Vec<Place>,
    next: i64,
    /// Between when and when the browser has refreshed last, as far as the thief knows.
    browser_at: (i64, i64),
    refreshed: bool,
}

impl Thief {
    fn new(strategy: Strategy, token: Place, now: i64, chance: &mut Chance) -> Self {
        let browser_at = (token.iat, token.iat);
        let next = match strategy {
            Strategy::LikeAClient | Strategy::OneStepBehind => now + chance.between(1, ACCESS_LIFE),
            Strategy::AtOnceThenLate => now,
            Strategy::Polls => (token.iat + EARLIEST).max(now),
        };
        let tokens = vec![token];
        Self { strategy, tokens, next, browser_at, refreshed: false }
    }

    fn act(&mut self, row: &mut Row, now: i64, chance: &mut Chance) {
        let answer = row.show(self.shown(), now);
        let Answer::Tokens(token) = answer else {
            self.next = now + 1;
            if self.strategy == Strategy::Polls && self.tokens.len() > 1 {
                self.follow((now, now));
            }
            return;
        };
        self.refreshed = true;
        let like_a_client = now + chance.between(EARLIEST, LATEST);
        self.next = match self.strategy {
            Strategy::LikeAClient | Strategy::OneStepBehind => like_a_client,
            Strategy::AtOnceThenLate => now + ACCESS_LIFE - 1,
            Strategy::Polls => return self.poll(token, now),
        };
        self.tokens.push(token);
    }

    /// The newest token it has; or, of one step behind, the newest that has a successor.
    fn shown(&self) -> &Place {
        let newest = self.tokens.last().expect("it has stolen one");
        match self.strategy {
            Strategy::OneStepBehind => {
                let older = self.tokens.iter().filter(|token| token.r#gen < newest.r#gen);
                older.max_by_key(|token| token.r#gen).unwrap_or(newest)
            }
            Strategy::Polls => self.tokens.first().expect("it has stolen one"),
            _ => newest,
        }
    }

    /// Shows the same token all through the time in which the browser shows it too. A child that was not
    /// made for one of its polls is the browser's as well: that one is kept, otherwise the first.
    fn poll(&mut self, child: Place, now: i64) {
        self.next = now + 1;
        let is_known = self.tokens.iter().any(|token| token.jti == child.jti);
        let is_shared = child.iat < now && !is_known;
        if is_shared || self.tokens.len() == 1 {
            self.tokens.truncate(1);
            self.tokens.push(child.clone());
        }
        let (from, until) = (self.browser_at.0 + EARLIEST, self.browser_at.1 + LATEST);
        if is_shared {
            self.follow((child.iat, child.iat));
        } else if now > until {
            self.follow((from, until));
        } else {
            return;
        }
        self.next = (self.browser_at.0 + EARLIEST).max(now + 1);
    }

    /// The browser has refreshed: from now on the thief shows the child.
    fn follow(&mut self, browser_at: (i64, i64)) {
        self.tokens.remove(0);
        self.browser_at = browser_at;
    }
}

/// Seconds from the moment when both have refreshed to the moment when they are found out.
fn theft(strategy: Strategy, seed: u64) -> Option<i64> {
    let mut chance = Chance(seed);
    let (mut row, token) = Row::begun(ACCESS_LIFE);
    let mut browser = Browser { token, next: BEGAN + 1_600, refreshed: false };
    let stolen_at = BEGAN + chance.between(0, 4 * ACCESS_LIFE);
    while browser.next <= stolen_at {
        browser.act(&mut row, browser.next, &mut chance);
    }
    browser.refreshed = false;
    let mut thief = Thief::new(strategy, browser.token.clone(), stolen_at, &mut chance);
    let mut both_at = None;
    while !row.copied {
        let now = browser.next.min(thief.next);
        if now > stolen_at + PATIENCE {
            return None;
        }
        // Who comes first within a second is a matter of chance.
        if browser.next < thief.next || browser.next == now && chance.between(0, 1) == 0 {
            browser.act(&mut row, now, &mut chance);
        } else {
            thief.act(&mut row, now, &mut chance);
        }
        if browser.refreshed && thief.refreshed {
            both_at = both_at.or(Some(now));
        }
        if row.copied {
            return Some(now - both_at.unwrap_or(now));
        }
    }
    None
}

/// What is measured over all thefts, in access lives.
struct Measured {
    median: f64,
    /// Share found within two lives.
    in_two: f64,
    found: f64,
}

fn measure(strategy: Strategy) -> Measured {
    let times: Vec<Option<i64>> = (0..THEFTS).map(|seed| theft(strategy, seed)).collect();
    let mut found: Vec<i64> = times.iter().flatten().copied().collect();
    found.sort_unstable();
    let lives = |seconds: i64| seconds as f64 / ACCESS_LIFE as f64;
    let at = |part: f64| {
        let index = ((times.len() - 1) as f64 * part) as usize;
        found.get(index).map_or(f64::INFINITY, |seconds| lives(*seconds))
    };
    let share = |count: usize| count as f64 / times.len() as f64;
    let in_two = share(found.iter().filter(|seconds| lives(**seconds) <= 2.0).count());
    println!(
        "{:<16} median {:.2}, 90 % {:.2}, 99 % {:.2}, worst {:.2} lives; in two lives {:.1} %, found {:.1} %",
        format!("{strategy:?}"),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        in_two * 100.0,
        share(found.len()) * 100.0,
    );
    Measured { median: at(0.5), in_two, found: share(found.len()) }
}

#[test]
fn rf_06_a_thief_is_found_within_two_access_lives_once_both_have_refreshed() {
    for strategy in [Strategy::LikeAClient, Strategy::AtOnceThenLate, Strategy::OneStepBehind] {
        let Measured { in_two, .. } = measure(strategy);
        assert!(in_two >= 0.99, "{strategy:?}: {in_two}");
    }
}

#[test]
fn rf_06_a_thief_who_polls_for_the_same_child_is_found_too() {
    let Measured { median, found, .. } = measure(Strategy::Polls);
    assert!(median <= 3.0, "{median} lives");
    assert!(found >= 1.0, "{found} found");
}
