//! People who sign out, or are signed out, and whoever has a copy of what they had.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, header};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::World;
use crate::browser::{Browser, From, PATIENCE, ask, with_origin};
use crate::cluster::{ACCESS_LIFE, GATEWAYS, NODES};
use crate::dice::Dice;
use crate::direct::{Direct, Tokens};
use crate::record::{Closing, Place, Promise};

const PASSWORD: &str = "Str1ngst!";
const NEW_PASSWORD: &str = "An0ther!pw";

/// How often a copy is shown again at one place.
const AGAIN: Duration = Duration::from_millis(120);

/// How long copies are shown: by then the last access token is dead.
const WATCHED: Duration = Duration::from_secs(ACCESS_LIFE + 3);

/// What a thief has: the sealed cookie, and what is in it.
#[derive(Clone)]
pub(crate) struct Copy {
    cookies: String,
    tokens: Tokens,
}

/// How a session ends.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The form of a gateway.
    Form,
    /// `POST /logout` at the API.
    Logout,
    /// From the list of sessions, by another session.
    List,
    /// All others at once.
    Others,
    Password,
    Account,
}

const WAYS: [Way; 8] = [
    Way::Form,
    Way::Form,
    Way::Form,
    Way::Logout,
    Way::List,
    Way::Others,
    Way::Password,
    Way::Account,
];

/// One person after the other registers, signs in, looks around and is signed out, until then.
pub(crate) async fn come_and_go(world: Arc<World>, seed: u64, until: Instant) {
    let mut dice = Dice::new(world.seed, seed);
    let mut watches = JoinSet::new();
    while Instant::now() < until {
        if let Some((way, copy, closed)) = one(&world, &mut dice).await {
            world.record.count("sign-outs acknowledged");
            world.record.tell(&copy.tokens.sid, &format!("{way:?} acknowledged"));
            watches.spawn(watch(world.clone(), copy, closed));
        }
        // The next one comes while the copies of the last are still shown.
        sleep(dice.millis(500, 3_000)).await;
        while watches.len() > 1 {
            watches.join_next().await;
        }
    }
    while watches.join_next().await.is_some() {}
}

/// A session that has ended: when that was acknowledged, by whom, and whether the API is known to know.
struct Closed {
    acknowledged: Instant,
    by: Place,
    is_known_to_api: bool,
}

async fn one(world: &Arc<World>, dice: &mut Dice) -> Option<(Way, Copy, Closed)> {
    let (username, browser) = (world.new_name("l"), Browser::new(world));
    let (gateway, node) = (dice.below(GATEWAYS), dice.below(NODES));
    if !browser.register(gateway, &username, PASSWORD).await {
        return None;
    }
    world.account_made(&username, PASSWORD);
    browser.sign_in(gateway, &username, PASSWORD).await;
    browser.session()?;
    for _ in 0..dice.below(5) {
        browser.get(dice.below(GATEWAYS), From::Navigation, "/dashboard").await;
        sleep(dice.millis(0, 2_500)).await;
    }
    // An outage before the end may have kept the newest tokens from the browser.
    let session = browser.session()?;
    let access = session.access.reveal().to_owned();
    let refresh = session.refresh?.reveal().to_owned();
    let tokens = Tokens { sid: browser.sid(), access, refresh };
    let copy = Copy { cookies: browser.cookies(), tokens };

    let way = WAYS[dice.below(WAYS.len())];
    let direct = Direct { world, node };
    let sid = copy.tokens.sid.as_str();
    world.may_end(&username);
    let other = match way {
        Way::Form | Way::Logout => None,
        _ => Some(direct.log_in(&username, PASSWORD).await?),
    };
    let answer = match (way, &other) {
        (Way::Logout, _) => direct.log_out(&copy.tokens).await,
        (Way::List, Some(other)) => direct.end_session(other, sid).await,
        (Way::Others, Some(other)) => direct.end_others(other).await,
        (Way::Password, Some(other)) => {
            world.account_changes(&username);
            let answer = direct.change_password(other, PASSWORD, NEW_PASSWORD).await;
            if answer.as_ref().is_some_and(|answer| answer.status == 200) {
                world.account_has(&username, NEW_PASSWORD);
            }
            answer
        }
        (Way::Account, Some(other)) => {
            world.account_changes(&username);
            direct.delete_account(other, &username).await
        }
        _ => browser.submit(gateway, "/logout", &[]).await,
    };
    let acknowledged = Instant::now();
    let is_known_to_api = !matches!(way, Way::Form) || world.cluster.balancer.ended(sid).is_some();
    let by = if matches!(way, Way::Form) { Place::Gateway(gateway) } else { Place::Node(node) };
    let expected = if matches!(way, Way::Form) { 303 } else { 200 };
    if answer?.status != expected {
        return None;
    }
    if is_known_to_api {
        world.ended_for_good(copy.clone());
    } else {
        world.record.count("sign-outs that the API was told of later");
    }
    Some((way, copy, Closed { acknowledged, by, is_known_to_api }))
}

