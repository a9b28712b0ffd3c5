use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::limits::Limits;
use super::refusal::Refusal;

/// The body of a request, which has to come at a least rate while it is waited for (RL-02). How long nobody asks for it is not the
/// client's fault, and what comes once the answer has begun is a conversation, which may pause.
pub(super) struct Inflow {
    /// There until it is dropped.
    body: Option<Incoming>,
    /// Whether its rest is read when nobody wants it any more.
    lingers: bool,
    limit: Duration,
    /// How long it was waited for, and what came meanwhile, since there was enough.
    waited: Duration,
    came: usize,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    fault: Fault,
}

/// What was wrong with a body, for whoever answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Fault(Arc<Mutex<State>>);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    None,
    Is(Refusal),
    /// The answer has begun: it is too late to say.
    Answered,
}

impl Fault {
    fn set(&self, refusal: Refusal) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::None) {
            *state = State::Is(refusal);
        }
    }

    fn is_set(&self) -> bool {
        matches!(*self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Is(_))
    }

    fn is_answered(&self) -> bool {
        matches!(*self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Answered)
    }

    /// The answer begins: what was wrong until now.
    pub(super) fn close(&self) -> Option<Refusal> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Answered) {
            State::Is(refusal) => Some(refusal),
            State::None | State::Answered => None,
        }
    }
}

/// Follows `body`, and tells what is wrong with it. If it `lingers`, what is left when it is dropped is read and thrown
/// away: a client that sends everything before it listens would otherwise learn of a reset instead of the answer.
pub(super) fn follow(body: Incoming, lingers: bool, limits: &Limits) -> (Body, Fault) {
    let fault = Fault::default();
    if body.is_end_stream() {
        return (Body::empty(), fault);
    }
    let inflow = Inflow {
        body: Some(body),
        lingers,
        limit: limits.body,
        waited: Duration::ZERO,
        came: 0,
        waiting_since: None,
        timer: None,
        fault: fault.clone(),
    };
    (Body::new(inflow), fault)
}

impl Inflow {
    fn came(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.came += bytes;
        if self.came >= Limits::LEAST {
            (self.came, self.waited) = (0, Duration::ZERO);
        }
    }

    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.fault.is_answered() {
            return Poll::Pending;
        }
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let until = since + self.limit.saturating_sub(self.waited);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx)
    }
}

impl http_body::Body for Inflow {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.came(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.fault.set(Refusal::Malformed);
                Poll::Ready(Some(Err(axum::Error::new(error))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.poll_overdue(cx));
                self.fault.set(Refusal::Late);
                Poll::Ready(Some(Err(axum::Error::new("the body came too slowly"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }
}

/// How long the rest of a body that nobody wants is read, and how long it may pause.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_PAUSE: Duration = Duration::from_secs(5);

impl Drop for Inflow {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !body.is_end_stream());
        let runtime = Handle::try_current();
        if let (Some(rest), Ok(runtime), true) =
            (rest, runtime, self.lingers && !self.fault.is_set())
        {
            runtime.spawn(timeout(LINGER, read_away(rest)));
        }
    }
}

async fn read_away(mut rest: Incoming) {
    while let Ok(Some(Ok(_))) = timeout(LINGER_PAUSE, rest.frame()).await {}
}
