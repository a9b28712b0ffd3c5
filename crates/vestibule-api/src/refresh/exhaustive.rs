//! Two tabs of an honest browser on one session, and everything that can happen to them in every order:
//! a breadth-first search over all states until there is no new one (RF-03, RF-08, RF-10).

use std::collections::{HashSet, VecDeque};

use super::model::ACCESS_LIFE;
use super::{Line, Times, Verdict, Windows, decide};
use crate::tokens::Place;

/// No rule looks back further than this, in seconds: all older is alike.
const LONG_AGO: i64 = 241;
/// As soon as a cookie is this old, the gateway refreshes it.
const DUE: i64 = 1500;
/// After so many seconds a refreshed cookie is not written any more (CK-08).
const LATE: i64 = 30;

/// What is allowed to happen.
#[derive(Clone, Copy)]
struct Rules {
    /// How long the clock may be moved at once.
    steps: &'static [i64],
    /// How long a request may be under way, and its answer again.
    patience: i64,
    /// The clock of one of the two gateways is hours ahead: it refreshes every cookie of the other at once.
    skewed: bool,
}

#[derive(Clone)]
struct World {
    now: i64,
    ids: u32,
    line: Line,
    /// Lines that a failover at this very second would bring back.
    undo: Vec<Line>,
    /// How many failovers there may still be.
    failovers: i64,
    jar: Place,
    due: bool,
    /// Whether the gateway that is ahead has sealed it.
    ahead: bool,
    tabs: [Tab; 2],
}

#[derive(Clone)]
enum Tab {
    Idle,
    Asking(Flight),
    Answered(Flight),
}

/// A token on its way by one of the gateways.
#[derive(Clone)]
struct Flight {
    token: Place,
    since: i64,
    ahead: bool,
}

impl World {
    fn begun() -> Self {
        let jar = Place { jti: "0".into(), prt: String::new(), r#gen: 0, iat: 0 };
        let line = Line {
            r#gen: 0,
            parent: "0".into(),
            prev: String::new(),
            confirmed_at: 0,
            child: String::new(),
            child_at: 0,
        };
        let tabs = [Tab::Idle, Tab::Idle];
        Self {
            now: DUE,
            ids: 0,
            line,
            undo: vec![],
            failovers: 1,
            jar,
            due: true,
            ahead: false,
            tabs,
        }
    }

    /// All that can happen next.
    fn next(&self, rules: Rules) -> Vec<Self> {
        let tabs = (0..2).flat_map(|tab| self.in_tab(tab, rules));
        let steps = rules.steps.iter().filter_map(|step| self.later(*step, rules));
        tabs.chain(steps).chain(self.failed_over()).collect()
    }

    fn in_tab(&self, tab: usize, rules: Rules) -> Vec<Self> {
        let with = |state: Tab| {
            let mut world = self.clone();
            world.tabs[tab] = state;
            world
        };
        match &self.tabs[tab] {
            Tab::Idle => [false, true]
                .into_iter()
                .filter(|ahead| {
                    self.due && (!ahead || rules.skewed) || *ahead && self.is_early(rules)
                })
                .map(|ahead| Flight { token: self.jar.clone(), since: self.now, ahead })
                .map(|flight| with(Tab::Asking(flight)))
                .collect(),
            Tab::Asking(flight) => {
                let mut world = with(Tab::Idle);
                if let Some(token) = world.refresh(&flight.token) {
                    world.tabs[tab] = Tab::Answered(Flight { token, since: self.now, ..*flight });
                }
                vec![with(Tab::Idle), world]
            }
            Tab::Answered(Flight { token, since, ahead }) => {
                let mut world = with(Tab::Idle);
                if token.r#gen >= self.jar.r#gen || self.now - since <= LATE {
                    (world.jar, world.due, world.ahead) = (token.clone(), false, *ahead);
                }
                vec![with(Tab::Idle), world]
            }
        }
    }

    /// Whether the gateway that is ahead takes the jar's cookie for an old one.
    fn is_early(&self, rules: Rules) -> bool {
        rules.skewed && !self.ahead
    }

