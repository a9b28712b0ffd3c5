//! An answer's body on its way to the client: it frees its connection at its end, and breaks off when the
//! upstream is silent for too long. Dropped before its end, it takes the connection along: so an upstream
//! notices that its client has gone.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};

use super::lone::Lone;
use super::pool::Pool;
use crate::headers;

pub(super) struct Download {
    body: Incoming,
    /// What is freed at the end.
    held: Option<Held>,
    silence: Option<Silence>,
}

/// How long nothing more of an answer has come. The clock is asked, and a timer set, only where something is waited for.
struct Silence {
    most: Duration,
    /// Ends the present wait; kept from one to the next.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether something has come since the clock was last asked.
    heard: bool,
}

/// A connection, and a place among those that may be under way.
pub(super) struct Held {
    pub(super) line: Line,
    pub(super) pool: Arc<Pool>,
    pub(super) _slot: OwnedSemaphorePermit,
    pub(super) _under_way: super::address::UnderWay,
}

/// What an answer comes on.
pub(super) enum Line {
    /// A connection that nobody else uses.
    Lone(Lone),
    /// The same, for the last time: after a 500, uvicorn hangs up without having said so, and what meets that end may
    /// not be sent again.
    Last(Lone),
    /// A share of one.
    Shared(#[expect(dead_code, reason = "counts as long as it is held")] Arc<()>),
}

impl Download {
    pub(super) fn new(body: Incoming, held: Held, silence: Option<Duration>) -> Self {
        let silence = silence.map(|most| Silence { most, timer: None, heard: false });
        let mut download = Self { body, held: Some(held), silence };
        if download.body.is_end_stream() {
            download.end();
        }
        download
    }

    fn end(&mut self) {
        if let Some(Held { line: Line::Lone(lone), pool, .. }) = self.held.take() {
            pool.give_back(lone);
        }
    }

    /// What has come, or has come meanwhile on a connection that nobody else drives.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let Some(Held { line: Line::Lone(lone) | Line::Last(lone), .. }) = &mut self.held else {
            return frame;
        };
        if frame.is_ready() {
            return frame;
        }
        lone.drive(context);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_silent_for_too_long(&mut self, context: &mut Context<'_>) -> bool {
        self.silence.as_mut().is_some_and(|silence| silence.is_too_long(context))
    }
}

impl Silence {
    /// To be asked whenever there is nothing to read.
    fn is_too_long(&mut self, context: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.most)));
        if std::mem::take(&mut self.heard) {
            timer.as_mut().reset(Instant::now() + self.most);
        }
        timer.as_mut().poll(context).is_ready()
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = match self.poll_next(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending if self.is_silent_for_too_long(context) => {
                tracing::warn!("an upstream stopped in the middle of an answer");
                self.held = None;
                let silent = io::Error::from(io::ErrorKind::TimedOut);
                return Poll::Ready(Some(Err(axum::Error::new(silent))));
            }
            Poll::Pending => return Poll::Pending,
        };
        if let Some(silence) = &mut self.silence {
            silence.heard = true;
        }
        match frame {
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    headers::clean_trailers(trailers);
                }
                // Nothing comes after trailers, and nobody asks for it.
                if frame.is_trailers() || self.body.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "an upstream broke off in the middle of an answer");
                self.held = None;
                Poll::Ready(Some(Err(axum::Error::new(error))))
            }
            None => {
                self.end();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
