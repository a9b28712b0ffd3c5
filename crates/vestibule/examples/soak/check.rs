//! Afterwards, with all faults gone: what is left of everything that was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use tokio::time::Instant;

use crate::cluster::WITH_UI;
use crate::honest::Honest;
use crate::record::{Place, Promise};
use crate::{Failure, World, leavers, newcomers};

/// A gateway or node that nothing disturbs refuses a revoked session after this time, in all but one case of a
/// hundred; and in any case after [`LONGEST`].
pub(crate) const USUALLY: Duration = Duration::from_secs(1);
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// Who lets a session in, by what it asks.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Who {
    /// An API node.
    Node,
    /// A gateway whose pages ask the API.
    Asking,
    /// A gateway whose pages ask nobody: it has only the feed.
    Following,
}

impl Who {
    pub(crate) const ALL: [Self; 3] = [Self::Node, Self::Asking, Self::Following];

    fn of(place: Place) -> Self {
        match place {
            Place::Node(_) => Self::Node,
            Place::Gateway(WITH_UI) => Self::Following,
            Place::Gateway(_) => Self::Asking,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Node => "an API node",
            Self::Asking => "a gateway whose pages ask the API",
            Self::Following => "a gateway whose pages ask nobody",
        }
    }
}

/// Between two showings of a copy, and the time that one takes.
const GRAIN: Duration = Duration::from_millis(300);

/// After a fault, how long news may still take longer.
pub(crate) const SETTLING: Duration = Duration::from_secs(3);

/// How many are looked at together.
const TOGETHER: usize = 4;

pub(crate) async fn everything(world: &Arc<World>, honest: &[Arc<Honest>]) -> Result<(), Failure> {
    let cluster = &world.cluster;
    for process in cluster.nodes.iter().chain(&cluster.gateways) {
        process.ready(Duration::from_secs(60)).await?;
    }
    iter(honest).for_each_concurrent(TOGETHER, |person| person.check()).await;
    let copies = world.copies();
    iter(&copies).for_each_concurrent(TOGETHER, |copy| leavers::show_again(world, copy)).await;
    rows(world);
    revocations(world);
    // Last, because signing in makes rows.
    let accounts = world.accounts();
    let check = async |(name, password): (&String, &String)| {
        newcomers::check(world, name, password).await;
    };
    iter(&accounts).for_each_concurrent(TOGETHER, check).await;
    bounds(world);
    let copied = cluster.api_logs()?.matches("a copied refresh token was shown").count();
    world.record.check(Promise::NoneEndedUnasked, copied == 0, || {
        format!("the API took {copied} refreshes for copies")
    });
    Ok(())
}

/// What no crash may leave behind.
fn rows(world: &World) {
    const WHOLE: [(&str, &str); 8] = [
        ("a child without its time", "SELECT sid FROM sessions WHERE (child = '') <> (child_at = 0)"),
        ("a line that is none", "SELECT sid FROM sessions WHERE gen < 0 OR parent = ''"),
        (
            "a first token with one before it, or the reverse",
            "SELECT sid FROM sessions WHERE (gen = 0) <> (prev = '')",
        ),
        ("a session of nobody", "SELECT sid FROM sessions WHERE user_id NOT IN (SELECT id FROM users)"),
        (
            "an account without a password",
            "SELECT username FROM users WHERE deleted_at IS NULL AND (password_hash = '' OR name = '' OR email = '')",
        ),
        (
            "a deleted account with something in it",
            "SELECT username FROM users WHERE deleted_at IS NOT NULL AND (password_hash <> '' OR name <> '' OR email <> '')",
        ),
        (
            "a live session of a deleted account",
            "SELECT sid FROM sessions JOIN users ON users.id = user_id
             WHERE deleted_at IS NOT NULL AND revoked_at IS NULL AND sessions.created <= deleted_at",
        ),
        (
            "a session that ended, and no news of it; or the reverse",
            "SELECT sid FROM sessions WHERE revoked_at > extract(epoch FROM clock_timestamp()) - 20
                AND sid NOT IN (SELECT subject FROM news WHERE kind = 'session')
             UNION SELECT subject FROM news JOIN sessions ON sid = subject
             WHERE kind = 'session' AND revoked_at IS NULL",
        ),
    ];
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        world.cluster.sql(&sql).first().and_then(|count| count.parse().ok()).unwrap_or(0)
    };
    world.record.checks(Promise::RowsWhole, count("sessions") + count("users") + count("news"));
    for (what, sql) in WHOLE {
        for row in world.cluster.sql(sql) {
            world.record.breaks(Promise::RowsWhole, format!("{what}: {row}"), Some(&row));
        }
    }
    let twice = "SELECT username FROM users GROUP BY username HAVING count(*) > 1";
    for name in world.cluster.sql(twice) {
        world.record.breaks(Promise::RowsWhole, format!("two accounts: {name}"), None);
    }
}