    fn refresh(&mut self, shown: &Place) -> Option<Place> {
        self.ids += 1;
        match self.verdict(shown) {
            Verdict::Answer(answer) => Some(answer),
            Verdict::Advance { line, answer, .. } => {
                self.undo.push(std::mem::replace(&mut self.line, line));
                Some(answer)
            }
            Verdict::Stale => None,
            Verdict::Copied => panic!("taken for a thief: {shown:?} at {:?}", self.line),
        }
    }

    fn verdict(&self, shown: &Place) -> Verdict {
        let windows = Windows::for_access_life(ACCESS_LIFE);
        decide(
            &self.line,
            shown,
            self.ids.to_string(),
            Times { shown: self.now, now: self.now },
            windows,
        )
    }

    fn later(&self, step: i64, rules: Rules) -> Option<Self> {
        let in_time = |tab: &Tab| match tab {
            Tab::Idle => true,
            Tab::Asking(flight) | Tab::Answered(flight) => {
                self.now + step - flight.since <= rules.patience
            }
        };
        self.tabs.iter().all(in_time).then(|| Self {
            now: self.now + step,
            due: self.due || step >= DUE,
            undo: vec![],
            ..self.clone()
        })
    }

    fn failed_over(&self) -> Option<Self> {
        let mut world = self.clone();
        world.line = world.undo.pop()?;
        world.failovers = self.failovers.checked_sub(1).filter(|left| *left >= 0)?;
        Some(world)
    }

    /// The same for worlds that differ in names and dates only.
    fn key(&self) -> Vec<i64> {
        let mut names: Vec<String> = vec![String::new()];
        let mut key = vec![
            i64::from(self.due),
            i64::from(self.ahead),
            self.failovers,
            i64::try_from(self.undo.len()).unwrap(),
        ];
        let mut name = |text: &String| {
            let known = names.iter().position(|name| name == text);
            let number = known.unwrap_or_else(|| {
                names.push(text.clone());
                names.len() - 1
            });
            i64::try_from(number).unwrap()
        };
        let age = |at: i64| (self.now - at).min(LONG_AGO);
        let r#gen = |of: i64| of - self.line.r#gen;
        for line in std::iter::once(&self.line).chain(&self.undo) {
            key.extend([name(&line.parent), name(&line.prev), name(&line.child)]);
            key.extend([
                r#gen(line.r#gen),
                age(line.confirmed_at).min(121),
                age(line.child_at).min(11),
            ]);
        }
        let mut place = |key: &mut Vec<i64>, of: &Place| {
            key.extend([name(&of.jti), name(&of.prt), r#gen(of.r#gen), age(of.iat)]);
        };
        place(&mut key, &self.jar);
        for tab in &self.tabs {
            let (kind, flight) = match tab {
                Tab::Idle => (0, None),
                Tab::Asking(flight) => (1, Some(flight)),
                Tab::Answered(flight) => (2, Some(flight)),
            };
            key.push(kind);
            if let Some(flight) = flight {
                place(&mut key, &flight.token);
                key.extend([age(flight.since), i64::from(flight.ahead)]);
            }
        }
        key
    }
}

/// Visits all states there are; how many.
fn search(rules: Rules) -> usize {
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([World::begun()]);
    while let Some(world) = queue.pop_front() {
        if !seen.insert(world.key()) {
            continue;
        }
        assert!(
            matches!(world.verdict(&world.jar), Verdict::Answer(_) | Verdict::Advance { .. }),
            "the jar's {:?} is refused at {:?}",
            world.jar,
            world.line,
        );
        queue.extend(world.next(rules));
    }
    seen.len()
}

#[test]
fn rf_03_in_no_order_of_events_is_the_newest_cookie_refused() {
    let states = search(Rules { steps: &[11, 121, DUE], patience: 200, skewed: false });
    println!("{states} states");
    assert!(states > 50_000, "{states} states: the search has lost its way");
}

#[test]
fn rf_07_nor_when_a_gateway_refreshes_every_cookie_at_once() {
    let states = search(Rules { steps: &[11, 241, DUE], patience: 22, skewed: true });
    println!("{states} states");
    assert!(states > 50_000, "{states} states: the search has lost its way");
}
