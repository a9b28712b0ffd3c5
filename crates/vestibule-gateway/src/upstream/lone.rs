//! A connection of HTTP/1.1, for one request at a time.
//!
//! Whoever asks on it drives it as well: asking, answering and the connection are one task, and no other has to be woken,
//! perhaps on another processor, to hand a message over.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use http::Response;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use tokio::time::Instant;

/// How long a connection takes new requests: so long an upstream is still asked where its name led before (F29).
pub(super) const LIFE: Duration = Duration::from_secs(60);

pub(super) struct Lone {
    sender: http1::SendRequest<Body>,
    /// The connection itself; `None` once a task drives it, or it has ended.
    line: Option<Line>,
    made: Instant,
}

/// Moves what is sent and what comes, until the connection ends.
pub(super) type Line = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Lone {
    /// A new connection, since `made`.
    pub(super) fn new(sender: http1::SendRequest<Body>, line: Line, made: Instant) -> Self {
        Self { sender, line: Some(line), made }
    }

    /// From now on it moves though nobody asks: what sends a body, or changes to another protocol, does not wait for
    /// whoever reads the answer.
    pub(super) fn run(&mut self) {
        if let Some(line) = self.line.take() {
            tokio::spawn(line);
        }
    }

    /// Sends a request, and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request,
    ) -> Result<Response<Incoming>, TrySendError<Request>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            drive(&mut self.line, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Moves what has come of the answer.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.line, cx);
    }

    /// Waits until another request can be sent; whether that will ever be.
    pub(super) async fn is_ready_again(&mut self) -> bool {
        poll_fn(|cx| {
            drive(&mut self.line, cx);
            self.sender.poll_ready(cx)
        })
        .await
        .is_ok()
    }

    /// Whether another request can be sent now. Its server may have hung up meanwhile: that is looked after first.
    pub(super) fn is_of_use(&mut self, now: Instant) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.sender.is_ready() && now - self.made < LIFE
    }

    /// Whether another request could be sent, as far as is known.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }
}

fn drive(line: &mut Option<Line>, cx: &mut Context<'_>) {
    if line.as_mut().is_some_and(|line| line.as_mut().poll(cx).is_ready()) {
        *line = None;
    }
}
