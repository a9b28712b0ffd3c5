//! What a connection is doing, and since when: by this its time limits are kept (RL-02).

use std::future::Future as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::framing::Framing;
use super::limits::Limits;
use super::outflow::Outflow;

/// Shared by the parts of one connection, each of which says what it sees.
#[derive(Debug)]
pub(super) struct Pulse {
    limits: Limits,
    doing: Mutex<Doing>,
    is_resting: AtomicBool,
}

/// How long after a request what serves it waits for another.
const REST: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Doing {
    /// A head has begun and is not complete.
    head: Option<Instant>,
    /// The next byte would be a request's first.
    is_between: bool,
    /// The head did not become complete in time.
    is_late: bool,
    /// The socket takes nothing.
    blocked: Option<Instant>,
    running: usize,
    /// No request runs.
    idle: Option<Instant>,
    /// There will be no other request: nobody waits for one.
    is_ending: bool,
    outflows: Vec<Weak<Outflow>>,
    /// When to look at the outflows.
    look: Instant,
}

/// A limit that was passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Overdue {
    /// A head. What reads it will know.
    Head,
    /// The next request.
    Request,
    /// The client takes nothing.
    Reading,
    /// The next request, and by far: nothing is wrong, but no memory is to be held for it.
    Rest,
}

impl Pulse {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        let now = Instant::now();
        let doing = Doing {
            head: None,
            is_between: false,
            is_late: false,
            blocked: None,
            running: 0,
            idle: Some(now),
            is_ending: false,
            outflows: Vec::new(),
            look: now,
        };
        Arc::new(Self { limits, doing: Mutex::new(doing), is_resting: AtomicBool::new(false) })
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came; whether some of them went on, and how far they lead.
    pub(super) fn read(&self, has_passed: bool, framing: &Framing) {
        self.is_resting.store(false, Ordering::Relaxed);
        let mut doing = self.doing();
        doing.is_between = framing.is_between();
        doing.head = doing.head.filter(|_| !has_passed);
        if framing.is_in_head() {
            doing.head.get_or_insert_with(Instant::now);
        }
    }

    /// Whether a head came too late; said once.
    pub(super) fn take_late(&self) -> bool {
        std::mem::take(&mut self.doing().is_late)
    }

    /// The socket took something, or did not.
    pub(super) fn wrote(&self, is_blocked: bool) {
        let mut doing = self.doing();
        if is_blocked {
            doing.blocked.get_or_insert_with(Instant::now);
        } else if doing.blocked.take().is_some() && doing.running == 0 {
            // The last answer was still on its way.
            doing.idle = Some(Instant::now());
        }
    }

    /// Whether the connection rests until something is read.
    pub(super) fn is_resting(&self) -> bool {
        self.is_resting.load(Ordering::Relaxed)
    }

    /// The connection is to end once nothing runs.
    pub(super) fn end(&self) {
        self.doing().is_ending = true;
    }

    /// Whether no request runs, and no answer is on its way.
    pub(super) fn is_idle(&self) -> bool {
        let doing = self.doing();
        doing.running == 0 && doing.blocked.is_none()
    }

    /// A request runs until what this answers is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        let mut doing = self.doing();
        doing.running += 1;
        doing.idle = None;
        Running(self.clone())
    }

    /// Looks after an answer's body.
    pub(super) fn follow(&self, outflow: &Arc<Outflow>) {
        let mut doing = self.doing();
        doing.outflows.retain(|outflow| outflow.strong_count() > 0);
        if doing.outflows.is_empty() {
            doing.look = Instant::now() + self.limits.write / 4;
        }
        doing.outflows.push(Arc::downgrade(outflow));
    }

    /// What is overdue, or until when nothing will be.
    fn look(&self, now: Instant) -> Result<Instant, Overdue> {
        self.cut_outflows(now);
        let mut doing = self.doing();
        let Limits { head, idle, write, .. } = self.limits;
        let mut until = now + idle;
        if let Some(since) = doing.blocked {
            until = until.min(since + write);
            if since + write <= now {
                return Err(Overdue::Reading);
            }
        } else if let Some(since) = doing.idle.filter(|_| doing.head.is_none() && !doing.is_ending)
        {
            until = until.min(since + idle);
            if since + idle <= now {
                return Err(Overdue::Request);
            }
            if doing.is_between && !self.is_resting() {
                until = until.min(since + REST);
                if since + REST <= now {
                    self.is_resting.store(true, Ordering::Relaxed);
                    return Err(Overdue::Rest);
                }
            }
        }
        if let Some(since) = doing.head {
            until = until.min(since + head);
            if since + head <= now {
                (doing.head, doing.is_late) = (None, true);
                return Err(Overdue::Head);
            }
        }
        if !doing.outflows.is_empty() {
            until = until.min(doing.look);
        }
        Ok(until)
    }

    /// Lets go of answers that the client does not take. Without the lock: what is dropped may say so here.
    fn cut_outflows(&self, now: Instant) {
        let mut doing = self.doing();
        if doing.outflows.is_empty() || now < doing.look {
            return;
        }
        doing.look = now + self.limits.write / 4;
        let outflows: Vec<_> = doing.outflows.iter().filter_map(Weak::upgrade).collect();
        doing.outflows.retain(|outflow| outflow.strong_count() > 0);
        drop(doing);
        for outflow in outflows {
            outflow.cut_if_stalled(now, self.limits.write);
        }
    }
}

/// A request that runs.
#[derive(Debug)]
pub(super) struct Running(Arc<Pulse>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut doing = self.0.doing();
        doing.running -= 1;
        if doing.running == 0 {
            doing.idle = Some(Instant::now());
        }
    }
}

/// Waits for what is overdue. To be polled whenever the connection was.
pub(super) struct Watch {
    pulse: Arc<Pulse>,
    timer: Pin<Box<Sleep>>,
}

impl Watch {
    pub(super) fn new(pulse: Arc<Pulse>) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + pulse.limits.idle));
        Self { pulse, timer }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Overdue> {
        loop {
            let until = match self.pulse.look(Instant::now()) {
                Ok(until) => until,
                Err(overdue) => return Poll::Ready(overdue),
            };
            // One that is too early is cheaper than one that is set anew each time.
            if until < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(until);
            }
            ready!(self.timer.as_mut().poll(cx));
        }
    }
}
