//! People who stay signed in, whatever happens: nothing but an outage may come between them and the site.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use http::header;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::browser::{Answer, Browser, From};
use crate::cluster::{GATEWAYS, WITH_UI};
use crate::dice::Dice;
use crate::record::Promise;
use crate::{Failure, World};

/// After a fault, how long until everything has to work again.
const SETTLING: Duration = Duration::from_secs(5);

/// What becomes of some requests while faults are on.
pub(crate) const UNANSWERED: &str =
    "honest requests without an answer (502 to 504, broken, over 8 s)";

const PASSWORD: &str = "Str1ngst!";

pub(crate) struct Honest {
    world: Arc<World>,
    username: String,
    browser: Browser,
    /// Names that this person gave himself, in order.
    names: Mutex<Vec<Name>>,
    is_lost: Mutex<bool>,
}

#[derive(Debug)]
struct Name {
    text: String,
    sent: Instant,
    is_acknowledged: bool,
}

/// How long after it was sent a change may still reach the database.
const LATEST: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
enum Errand {
    /// A script asks who this is.
    Me,
    /// The person goes to a guarded page.
    Page,
    /// A script changes the name.
    Rename(String),
}

impl Honest {
    /// Registers and signs in, before anything happens.
    pub(crate) async fn arrive(world: &Arc<World>, number: usize) -> Result<Arc<Self>, Failure> {
        let browser = Browser::new(world);
        let username = world.new_name("h");
        let gateway = number % GATEWAYS;
        if !browser.register(gateway, &username, PASSWORD).await {
            return Err(format!("{username} could not register").into());
        }
        world.account_made(&username, PASSWORD);
        let answer = browser.sign_in(gateway, &username, PASSWORD).await;
        if answer.is_none_or(|answer| answer.status != 303) {
            return Err(format!("{username} could not sign in").into());
        }
        world.record.checks(Promise::HonestKept, 1);
        Ok(Arc::new(Self {
            world: world.clone(),
            username,
            browser,
            names: Mutex::new(vec![Name {
                text: "Ada Lovelace".to_owned(),
                sent: Instant::now(),
                is_acknowledged: true,
            }]),
            is_lost: Mutex::new(false),
        }))
    }

