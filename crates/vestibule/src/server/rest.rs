//! A connection between two requests. It keeps its socket and where it is in the bytes; what serves requests, with buffers of 16 KiB, is let go.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::pulse::Pulse;
use super::strict::Strict;

/// A stream that is lent to what serves requests. When the connection rests it seems to end, and comes back once it is let go of.
pub(super) struct Lent<S> {
    /// There until it is dropped.
    stream: Option<Strict<S>>,
    pulse: Arc<Pulse>,
    has_rested: bool,
    back: Option<oneshot::Sender<Strict<S>>>,
}

/// Where a stream that was lent comes back.
pub(super) struct Shelf<S>(oneshot::Receiver<Strict<S>>);

/// Lends `stream` to whoever reads and writes it.
pub(super) fn lend<S>(stream: Strict<S>, pulse: Arc<Pulse>) -> (Lent<S>, Shelf<S>) {
    let (back, shelf) = oneshot::channel();
    (Lent { stream: Some(stream), pulse, has_rested: false, back: Some(back) }, Shelf(shelf))
}

impl<S> Shelf<S> {
    /// The stream, if it came back to rest.
    pub(super) fn take(mut self) -> Option<Strict<S>> {
        self.0.try_recv().ok()
    }
}

impl<S> Lent<S> {
    fn stream(&mut self) -> Pin<&mut Strict<S>>
    where
        S: Unpin,
    {
        Pin::new(self.stream.as_mut().expect("it is there until it is dropped"))
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let (true, Some(back), Some(stream)) =
            (self.has_rested, self.back.take(), self.stream.take())
        {
            let _ = back.send(stream);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Lent<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What lies here unread is another request's beginning, or the rest of a body.
        if self.pulse.is_resting() && self.stream().is_quiet() {
            self.has_rested = true;
            return Poll::Ready(Ok(()));
        }
        self.stream().poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_rested {
            return Poll::Ready(Ok(()));
        }
        self.stream().poll_shutdown(cx)
    }
}
