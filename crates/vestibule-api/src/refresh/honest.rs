//! An honest browser, two gateways and two API nodes in bad weather: nobody is ever signed out, and the
//! row keeps its promises (RF-01 to RF-10, F01 to F07, F12).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use proptest::prelude::*;

use super::Verdict;
use super::model::{ACCESS_LIFE, Answer, Attempt, BEGAN, Row, WEEK};
use crate::tokens::Place;

/// The part of an access token's life that a gateway keeps the answer to a refresh: 10 s of 30 min.
const FLIGHT: i64 = 180;
/// After so many seconds a refreshed cookie is not written any more (CK-08).
const LATE: i64 = 30;

/// Requests that a browser sends at once, `pause` seconds after the last time.
#[derive(Clone, Debug)]
struct Visit {
    pause: i64,
    tabs: Vec<Fate>,
    fault: Option<(i64, Fault)>,
}

/// What happens to one request on its way, in seconds.
#[derive(Clone, Debug)]
struct Fate {
    gateway: usize,
    node: usize,
    /// Until it reaches the gateway.
    stuck: i64,
    /// Between the reading of the row and the writing.
    thinking: i64,
    /// The API's answer never reaches the gateway.
    cut: bool,
    /// Until the gateway's answer reaches the browser; never, if `None`.
    answer: Option<i64>,
}

#[derive(Clone, Debug)]
enum Fault {
    GatewayClock(usize, i64),
    NodeClock(usize, i64),
    /// The database falls back by so many seconds.
    LostWrites(i64),
}

/// The gateway's cookie.
#[derive(Clone, Debug)]
struct Cookie {
    token: Place,
    /// When the gateway that sealed it wants a refresh, by its own clock.
    due_at: i64,
    /// When the API refuses the access token.
    access_until: i64,
    /// When it was made.
    made_at: i64,
}

enum Event {
    Send(Fate),
    Arrive(Fate, Cookie),
    Read(Fate, Cookie, usize),
    Write(Fate, Cookie, usize, Box<Attempt>),
    Deliver(Option<Cookie>),
    Fault(Fault),
}

#[derive(Default)]
struct Flight {
    started: i64,
    answer: Option<Option<Cookie>>,
    waiting: Vec<Option<i64>>,
}

struct World {
    row: Row,
    jar: Cookie,
    now: i64,
    access_life: i64,
    gateway_clocks: [i64; 2],
    node_clocks: [i64; 2],
    flights: [HashMap<String, Flight>; 2],
    events: BinaryHeap<Reverse<(i64, usize)>>,
    pending: HashMap<usize, Event>,
    scheduled: usize,
    refreshes: usize,
}

impl World {
    fn new(access_life: i64) -> Self {
        let (row, token) = Row::begun(access_life);
        let jar = Cookie {
            token,
            due_at: BEGAN + access_life * 5 / 6,
            access_until: BEGAN + access_life,
            made_at: BEGAN,
        };
        Self {
            row,
            jar,
            now: BEGAN,
            access_life,
            gateway_clocks: [0; 2],
            node_clocks: [0; 2],
            flights: Default::default(),
            events: BinaryHeap::new(),
            pending: HashMap::new(),
            scheduled: 0,
            refreshes: 0,
        }
    }

    fn play(mut self, visits: Vec<Visit>) -> usize {
        let mut at = BEGAN;
        for visit in visits {
            at += visit.pause;
            for fate in visit.tabs {
                self.at(at, Event::Send(fate));
            }
            if let Some((after, fault)) = visit.fault {
                self.at(at + after, Event::Fault(fault));
            }
        }
        while let Some(Reverse((at, number))) = self.events.pop() {
            self.now = at;
            if at > BEGAN + WEEK - 600 {
                break;
            }
            let event = self.pending.remove(&number).expect("each event happens once");
            self.happen(event);
            self.the_jar_is_good();
        }
        self.refreshes
    }

