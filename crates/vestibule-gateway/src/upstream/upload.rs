//! A request's body on its way to an upstream: counted against the route's limit, and seen to move.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use crate::headers;

/// What is known of a request's body while it is sent. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Upload(Arc<State>);

#[derive(Debug)]
struct State {
    began: Instant,
    /// Milliseconds from `began` until something was last sent.
    moved: AtomicU64,
    /// Whether the client was asked for more, and there was none yet.
    waits: AtomicBool,
    fault: AtomicU8,
}

/// Why a body was not sent to its end, through no fault of the upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It is over the limit.
    TooLarge,
    /// The client hung up, sent something else than a body, or nothing more of it for too long.
    Client,
}

/// A body error of ours or the client's; the upstream then sees a broken message, never a short one.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request was not sent to its end")]
struct NotSent;

impl Upload {
    /// Puts a limit, in bytes, on the body of `request`, and watches over it.
    pub(crate) fn watch(request: &mut Request, limit: u64) -> Self {
        let upload = Self(Arc::new(State {
            began: Instant::now(),
            moved: AtomicU64::new(0),
            waits: AtomicBool::new(false),
            fault: AtomicU8::new(0),
        }));
        // Of nothing, there is nothing to watch.
        if !request.body().is_end_stream() {
            let body = mem::take(request.body_mut());
            *request.body_mut() = Body::new(Watched { body, left: limit, upload: upload.clone() });
        }
        request.extensions_mut().insert(upload.clone());
        upload
    }

    /// The one that watches over this request, or a new one without a limit.
    pub(super) fn of(request: &mut Request) -> Self {
        let known = request.extensions().get::<Self>().cloned();
        known.unwrap_or_else(|| Self::watch(request, u64::MAX))
    }

    /// Why the body was not sent to its end, if that is so.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.0.fault.load(Ordering::Relaxed) {
            1 => Some(Fault::TooLarge),
            2 => Some(Fault::Client),
            _ => None,
        }
    }

    /// Waits for an answer, for as long as `patience` from now or from the last time that the body moved on. If it is
    /// the client who was waited for, that is his [`Fault`].
    pub(super) async fn wait<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        let mut since = Instant::now();
        loop {
            if let Ok(answer) = timeout_at(since + patience, &mut answer).await {
                return Some(answer);
            }
            if self.last_move() <= since {
                break;
            }
            since = self.last_move();
        }
        if self.0.waits.load(Ordering::Relaxed) {
            self.0.fault.store(Fault::Client as u8 + 1, Ordering::Relaxed);
        }
        None
    }

    fn last_move(&self) -> Instant {
        self.0.began + Duration::from_millis(self.0.moved.load(Ordering::Relaxed))
    }

    fn moves(&self) {
        let elapsed = self.0.began.elapsed().as_millis();
        self.0.moved.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn fails(&self, fault: Fault) -> axum::Error {
        self.0.fault.store(fault as u8 + 1, Ordering::Relaxed);
        axum::Error::new(NotSent)
    }
}

struct Watched {
    body: Body,
    left: u64,
    upload: Upload,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.upload.0.waits.store(frame.is_pending(), Ordering::Relaxed);
        let frame = ready!(frame);
        self.upload.moves();
        Poll::Ready(frame.map(|frame| {
            let mut frame = frame.map_err(|_| self.upload.fails(Fault::Client))?;
            let size = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.left =
                self.left.checked_sub(size).ok_or_else(|| self.upload.fails(Fault::TooLarge))?;
            if let Some(trailers) = frame.trailers_mut() {
                headers::clean_trailers(trailers);
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