    /// Uses the site until then: bursts of requests to any gateway, and pauses.
    pub(crate) async fn live(self: Arc<Self>, seed: u64, until: Instant) {
        let mut dice = Dice::new(self.world.seed, seed);
        let mut running = JoinSet::new();
        let mut renames = 0;
        while Instant::now() < until && !self.is_lost() {
            for nth in 0..=dice.below(12) {
                let errand = match dice.below(20) {
                    // One at a time, or nobody could say which one came last.
                    0 if nth == 0 && running.is_empty() => {
                        renames += 1;
                        Errand::Rename(format!("Ada {renames}"))
                    }
                    0..12 => Errand::Me,
                    _ => Errand::Page,
                };
                let gateway = dice.below(GATEWAYS);
                let person = self.clone();
                running.spawn(async move { person.run(gateway, errand).await });
            }
            match dice.below(10) {
                // On to the next page: the browser drops what is still under way.
                0 => {
                    sleep(dice.millis(0, 300)).await;
                    running.abort_all();
                    while running.join_next().await.is_some() {}
                }
                // On, while some answers are still to come.
                1..4 => drop(running.join_next().await),
                _ => while running.join_next().await.is_some() {},
            }
            let pause = match dice.below(12) {
                0 => Duration::from_secs(20),
                1..4 => Duration::ZERO,
                _ => dice.millis(0, 8_000),
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.world.rush.notified() => {}
                () = sleep_until(until) => {}
            }
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }

    async fn run(&self, gateway: usize, errand: Errand) {
        let began = Instant::now();
        let (sid, shown) = self.browser.place();
        let answer = match &errand {
            Errand::Me => self.browser.get(gateway, From::Script, "/api/v1/user/me").await,
            Errand::Page => self.browser.get(gateway, From::Navigation, "/dashboard").await,
            Errand::Rename(name) => self.rename(gateway, name).await,
        };
        let status = answer.as_ref().map(|answer| answer.status);
        let line = format!(
            "gateway {}: {errand:?} with {shown}: {status:?} after {:.1?}",
            gateway + 1,
            began.elapsed()
        );
        self.world.record.tell(&sid, &line);
        self.judge(gateway, &errand, began, answer.as_ref());
    }

    async fn rename(&self, gateway: usize, name: &str) -> Option<Answer> {
        let new = Name { text: name.to_owned(), sent: Instant::now(), is_acknowledged: false };
        self.names().push(new);
        let request = Request::patch(format!("/api/v1/user/{}", self.username))
            .header(header::CONTENT_TYPE, "application/json");
        let body = json!({"name": name}).to_string();
        let answer = self.browser.send(gateway, From::Script, request, body).await;
        if answer.as_ref().is_some_and(|answer| answer.status == 200) {
            self.names().iter_mut().filter(|new| new.text == name).for_each(|new| {
                new.is_acknowledged = true;
            });
            self.world.record.count("changes acknowledged");
        }
        answer
    }

    fn judge(&self, gateway: usize, errand: &Errand, began: Instant, answer: Option<&Answer>) {
        let (record, now) = (&self.world.record, Instant::now());
        record.count("honest requests");
        let is_outage = answer.is_none_or(Answer::is_outage);
        if is_outage {
            record.count(UNANSWERED);
        }
        if record.was_calm(began, now, SETTLING) {
            record.checks(Promise::CalmMeansUp, 1);
            if is_outage {
                let said = answer.map(|answer| (answer.status, brief(&answer.body)));
                let why =
                    format!("{} at gateway {}: {errand:?}: {said:?}", self.username, gateway + 1);
                record.breaks(Promise::CalmMeansUp, why, Some(&self.browser.sid()));
            }
        }
        let Some(answer) = answer.filter(|answer| !answer.is_outage()) else { return };
        record.checks(Promise::NobodyRefused, 1);
        if answer.status != 200 {
            let why = format!(
                "{} at gateway {}: {errand:?}: {} {} {}",
                self.username,
                gateway + 1,
                answer.status,
                answer.location(),
                brief(&answer.body),
            );
            record.breaks(Promise::NobodyRefused, why, Some(&self.browser.sid()));
        }
        if self.browser.deleted() > 0 {
            self.lose(&format!("gateway {} deleted the cookie", gateway + 1));
        }
        let is_right = match errand {
            _ if answer.status != 200 => return,
            Errand::Me => answer.json()["username"].as_str() == Some(&self.username),
            Errand::Page if gateway == WITH_UI => return,
            Errand::Page => answer.body.contains(&self.username),
            Errand::Rename(_) => return,
        };
        record.check(Promise::NobodyMixedUp, is_right, || {
            format!("{}: {errand:?}: {}", self.username, brief(&answer.body))
        });
    }

    /// Whether each gateway still lets this person in, now that all is well.
    pub(crate) async fn check(&self) {
        for gateway in 0..GATEWAYS {
            let answer = self.browser.get(gateway, From::Navigation, "/dashboard").await;
            let status = answer.as_ref().map(|answer| answer.status);
            if status != Some(200) || self.browser.deleted() > 0 {
                self.lose(&format!("at the end gateway {} answers {status:?}", gateway + 1));
            }
        }
        let sql = format!("SELECT name FROM users WHERE username = '{}'", self.username);
        let stored = self.world.cluster.sql(&sql);
        let names = self.possible_names();
        let is_kept = stored.len() == 1 && names.contains(&stored[0]);
        self.world.record.check(Promise::ChangeKept, is_kept, || {
            format!("{} is called {stored:?}, not {names:?}", self.username)
        });
    }

    /// The name acknowledged last, or one of whose fate nobody knows that may have come after it.
    fn possible_names(&self) -> Vec<String> {
        let names = self.names();
        let last = names.iter().rfind(|name| name.is_acknowledged).expect("the first one is");
        let after =
            names.iter().filter(|name| !name.is_acknowledged && name.sent + LATEST > last.sent);
        after.chain([last]).map(|name| name.text.clone()).collect()
    }

    fn lose(&self, why: &str) {
        let mut is_lost = self.is_lost.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_lost {
            *is_lost = true;
            let why = format!("{} ({}): {why}", self.username, self.browser.sid());
            self.world.record.breaks(Promise::HonestKept, why, Some(&self.browser.sid()));
        }
    }

    fn is_lost(&self) -> bool {
        *self.is_lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, Vec<Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a text.
fn brief(text: &str) -> &str {
    text.get(..200).unwrap_or(text)
}
