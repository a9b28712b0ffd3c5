//! Bodies that are counted on their way. They are passed on frame by frame, as they come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http::response::Parts;
use http::{Method, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::{End, Entry};

/// Result of a frame.
type Polled = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// The body of a request.
pub(super) struct Received {
    pub(super) body: Body,
    pub(super) count: Arc<AtomicU64>,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.count.fetch_add(length_of(frame), Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, and with it the entry.
pub(super) struct Sent {
    body: Body,
    entry: Entry,
    /// Bytes after which it is complete, whether or not anybody asks for more.
    enough: Option<u64>,
}

impl Sent {
    pub(super) fn new(body: Body, entry: Entry, head: &Parts) -> Self {
        let has_none = entry.method == Method::HEAD
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = head.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Self { body, entry, enough: if has_none { Some(0) } else { length } }
    }

    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>) {
        let Some(answer) = &mut self.entry.answer else { return };
        match frame {
            None => answer.end = End::Complete,
            Some(Err(_)) => answer.end = End::Broken,
            Some(Ok(frame)) => answer.sent += length_of(frame),
        }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.note(frame.as_ref());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // Who knows the length asks for no end.
        let is_at_end = self.body.is_end_stream();
        let Some(answer) = &mut self.entry.answer else { return };
        let is_enough = self.enough.is_some_and(|enough| answer.sent >= enough);
        if answer.end == End::Aborted && (is_at_end || is_enough) {
            answer.end = End::Complete;
        }
    }
}

fn length_of(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}
