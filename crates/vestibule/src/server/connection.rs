use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use vestibule_gateway::{App, Stopping};
use vestibule_types::ClientAddress;

use super::Edge;
use super::answer::Front;
use super::http2;
use super::paced::Paced;
use super::places::{AddressPlace, Place};
use super::pulse::{Overdue, Pulse, Watch};
use super::rest::lend;
use super::strict::Strict;

/// What the connections of one listener have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) edge: Edge,
    pub(super) app: App,
    pub(super) stop: watch::Receiver<bool>,
}

impl Shared {
    /// Serves one connection to its end.
    pub(super) async fn serve<S>(self, socket: S, peer: SocketAddr, place: Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pulse = Pulse::new(self.edge.limits);
        let mut socket = Paced::new(socket, pulse.clone(), place);
        let mut address = peer.ip().to_canonical();
        if let Some(announced) = &self.edge.announced {
            let read = announced.read(&mut socket, address);
            let Some(read) = self.in_time("proxy_header", read).await else { return };
            address = read;
        }
        let Some(place) = self.edge.places.of_address(address) else {
            return refused("address", &"too many connections of one address");
        };
        let address = ClientAddress(address);
        let Some(tls) = self.edge.tls.clone() else {
            return self.http(socket, address, place, pulse).await;
        };
        // Boxed, so that a connection without TLS has no room for it.
        Box::pin(async move {
            let handshake = tls.acceptor.accept(socket);
            let Some(stream) = self.in_time("tls", handshake).await else { return };
            self.http(stream, address, place, pulse).await;
        })
        .await;
    }

    /// What a step before the first request comes to, unless it fails, takes too long, or the server ends.
    async fn in_time<T>(
        &self,
        step: &'static str,
        result: impl Future<Output = io::Result<T>>,
    ) -> Option<T> {
        let mut stop = self.stop.clone();
        let result = tokio::select! {
            result = timeout(self.edge.limits.handshake, result) => result,
            _ = stop.wait_for(|stop| *stop) => return None,
        };
        match result {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => refused(step, &error),
            Err(late) => refused(step, &late),
        }
        None
    }

    async fn http<S>(
        self,
        stream: S,
        address: ClientAddress,
        place: AddressPlace,
        pulse: Arc<Pulse>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { edge: Edge { limits, has_hsts, .. }, app, stop } = self;
        let stopping = Stopping(stop.clone());
        let front = Front { app, address, stopping, has_hsts, limits, pulse: pulse.clone() };
        let mut line = Line { front, stop, watch: Watch::new(pulse.clone()) };
        let mut stream = Strict::new(stream, pulse, place);
        while line.is_called(&mut stream).await {
            // Boxed, so that its memory goes when the connection rests.
            let Some(back) = Box::pin(line.talk(stream)).await else { return };
            stream = back;
        }
        let _ = timeout(FAREWELL, stream.shutdown()).await;
    }
}

/// A connection, whatever is being done with it.
struct Line {
    front: Front,
    stop: watch::Receiver<bool>,
    watch: Watch,
}

impl Line {
    /// Waits for the first byte of a request. Whether it came, before the time for it was over or the server ended.
    async fn is_called<S>(&mut self, stream: &mut Strict<S>) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::select! { biased;
            begun = poll_fn(|cx| stream.poll_begun(cx)) => begun.is_ok(),
            _ = self.stop.wait_for(|stop| *stop) => false,
            _ = poll_fn(|cx| self.watch.poll(cx)) => false,
        }
    }

    /// Answers requests. The stream, once there are none for a moment; nothing, if the connection ended.
    async fn talk<S>(&mut self, stream: Strict<S>) -> Option<Strict<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { front, stop, watch } = self;
        let (limits, pulse) = (front.limits, front.pulse.clone());
        let front = front.clone();
        let service = service_fn(move |request| front.clone().answer(request));
        let builder = builder();
        let (stream, shelf) = lend(stream, pulse.clone());
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = Box::pin(connection);
        let mut farewell = pin!(sleep(Duration::MAX));
        let mut has_stopped = false;
        loop {
            let grace = tokio::select! { biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        let error = &*error as &dyn std::error::Error;
                        tracing::debug!(error, "a connection ended early");
                    }
                    drop(connection);
                    return shelf.take();
                }
                _ = stop.wait_for(|stop| *stop), if !has_stopped => {
                    has_stopped = true;
                    FAREWELL
                }
                overdue = poll_fn(|cx| watch.poll(cx)) => match overdue {
                    // What reads is told by the pulse, the next time round.
                    Overdue::Head | Overdue::Rest => continue,
                    Overdue::Request => limits.write,
                    Overdue::Reading => {
                        tracing::debug!("a connection was cut: its client takes nothing");
                        return None;
                    }
                },
                () = farewell.as_mut() => {
                    if pulse.is_idle() {
                        return None;
                    }
                    FAREWELL
                }
            };
            // HTTP/2 asks the client whether it has understood, and might wait for ever.
            pulse.end();
            connection.as_mut().graceful_shutdown();
            farewell.as_mut().reset(Instant::now() + grace);
        }
    }
}

fn refused(reason: &'static str, why: &dyn std::fmt::Display) {
    metrics::counter!("vestibule_connections_refused_total", "reason" => reason).increment(1);
    tracing::debug!(reason, %why, "a connection was closed before its first request");
}

/// How long a connection without a request is given to end when the server does.
const FAREWELL: Duration = Duration::from_secs(5);

/// HTTP/1.1 and HTTP/2, as the first bytes say. The time limits are ours, not the library's: they hold for both.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    http2::limit(builder.http2().timer(TokioTimer::new()));
    builder
}
