//! Sockets: listening, serving, and ending without cutting anybody off.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::{ServiceExt as _, service_fn};
use vestibule_gateway::Stopping;
use vestibule_types::ClientAddress;

/// Time for the head of a request; also how long an idle connection is kept (RL-02). `axum::serve` sets none.
const HEAD: Duration = Duration::from_secs(30);

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

/// Serves `router` until `stop` changes, then lets running requests finish, for at most `drain`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                connection(stream, peer, router.clone(), Stopping(stop.clone()), &graceful);
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
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(drain_s = drain.as_secs(), "some requests did not finish in time");
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stopping: Stopping,
    graceful: &GracefulShutdown,
) {
    let _ = stream.set_nodelay(true);
    let address = ClientAddress(peer.ip().to_canonical());
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(address);
        request.extensions_mut().insert(stopping.clone());
        let asks_for_another =
            request.version() == Version::HTTP_11 && request.headers().contains_key(UPGRADE);
        let answer = router.clone().oneshot(request);
        async move {
            let mut answer = answer.await?;
            // No byte behind a request for another protocol is a request (GW-15).
            if asks_for_another && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD);
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = graceful.watch(connection.into_owned());
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = &*error as &dyn std::error::Error, "a connection ended early");
        }
    });
}
