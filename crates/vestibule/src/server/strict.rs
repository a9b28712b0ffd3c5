use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::framing::{Framing, Pushed, Violation};
use super::places::AddressPlace;
use super::pulse::Pulse;
use super::refusal::Refusal;

/// A stream of which only requests that are beyond doubt can be read (GW-15).
///
/// In place of a head that is refused comes another, which says what to answer ([`Refusal::head`]), and nothing after it. A chunk
/// that is none is an error of reading.
pub(super) struct Strict<S> {
    stream: S,
    framing: Framing,
    /// Bytes of a head that is not complete.
    held: Vec<u8>,
    /// What may go on and found no room.
    ready: io::Cursor<Vec<u8>>,
    over: Option<Over>,
    has_ended: bool,
    farewell: Option<Farewell>,
    pulse: Arc<Pulse>,
    _place: AddressPlace,
}

/// Why nothing more is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Over {
    Refused,
    Broken(Violation),
}

/// What is still taken from a client that is sent away, so that it reads why (RFC 9112, 9.6).
struct Farewell {
    until: Pin<Box<Sleep>>,
    bytes: usize,
}

const FAREWELL: Duration = Duration::from_secs(1);
const FAREWELL_BYTES: usize = 256 * 1024;

/// Room for bytes that are read apart, and the least room to read into directly.
const APART: usize = 4096;

impl<S: AsyncRead + AsyncWrite + Unpin> Strict<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>, place: AddressPlace) -> Self {
        Self {
            stream,
            framing: Framing::default(),
            held: Vec::new(),
            ready: io::Cursor::default(),
            over: None,
            has_ended: false,
            farewell: None,
            pulse,
            _place: place,
        }
    }

    /// Whether nothing of a request is here, and none is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.framing.is_between()
            && self.held.is_empty()
            && self.ready.get_ref().is_empty()
            && self.over.is_none()
    }

    /// Waits until something came, which is then to be read, or nothing more will.
    pub(super) fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_quiet() { self.poll_apart(cx) } else { Poll::Ready(Ok(())) }
    }

    /// Gives what is ready; whether there was any.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let at = usize::try_from(self.ready.position()).unwrap_or(usize::MAX);
        let rest = self.ready.get_ref().get(at..).unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        if count == rest.len() {
            self.ready = io::Cursor::default();
        } else {
            self.ready.set_position((at + count) as u64);
        }
        true
    }

    /// Reads where the reader wants it, and takes back what must wait.
    fn poll_straight(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let new = &buffer.filled()[before..];
        self.has_ended = new.is_empty();
        let Pushed { pass, violation } = self.framing.push(new);
        self.held.extend_from_slice(&new[pass..]);
        buffer.set_filled(before + pass);
        self.took(pass > 0, violation);
        Poll::Ready(Ok(()))
    }

    /// Reads beside what is held.
    fn poll_apart(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = [0; APART];
        let mut buffer = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.has_ended = buffer.filled().is_empty();
        self.held.extend_from_slice(buffer.filled());
        let Pushed { pass, violation } = self.framing.push(buffer.filled());
        self.ready = io::Cursor::new(self.held.drain(..pass).collect());
        self.took(pass > 0, violation);
        Poll::Ready(Ok(()))
    }

    fn took(&mut self, has_passed: bool, violation: Option<Violation>) {
        self.pulse.read(has_passed, &self.framing);
        match violation {
            None => {}
            Some(violation @ Violation::Body(_)) => {
                tracing::info!(reason = %violation, "a request was broken off: its body is malformed");
                self.over = Some(Over::Broken(violation));
            }
            Some(violation) => {
                tracing::info!(reason = %violation, "a request was refused unread");
                self.refuse(violation.into());
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        metrics::counter!("vestibule_requests_refused_total", "reason" => refusal.reason())
            .increment(1);
        self.held = Vec::new();
        self.ready.get_mut().extend_from_slice(refusal.head().as_bytes());
        self.over = Some(Over::Refused);
    }

    /// Takes what still comes, for nobody, until it ends.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = [0; APART];
        let mut bytes = 0;
        while !self.has_ended && bytes < FAREWELL_BYTES {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer)? {
                Poll::Ready(()) => {
                    self.has_ended = buffer.filled().is_empty();
                    bytes += buffer.filled().len();
                }
                Poll::Pending if bytes > 0 => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(bytes))
    }

    /// Whoever was sent away may not have read it yet, and what it sent meanwhile would make the kernel reset the connection.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.framing.is_raw() {
            return Poll::Ready(());
        }
        let mut farewell = self
            .farewell
            .take()
            .unwrap_or_else(|| Farewell { until: Box::pin(sleep(FAREWELL)), bytes: 0 });
        while !self.has_ended && farewell.bytes < FAREWELL_BYTES {
            match self.poll_drain(cx) {
                Poll::Ready(Ok(bytes)) => farewell.bytes += bytes,
                Poll::Ready(Err(_)) => break,
                Poll::Pending => {
                    let polled = farewell.until.as_mut().poll(cx);
                    self.farewell = Some(farewell);
                    return polled;
                }
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        loop {
            if buffer.filled().len() > before || this.give(buffer) || this.has_ended {
                return Poll::Ready(Ok(()));
            }
            match this.over {
                Some(Over::Refused) => {
                    ready!(this.poll_drain(cx))?;
                    continue;
                }
                Some(Over::Broken(violation)) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation)));
                }
                None => {}
            }
            if this.pulse.take_late() {
                this.refuse(Refusal::Late);
            } else if this.framing.is_raw() {
                return Pin::new(&mut this.stream).poll_read(cx, buffer);
            } else if this.held.is_empty() && buffer.remaining() >= APART {
                ready!(this.poll_straight(cx, buffer))?;
            } else {
                ready!(this.poll_apart(cx))?;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.farewell.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        this.poll_farewell(cx).map(Ok)
    }
}
