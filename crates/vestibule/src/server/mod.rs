//! Sockets: listening, serving, and ending without cutting anybody off; and what stands between a socket and the router.

mod answer;
mod certificate;
mod connection;
pub mod framing;
mod http2;
mod inflow;
mod limits;
mod outflow;
mod paced;
mod places;
mod plain;
mod proxy;
mod pulse;
mod refusal;
mod rest;
mod strict;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use vestibule_gateway::App;

pub use limits::Limits;
pub use places::{Addresses, Places};
pub(crate) use plain::to_https;
pub use proxy::Announced;

use connection::Shared;
use places::Place;
use tls::Tls;

/// A socket can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: {cause}. {mend} with {flag}")]
pub struct ListenError {
    address: SocketAddr,
    cause: io::Error,
    mend: &'static str,
    flag: &'static str,
}

/// Listens on `address`, which `flag` sets.
///
/// # Errors
/// [`ListenError`], with the cause and the mend.
pub async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|cause| {
        let mend = match cause.kind() {
            io::ErrorKind::AddrInUse => "Stop what runs there, or choose another port",
            io::ErrorKind::PermissionDenied => "Choose a port above 1023",
            _ => "Choose an address of this machine",
        };
        ListenError { address, cause, mend, flag }
    })
}

/// What a listener does with its connections before the application sees a request. By default as much as for a socket that only our own
/// parts talk to.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// How long clients may take.
    pub limits: Limits,
    /// How many connections there may be.
    pub places: Places,
    /// Proxies that say by the PROXY protocol whose connections they pass on, if they do.
    pub announced: Option<Announced>,
    /// TLS, if it is spoken here.
    pub tls: Option<Tls>,
    /// Whether browsers are told never to come by http (TL-01).
    pub has_hsts: bool,
}

/// Serves `app` until `stop` changes, then lets running requests finish, for at most `drain`.
pub async fn serve(
    listener: TcpListener,
    app: impl Into<App>,
    stop: watch::Receiver<bool>,
    drain: Duration,
) {
    Edge::default().serve(listener, app, stop, drain).await;
}

impl Edge {
    /// Serves `app` until `stop` changes, then lets what runs finish, requests and what they were upgraded to, for at most `drain`.
    pub async fn serve(
        self,
        listener: TcpListener,
        app: impl Into<App>,
        mut stop: watch::Receiver<bool>,
        drain: Duration,
    ) {
        // Whoever holds a sender is alive.
        let (alive, mut all_gone) = mpsc::channel(1);
        let places = self.places.clone();
        let shared = Shared { edge: self, app: app.into(), stop: stop.clone() };
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &places) => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    prepare(&stream);
                    let place = Place { _permit: permit, _alive: alive.clone() };
                    tokio::spawn(shared.clone().serve(stream, peer, place));
                }
                Err(error) => {
                    // Out of descriptors, most likely: those that end make room (RL-03).
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a connection could not be accepted"
                    );
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop((listener, alive, shared));
        if tokio::time::timeout(drain, all_gone.recv()).await.is_err() {
            tracing::warn!(drain_s = drain.as_secs(), "some requests did not finish in time");
        }
    }
}

/// How much the kernel takes of what it can't send yet, in bytes. So a slow client shows that it takes something every few seconds,
/// and not once in a minute when a large buffer is half empty (RL-02).
#[cfg(target_os = "linux")]
const UNSENT: u32 = 64 * 1024;

fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Places,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = places.place().await;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

#[cfg(test)]
mod tests;
