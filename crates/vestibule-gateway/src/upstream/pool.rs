//! Connections to one address that are kept for the next request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use hyper::client::conn::http2;
use tokio::time::Instant;

use super::Outage;
use super::connect::{Connection, Connector};
use super::lone::{LIFE, Lone};

/// Next.js closes idle connections after 5 s; whoever is older loses the race (contract: Next.js, N14).
const IDLE: Duration = Duration::from_secs(4);

/// Most connections kept to one address (RL-07).
const MOST_IDLE: usize = 512;

/// Most requests on one HTTP/2 connection; servers take a hundred or more (RFC 9113, 6.5.2), and whoever is over waits.
const MOST_STREAMS: usize = 100;

pub(super) struct Pool {
    connector: Connector,
    kept: Mutex<Kept>,
    shared: Mutex<Vec<Shared>>,
}

/// Connections of HTTP/1.1 that nobody uses.
#[derive(Default)]
struct Kept {
    /// The one that was used last is at the end, and is used next.
    idle: Vec<Idle>,
    /// Whether a task lets go of those that are not used.
    is_tidied: bool,
}

struct Idle {
    lone: Lone,
    since: Instant,
}

/// A connection of HTTP/2.
struct Shared {
    sender: http2::SendRequest<Body>,
    made: Instant,
    streams: Arc<()>,
}

/// A connection to send a request on.
pub(super) enum Leased {
    H1(Lone),
    /// With its share, to be held until the answer has ended.
    H2(http2::SendRequest<Body>, Arc<()>),
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, kept: Mutex::default(), shared: Mutex::default() }
    }

    /// A connection, and whether it was there already: then its server may just have closed it. One that `changes` to
    /// another protocol is always new, and one of HTTP/1.1.
    pub(super) async fn lease(&self, changes: bool) -> Result<(Leased, bool), Outage> {
        if let Some(kept) = if changes { None } else { self.kept() } {
            return Ok((kept, true));
        }
        let made = Instant::now();
        // Boxed, so that a request which needs none has no room for it: it takes 8 KiB, and is rare.
        match Box::pin(self.connector.connect(changes)).await? {
            Connection::H1(sender, line) => Ok((Leased::H1(Lone::new(sender, line, made)), false)),
            Connection::H2(sender) => {
                let streams = Arc::new(());
                let leased = Leased::H2(sender.clone(), streams.clone());
                lock(&self.shared).push(Shared { sender, made, streams });
                Ok((leased, false))
            }
        }
    }

    fn kept(&self) -> Option<Leased> {
        let now = Instant::now();
        let mut shared = lock(&self.shared);
        // Those that go on with what they have end by themselves.
        shared.retain(|shared| !shared.sender.is_closed() && now - shared.made < LIFE);
        let free = |shared: &&Shared| Arc::strong_count(&shared.streams) <= MOST_STREAMS;
        if let Some(Shared { sender, streams, .. }) = shared.iter().find(free) {
            return Some(Leased::H2(sender.clone(), streams.clone()));
        }
        drop(shared);
        let idle = &mut lock(&self.kept).idle;
        while let Some(Idle { mut lone, since }) = idle.pop() {
            if now - since > IDLE {
                idle.clear();
            } else if lone.is_of_use(now) {
                return Some(Leased::H1(lone));
            }
        }
        None
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn give_back(self: &Arc<Self>, mut lone: Lone) {
        if lone.is_ready() {
            return self.keep(lone);
        }
        let pool = self.clone();
        tokio::spawn(async move {
            if lone.is_ready_again().await {
                pool.keep(lone);
            }
        });
    }

    fn keep(self: &Arc<Self>, mut lone: Lone) {
        let now = Instant::now();
        if !lone.is_of_use(now) {
            return;
        }
        let mut kept = lock(&self.kept);
        if kept.idle.len() < MOST_IDLE {
            kept.idle.push(Idle { lone, since: now });
        }
        if !std::mem::replace(&mut kept.is_tidied, true) {
            tokio::spawn(self.clone().tidy());
        }
    }

    /// Lets go of connections that were not used for too long, until there are none: on one that nobody drives, nobody
    /// notices that its server has.
    async fn tidy(self: Arc<Self>) {
        loop {
            tokio::time::sleep(IDLE).await;
            let now = Instant::now();
            let mut kept = lock(&self.kept);
            let old = kept.idle.iter().take_while(|idle| now - idle.since > IDLE).count();
            kept.idle.drain(..old);
            kept.is_tidied = !kept.idle.is_empty();
            if !kept.is_tidied {
                return;
            }
        }
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
