//! A request's body on its way to an upstream: counted against the route's limit, and seen to move.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
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
    fault: AtomicU8,
}

/// Why a body was not sent to its end, through no fault of the upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It is over the limit.
    TooLarge,
    /// The client hung up, or sent something else than a body.
    Client,
}

/// A body error of ours or the client's; the upstream then sees a broken message, never a short one.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request was not sent to its end")]
struct NotSent;

impl Upload {
    /// Puts a limit, in bytes, on the body of `request`, and watches over it.
    pub(crate) fn watch(request: Request, limit: u64) -> (Request, Self) {
        let state =
            State { began: Instant::now(), moved: AtomicU64::new(0), fault: AtomicU8::new(0) };
        let upload = Self(Arc::new(state));
        let watched = upload.clone();
        let mut request =
            request.map(|body| Body::new(Watched { body, left: limit, upload: watched }));
        request.extensions_mut().insert(upload.clone());
        (request, upload)
    }

    /// The one that watches over this request, or a new one without a limit.
    pub(super) fn of(request: Request) -> (Request, Self) {
        match request.extensions().get::<Self>().cloned() {
            Some(upload) => (request, upload),
            None => Self::watch(request, u64::MAX),
        }
    }

    /// Why the body was not sent to its end, if that is so.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.0.fault.load(Ordering::Relaxed) {
            1 => Some(Fault::TooLarge),
            2 => Some(Fault::Client),
            _ => None,
        }
    }

    /// Waits for an answer, for as long as `patience` from the last time that the body moved on.
    pub(super) async fn wait<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let until = self.last_move() + patience;
            match timeout_at(until, &mut answer).await {
                Ok(answer) => return Some(answer),
                Err(_) if self.last_move() + patience > until => {}
                Err(_) => return None,
            }
        }
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
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
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