/// Shows the copies everywhere, again and again, until they are dead anyway.
async fn watch(world: Arc<World>, copy: Copy, closed: Closed) {
    let mut places = JoinSet::new();
    let until = closed.acknowledged + WATCHED;
    let everywhere =
        (0..NODES).map(Place::Node).chain((0..GATEWAYS).map(Place::Gateway)).collect::<Vec<_>>();
    let all = if closed.is_known_to_api { everywhere } else { vec![closed.by] };
    for place in all {
        let (world, copy, since) = (world.clone(), copy.clone(), closed.acknowledged);
        places.spawn(async move { (place, accepted(&world, &copy, place, since, until).await) });
    }
    let mut accepted = Vec::new();
    while let Some(done) = places.join_next().await {
        let Ok((place, last)) = done else { continue };
        accepted.push((place, last));
        if place == closed.by && !was_restarted(&world, place, closed.acknowledged) {
            world.record.checks(Promise::ClosedAtOnce, 1);
            if last > Duration::ZERO {
                let why = format!("{place:?} let {} in {last:?} after", copy.tokens.sid);
                world.record.breaks(Promise::ClosedAtOnce, why, Some(&copy.tokens.sid));
            }
        }
    }
    if closed.is_known_to_api {
        world.record.close(Closing {
            sid: copy.tokens.sid.clone(),
            acknowledged: closed.acknowledged,
            accepted,
        });
    }
}

fn was_restarted(world: &World, place: Place, since: Instant) -> bool {
    match place {
        Place::Node(number) => world.cluster.nodes[number].was_ended_since(since),
        Place::Gateway(number) => world.cluster.gateways[number].was_ended_since(since),
    }
}

/// How long after `since` the copy was last shown with success at this place.
async fn accepted(
    world: &World,
    copy: &Copy,
    place: Place,
    since: Instant,
    until: Instant,
) -> Duration {
    let mut last = Duration::ZERO;
    let mut next = since;
    while next < until {
        sleep_until(next).await;
        let shown = Instant::now();
        next = shown + AGAIN;
        if is_let_in(world, copy, place).await {
            last = shown - since;
            let line = format!("{place:?} lets a copy in, {last:?} after the end");
            world.record.tell(&copy.tokens.sid, &line);
        }
        if let Place::Node(node) = place {
            check_refresh(world, copy, node).await;
        }
    }
    last
}

async fn is_let_in(world: &World, copy: &Copy, place: Place) -> bool {
    let answer = match place {
        Place::Node(node) => Direct { world, node }.me(&copy.tokens.access).await,
        Place::Gateway(gateway) => {
            let request = with_origin(world, From::Navigation, Request::get("/dashboard"));
            let request = request.header(header::COOKIE, &copy.cookies).body(Body::empty());
            let request = request.expect("a request of ours is legal");
            ask(&world.cluster.gateways[gateway].upstream, request, PATIENCE, |_| {}).await
        }
    };
    answer.is_some_and(|answer| answer.status == 200)
}

/// The database decides on each refresh, so there is no moment of grace.
async fn check_refresh(world: &World, copy: &Copy, node: usize) {
    let answer = Direct { world, node }.refresh(&copy.tokens.refresh).await;
    world.record.checks(Promise::RefreshClosed, 1);
    if answer.is_some_and(|answer| answer.status == 200) {
        let why = format!("node {node} renewed {}", copy.tokens.sid);
        world.record.breaks(Promise::RefreshClosed, why, Some(&copy.tokens.sid));
    }
}

/// At the end, long after: whether a copy opens anything again.
pub(crate) async fn show_again(world: &World, copy: &Copy) {
    for place in (0..NODES).map(Place::Node).chain((0..GATEWAYS).map(Place::Gateway)) {
        let is_in = is_let_in(world, copy, place).await;
        world.record.checks(Promise::ClosedForGood, 1);
        if is_in {
            let why = format!("{place:?} let {} in", copy.tokens.sid);
            world.record.breaks(Promise::ClosedForGood, why, Some(&copy.tokens.sid));
        }
    }
    check_refresh(world, copy, 0).await;
}

impl Copy {
    pub(crate) fn sid(&self) -> &str {
        &self.tokens.sid
    }
}
