use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::pulse::Running;

/// The body of an answer on its way to a client, which may stop taking it: then it is let go, and with it what it comes from (RL-02).
///
/// The socket alone does not tell: over HTTP/2 one answer may stand still while others pass.
pub(super) struct Outflow(Mutex<Flow>);

struct Flow {
    /// Until it is let go.
    body: Option<(Body, Running)>,
    /// When it gave something behind which nothing was asked for yet.
    gave: Option<Instant>,
}

impl std::fmt::Debug for Outflow {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Outflow(…)")
    }
}

impl Outflow {
    pub(super) fn new(body: Body, running: Running) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Flow { body: Some((body, running)), gave: None })))
    }

    /// This body.
    pub(super) fn body(self: Arc<Self>) -> Body {
        Body::new(Following(self))
    }

    pub(super) fn cut_if_stalled(&self, now: Instant, limit: Duration) {
        let mut flow = self.flow();
        let body = match flow.gave {
            Some(gave) if gave + limit <= now => flow.body.take(),
            _ => None,
        };
        drop(flow);
        if body.is_some() {
            tracing::debug!("an answer was let go: its client takes nothing");
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Following(Arc<Outflow>);

impl http_body::Body for Following {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut flow = self.0.flow();
        flow.gave = None;
        let Some((body, _)) = &mut flow.body else {
            return Poll::Ready(Some(Err(axum::Error::new(
                "the client took nothing for too long",
            ))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(Some(Ok(_)))) {
            flow.gave = Some(Instant::now());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.flow().body.as_ref().is_some_and(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.flow().body.as_ref().map(|(body, _)| body.size_hint()).unwrap_or_default()
    }
}