/// Who ended, and who should have.
fn revocations(world: &World) {
    let sql = "SELECT sid, username, revoked_at IS NOT NULL FROM sessions JOIN users ON users.id = user_id";
    let mut ended = BTreeMap::new();
    for row in world.cluster.sql(sql) {
        let mut columns = row.split('|');
        let (Some(sid), Some(username)) = (columns.next(), columns.next()) else { continue };
        let is_over = columns.next() == Some("t");
        ended.insert(sid.to_owned(), is_over);
        world.record.checks(Promise::NoneEndedUnasked, 1);
        if is_over && !world.could_end(username) {
            let why = format!("{sid} of {username}");
            world.record.breaks(Promise::NoneEndedUnasked, why, Some(sid));
        }
    }
    for copy in world.copies() {
        world.record.checks(Promise::ClosedForGood, 1);
        if ended.get(copy.sid()) == Some(&false) {
            let why = format!("{} lives in the database", copy.sid());
            world.record.breaks(Promise::ClosedForGood, why, Some(copy.sid()));
        }
    }
}

/// Whether every copy was refused in time: at a node always, since one that can't hear of news asks the
/// database; at a gateway so long after the last fault that keeps news from it.
fn bounds(world: &World) {
    let episodes = world.record.episodes();
    for closing in world.record.closings() {
        let mut limit = closing.acknowledged + LONGEST + GRAIN;
        let at_node = limit;
        for episode in episodes.iter().filter(|episode| episode.fault.delays_news()) {
            if episode.touches(closing.acknowledged, limit, SETTLING) {
                limit = limit.max(episode.ended.unwrap_or_else(Instant::now) + LONGEST + GRAIN);
            }
        }
        for (place, last) in &closing.accepted {
            world.record.checks(Promise::ClosedInTime, 1);
            let limit = if matches!(place, Place::Node(_)) { at_node } else { limit };
            if closing.acknowledged + *last > limit {
                let why = format!("{}: {place:?} after {last:?}", closing.sid);
                world.record.breaks(Promise::ClosedInTime, why, Some(&closing.sid));
            }
        }
    }
    for who in Who::ALL {
        let calm = latencies(world, who, true);
        usually(world, who, &calm);
    }
}

/// Refused within the usual time, but for one case of a hundred.
fn usually(world: &World, who: Who, calm: &[Duration]) {
    if let Some(p99) = percentile(calm, 99).filter(|p99| *p99 > USUALLY + GRAIN) {
        let who = who.words();
        let why = format!("{who}, without a fault: one in a hundred took {p99:?} or longer");
        world.record.breaks(Promise::ClosedInTime, why, None);
    }
}

/// How long revoked sessions were still let in, place by place, in order; only those that no fault delayed, or
/// only those that one may have.
pub(crate) fn latencies(world: &World, who: Who, calm: bool) -> Vec<Duration> {
    let episodes = world.record.episodes();
    let was_calm = |from: Instant, last: Duration| {
        let mut delays = episodes.iter().filter(|episode| episode.fault.delays_news());
        !delays.any(|episode| episode.touches(from, from + last + GRAIN, SETTLING))
    };
    let closings = world.record.closings();
    let each = closings.iter().flat_map(|closing| {
        let theirs = closing.accepted.iter().filter(|(place, _)| Who::of(*place) == who);
        theirs.map(|(_, last)| (closing.acknowledged, *last))
    });
    let alike = each.filter(|(from, last)| was_calm(*from, *last) == calm);
    let mut all: Vec<Duration> = alike.map(|(_, last)| last).collect();
    all.sort_unstable();
    all
}

/// Of values in order the one that `percent` of them do not exceed.
pub(crate) fn percentile(values: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied()
}
