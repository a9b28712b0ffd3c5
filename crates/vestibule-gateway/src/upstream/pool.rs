//! Connections to one address that are kept for the next request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use hyper::client::conn::{http1, http2};
use tokio::time::Instant;

use super::Outage;
use super::connect::{Connection, Connector};

/// Next.js closes idle connections after 5 s; whoever is older loses the race (contract: Next.js, N14).
const IDLE: Duration = Duration::from_secs(4);

/// Most connections kept to one address (RL-07).
const MOST_IDLE: usize = 512;

pub(super) struct Pool {
    connector: Connector,
    /// The one that was used last is at the end, and is used next.
    idle: Mutex<Vec<Idle>>,
    shared: Mutex<Option<http2::SendRequest<Body>>>,
}

struct Idle {
    sender: http1::SendRequest<Body>,
    since: Instant,
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, idle: Mutex::default(), shared: Mutex::default() }
    }

    /// A connection, and whether it was there already: then its server may just have closed it.
    pub(super) async fn lease(&self, h1_only: bool) -> Result<(Connection, bool), Outage> {
        if let Some(kept) = self.kept(h1_only) {
            return Ok((kept, true));
        }
        let new = self.connector.connect(h1_only).await?;
        if let Connection::H2(sender) = &new {
            *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
        }
        Ok((new, false))
    }

    fn kept(&self, h1_only: bool) -> Option<Connection> {
        if !h1_only {
            let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
                return Some(Connection::H2(sender.clone()));
            }
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(Idle { sender, since }) = idle.pop() {
            if since.elapsed() > IDLE {
                idle.clear();
            } else if sender.is_ready() {
                return Some(Connection::H1(sender));
            }
        }
        None
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn give_back(self: &Arc<Self>, mut sender: http1::SendRequest<Body>) {
        if sender.is_ready() {
            return self.keep(sender);
        }
        let pool = self.clone();
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.keep(sender);
            }
        });
    }

    fn keep(&self, sender: http1::SendRequest<Body>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = idle.iter().take_while(|idle| idle.since.elapsed() > IDLE).count();
        idle.drain(..old);
        if idle.len() < MOST_IDLE {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }
}