    fn at(&mut self, at: i64, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled)));
        self.pending.insert(self.scheduled, event);
    }

    fn after(&mut self, seconds: i64, event: Event) {
        self.at(self.now + seconds, event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Send(fate) => {
                let cookie = self.jar.clone();
                self.after(fate.stuck, Event::Arrive(fate, cookie));
            }
            Event::Arrive(fate, cookie) => self.arrive(fate, cookie),
            Event::Read(fate, cookie, tries) => {
                let clock = self.now + self.node_clocks[fate.node];
                let attempt = Box::new(self.row.read(&cookie.token, clock));
                self.after(fate.thinking, Event::Write(fate, cookie, tries, attempt));
            }
            Event::Write(fate, cookie, tries, attempt) => {
                match self.row.write(*attempt, self.now) {
                    None if tries < 8 => self.after(0, Event::Read(fate, cookie, tries + 1)),
                    Some(Answer::Over) => panic!("an honest browser was refused: {cookie:?}"),
                    Some(Answer::Tokens(token)) => self.land(&fate, &cookie, Some(token)),
                    None | Some(Answer::Stale) => {
                        self.land(&fate, &cookie, None);
                        // The gateway says 503, try again in a second.
                        let calm =
                            Fate { stuck: 0, thinking: 0, cut: false, answer: Some(0), ..fate };
                        self.after(1, Event::Send(calm));
                    }
                }
            }
            Event::Deliver(answer) => {
                if let Some(cookie) = answer {
                    let older = cookie.token.r#gen < self.jar.token.r#gen;
                    if !(older && self.now - cookie.made_at > LATE) {
                        self.jar = cookie;
                    }
                }
            }
            Event::Fault(fault) => {
                self.row.disturb();
                match fault {
                    Fault::GatewayClock(gateway, ahead) => self.gateway_clocks[gateway] = ahead,
                    Fault::NodeClock(node, ahead) => self.node_clocks[node] = ahead,
                    Fault::LostWrites(seconds) => self.row.lose(seconds, self.now),
                }
            }
        }
    }

    /// The gateway refreshes ahead of time by its own clock, or because the API refuses the access token;
    /// once for all who ask with one token.
    fn arrive(&mut self, fate: Fate, cookie: Cookie) {
        let clock = self.now + self.gateway_clocks[fate.gateway];
        let dead = self.now + self.node_clocks[fate.node] >= cookie.access_until;
        if clock < cookie.due_at && !dead {
            return;
        }
        let kept = 0..=(self.access_life / FLIGHT).max(1);
        let flights = &mut self.flights[fate.gateway];
        flights.retain(|_, flight| {
            flight.answer.is_none() || kept.contains(&(clock - flight.started))
        });
        if let Some(flight) = flights.get_mut(&cookie.token.jti) {
            match flight.answer.clone() {
                None => flight.waiting.push(fate.answer),
                Some(answer) => self.answer(fate.answer, answer),
            }
            return;
        }
        let waiting = vec![fate.answer];
        flights.insert(cookie.token.jti.clone(), Flight { started: clock, answer: None, waiting });
        self.refreshes += 1;
        self.after(0, Event::Read(fate, cookie, 1));
    }

    /// The API's answer reaches the gateway, or doesn't; an outage is not kept.
    fn land(&mut self, fate: &Fate, cookie: &Cookie, token: Option<Place>) {
        let clock = self.now + self.gateway_clocks[fate.gateway];
        let answer = token.filter(|_| !fate.cut).map(|token| Cookie {
            due_at: clock + self.access_life - self.lead(&token),
            access_until: self.now + self.node_clocks[fate.node] + self.access_life,
            made_at: self.now,
            token,
        });
        let flights = &mut self.flights[fate.gateway];
        let Some(mut flight) = flights.remove(&cookie.token.jti) else { return };
        for waiting in std::mem::take(&mut flight.waiting) {
            self.answer(waiting, answer.clone());
        }
        if answer.is_some() {
            flight.answer = Some(answer);
            self.flights[fate.gateway].insert(cookie.token.jti.clone(), flight);
        }
    }

    fn answer(&mut self, delay: Option<i64>, answer: Option<Cookie>) {
        if let Some(seconds) = delay {
            self.after(seconds, Event::Deliver(answer.clone()));
        }
    }

    /// Between a thirtieth and a sixth of the life, by the token (RF-13).
    fn lead(&self, token: &Place) -> i64 {
        let (least, most) = (self.access_life / 30, self.access_life / 6);
        let spread = token.jti.bytes().fold(7_i64, |sum, byte| sum * 31 + i64::from(byte));
        least + spread.rem_euclid(most - least + 1)
    }

    /// If nothing else happens, the cookie in the jar refreshes whenever it is next shown.
    fn the_jar_is_good(&self) {
        for pause in [1, 3_600, 6 * 86_400] {
            let verdict = self.row.verdict(&self.jar.token, self.now + pause);
            assert!(
                matches!(verdict, Verdict::Answer(_) | Verdict::Advance { .. }),
                "after {pause} s the jar's {:?} is {verdict:?} for {:?}",
                self.jar.token,
                self.row.line,
            );
        }
    }
}

