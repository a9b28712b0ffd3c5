//! Answers and sockets that live long: they end with the session that they were opened in, and with the server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use metrics::gauge;
use tokio::io::copy_bidirectional;

use crate::gateway::Gateway;
use crate::heard::Heard;
use crate::passage::Stopping;
use crate::session::Session;
use crate::upstream::UnderWay;

/// Why a stream is over before its time.
pub(crate) type Over = BoxFuture<'static, ()>;

/// Comes true when `session` has ended, wherever that was, or the server is about to (RV-10, F26).
pub(crate) fn over(
    gateway: &Gateway,
    session: Option<Arc<Session>>,
    stopping: Option<Stopping>,
) -> Over {
    let session_is_over = {
        let gateway = gateway.clone();
        async move {
            match session {
                Some(session) => until_ended(&gateway, &session).await,
                None => std::future::pending().await,
            }
        }
    };
    let server_stops = async move {
        if let Some(Stopping(mut stop)) = stopping
            && stop.wait_for(|stop| *stop).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    };
    async move {
        tokio::select! {
            () = session_is_over => {}
            () = server_stops => {}
        }
    }
    .boxed()
}

async fn until_ended(gateway: &Gateway, session: &Session) {
    let mut ends = gateway.0.ends.subscribe();
    let left = session.ends_at.saturating_sub(gateway.0.clock.now());
    let end = tokio::time::sleep(Duration::from_secs(left.max(0).unsigned_abs()));
    let mut end = std::pin::pin!(end);
    while !gateway.is_ended(session) {
        tokio::select! {
            changed = ends.changed() => if changed.is_err() { return },
            () = &mut end => return,
        }
    }
}

/// A body that ends when `over` comes true; frames, trailers among them, pass as they are.
pub(crate) struct Until {
    body: Body,
    over: Option<Over>,
    _open: Open,
}

impl Until {
    pub(crate) fn new(body: Body, over: Over) -> Self {
        Self { body, over: Some(over), _open: Open::new("stream") }
    }
}

impl HttpBody for Until {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let is_over = self.over.as_mut().is_none_or(|over| over.poll_unpin(context).is_ready());
        if is_over {
            self.over = None;
            self.body = Body::empty();
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.over.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Both sides of an upgraded connection.
pub(crate) struct Socket {
    pub(crate) client: OnUpgrade,
    pub(crate) upstream: OnUpgrade,
    /// How long it may be silent, both ways.
    pub(crate) silence: Option<Duration>,
    /// The upstream counts it among what it has to do.
    pub(crate) under_way: Option<Arc<UnderWay>>,
}

impl Socket {
    /// Joins both sides, byte for byte, until both have closed, one breaks, or `over` comes true.
    pub(crate) fn join(self, over: Over) {
        tokio::spawn(async move {
            let Self { client, upstream, silence, under_way } = self;
            let _counted = (Open::new("socket"), under_way);
            let (client, upstream) = match tokio::try_join!(client, upstream) {
                Ok(both) => both,
                Err(error) => return tracing::debug!(%error, "a socket was not opened after all"),
            };
            let heard = Heard::default();
            let mut client = heard.on(TokioIo::new(client));
            let mut upstream = heard.on(TokioIo::new(upstream));
            tokio::select! {
                done = copy_bidirectional(&mut client, &mut upstream) => match done {
                    Ok((up, down)) => {
                        tracing::debug!(up_bytes = up, down_bytes = down, "a socket was closed");
                    }
                    Err(error) => tracing::debug!(%error, "a socket broke"),
                },
                () = heard.nothing_for(silence) => tracing::debug!("a socket was silent for too long"),
                () = over => {
                    tracing::info!("a socket was closed: its session is over, or the server stops");
                }
            }
        });
    }
}

/// Counts one stream or socket for as long as it is open.
struct Open(&'static str);

impl Open {
    fn new(kind: &'static str) -> Self {
        gauge!("vestibule_streams_open", "kind" => kind).increment(1.0);
        Self(kind)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!("vestibule_streams_open", "kind" => self.0).decrement(1.0);
    }
}