fn any_pause(access_life: i64) -> impl Strategy<Value = i64> {
    let life = access_life;
    prop_oneof![
        6 => 0..life / 120 + 2,
        4 => life / 120..life / 6,
        12 => life * 2 / 3..life + 1,
        4 => life..4 * life,
        1 => 4 * life..6 * 86_400,
    ]
}

fn any_fate(stuck: i64, late: i64) -> impl Strategy<Value = Fate> {
    let thinking = prop_oneof![3 => Just(0), 1 => 0..=stuck.min(2)];
    let stuck = prop_oneof![6 => Just(0), 3 => 0..=stuck.min(2), 2 => 0..=stuck];
    let answer = prop_oneof![
        6 => Just(Some(0)),
        3 => (0..=late.min(12)).prop_map(Some),
        2 => (0..=late).prop_map(Some),
        2 => Just(None),
    ];
    let cut = prop::bool::weighted(0.1);
    (0..2_usize, 0..2_usize, stuck, thinking, cut, answer).prop_map(
        |(gateway, node, stuck, thinking, cut, answer)| Fate {
            gateway,
            node,
            stuck,
            thinking,
            cut,
            answer,
        },
    )
}

fn lost_writes() -> impl Strategy<Value = Fault> {
    (1..4_i64).prop_map(Fault::LostWrites)
}

fn wrong_clocks() -> impl Strategy<Value = Fault> {
    let ahead = prop_oneof![Just(0), Just(7_200_i64)];
    let behind = prop_oneof![Just(0), Just(-90_i64), -3..0_i64];
    prop_oneof![
        (0..2_usize, ahead).prop_map(|(gateway, ahead)| Fault::GatewayClock(gateway, ahead)),
        (0..2_usize, behind).prop_map(|(node, behind)| Fault::NodeClock(node, behind)),
    ]
}

fn often(fault: impl Strategy<Value = Fault> + 'static) -> Faults {
    prop::option::weighted(0.3, (0..4_i64, fault)).boxed()
}

type Faults = BoxedStrategy<Option<(i64, Fault)>>;

fn any_visits(
    life: i64,
    stuck: i64,
    late: i64,
    fault: Faults,
) -> impl Strategy<Value = Vec<Visit>> {
    let tabs = prop::collection::vec(any_fate(stuck, late), 1..5);
    let visit = (any_pause(life), tabs, fault).prop_map(|(pause, tabs, fault)| Visit {
        pause,
        tabs,
        fault,
    });
    prop::collection::vec(visit, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(250) })]

    #[test]
    fn rf_03_lost_late_and_parallel_answers_sign_nobody_out(
        visits in any_visits(ACCESS_LIFE, 90, 200, Just(None).boxed()),
    ) {
        World::new(ACCESS_LIFE).play(visits);
    }

    #[test]
    fn rf_10_nor_do_lost_writes(visits in any_visits(ACCESS_LIFE, 90, 200, often(lost_writes()))) {
        World::new(ACCESS_LIFE).play(visits);
    }

    #[test]
    fn rf_07_nor_do_wrong_clocks_on_top(
        visits in any_visits(ACCESS_LIFE, 40, 30, often(prop_oneof![lost_writes(), wrong_clocks()])),
    ) {
        World::new(ACCESS_LIFE).play(visits);
    }

    #[test]
    fn rf_03_nor_do_lost_answers_and_writes_when_access_lives_five_minutes(
        visits in any_visits(300, 40, 60, often(lost_writes())),
    ) {
        World::new(300).play(visits);
    }

    #[test]
    fn rf_03_nor_when_it_lives_twelve_seconds(
        visits in any_visits(12, 1, 2, often(lost_writes())),
    ) {
        World::new(12).play(visits);
    }
}
