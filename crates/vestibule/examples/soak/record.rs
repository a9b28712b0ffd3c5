//! What happened: promises kept and broken, faults with their times, and a timeline of each session.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What has to hold, whatever happens. [`Promise::words`] says what each is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Promise {
    HonestKept,
    NobodyRefused,
    NobodyMixedUp,
    CalmMeansUp,
    ClosedInTime,
    ClosedAtOnce,
    RefreshClosed,
    ClosedForGood,
    AccountKept,
    ChangeKept,
    RowsWhole,
    NoneEndedUnasked,
    StillRunning,
}

impl Promise {
    pub(crate) const ALL: [Self; 13] = [
        Self::HonestKept,
        Self::NobodyRefused,
        Self::NobodyMixedUp,
        Self::CalmMeansUp,
        Self::ClosedInTime,
        Self::ClosedAtOnce,
        Self::RefreshClosed,
        Self::ClosedForGood,
        Self::AccountKept,
        Self::ChangeKept,
        Self::RowsWhole,
        Self::NoneEndedUnasked,
        Self::StillRunning,
    ];

    /// What breaks it, and what was looked at.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::HonestKept => ("honest sessions lost", "sessions"),
            Self::NobodyRefused => {
                ("honest requests wrongly refused (401, 303, 4xx, 500)", "requests")
            }
            Self::NobodyMixedUp => ("answers about somebody else", "answers"),
            Self::CalmMeansUp => ("requests without an answer while nothing was wrong", "requests"),
            Self::ClosedInTime => ("revoked sessions accepted after the bound", "places watched"),
            Self::ClosedAtOnce => {
                ("revoked sessions accepted by the one that ended them", "places watched")
            }
            Self::RefreshClosed => ("revoked refresh tokens accepted", "tries"),
            Self::ClosedForGood => ("revoked sessions accepted again at the end", "tries"),
            Self::AccountKept => ("acknowledged registrations lost", "accounts"),
            Self::ChangeKept => ("acknowledged changes lost", "changes"),
            Self::RowsWhole => ("rows half-written", "rows"),
            Self::NoneEndedUnasked => ("sessions ended that nobody ended", "sessions"),
            Self::StillRunning => ("processes that ended by themselves", "starts"),
        }
    }
}

/// What is done to the cluster.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Fault {
    ApiKilled,
    GatewayKilled,
    GatewayStopped,
    DatabaseRestarted,
    DatabaseAway,
    WireCut,
    WireFrozen,
    FeedCut,
    AnswersCut,
    AnswersLate,
    /// Nobody's doing: the machine has other work.
    Stalled,
}

impl Fault {
    /// Those that are injected.
    pub(crate) const ALL: [Self; 10] = [
        Self::ApiKilled,
        Self::GatewayKilled,
        Self::GatewayStopped,
        Self::DatabaseRestarted,
        Self::DatabaseAway,
        Self::WireCut,
        Self::WireFrozen,
        Self::FeedCut,
        Self::AnswersCut,
        Self::AnswersLate,
    ];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ApiKilled => "API node killed (SIGKILL)",
            Self::GatewayKilled => "gateway killed (SIGKILL)",
            Self::GatewayStopped => "gateway stopped (SIGTERM)",
            Self::DatabaseRestarted => "PostgreSQL restarted without warning",
            Self::DatabaseAway => "PostgreSQL away for seconds",
            Self::WireCut => "database connections of an API node cut",
            Self::WireFrozen => "database connections of an API node silent for seconds",
            Self::FeedCut => "feed of a gateway cut or silent for seconds",
            Self::AnswersCut => "period in which answers to refreshes are cut after the commit",
            Self::AnswersLate => "period in which answers of the API are late",
            Self::Stalled => "the machine itself stalled for half a second or longer",
        }
    }

    /// Whether a revocation may reach gateways later because of it.
    pub(crate) fn delays_news(self) -> bool {
        !matches!(self, Self::GatewayKilled | Self::GatewayStopped | Self::AnswersCut)
    }
}

/// A fault while it lasts, and afterwards.
#[derive(Clone, Copy)]
pub(crate) struct Episode {
    pub(crate) fault: Fault,
    pub(crate) began: Instant,
    pub(crate) ended: Option<Instant>,
}

/// How a session ended: who ended it, when that was acknowledged, and how long it was still accepted where.
#[derive(Clone)]
pub(crate) struct Closing {
    pub(crate) sid: String,
    pub(crate) acknowledged: Instant,
    /// By place, how long after the acknowledgement a request was sent that was still let in.
    pub(crate) accepted: Vec<(Place, Duration)>,
}

/// Where a revoked session is shown again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Node(usize),
    Gateway(usize),
}

/// Everything that is noted during a run.
pub(crate) struct Record {
    pub(crate) began: Instant,
    notes: Mutex<Notes>,
    /// What did not hold, at once, for whoever looks while it goes on.
    reasons: File,
}

#[derive(Default)]
struct Notes {
    counts: BTreeMap<&'static str, u64>,
    checked: BTreeMap<Promise, u64>,
    broken: Vec<(Promise, String)>,
    episodes: Vec<Episode>,
    closings: Vec<Closing>,
    timelines: HashMap<String, VecDeque<String>>,
}

/// Lines kept of one session.
const LINES: usize = 400;

impl Record {
    pub(crate) fn new(reasons: File) -> Self {
        Self { began: Instant::now(), notes: Mutex::default(), reasons }
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.notes().counts.entry(what).or_default() += 1;
    }

    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.notes().counts.get(what).copied().unwrap_or_default()
    }

    /// Looked at once, and found to hold or not.
    pub(crate) fn check(&self, promise: Promise, holds: bool, why: impl FnOnce() -> String) {
        self.checks(promise, 1);
        if !holds {
            self.breaks(promise, why(), None);
        }
    }

    pub(crate) fn checks(&self, promise: Promise, times: u64) {
        *self.notes().checked.entry(promise).or_default() += times;
    }

    /// It did not hold: why, with the timeline of the session if it is one's.
    pub(crate) fn breaks(&self, promise: Promise, why: String, sid: Option<&str>) {
        let at = self.seconds();
        let mut notes = self.notes();
        let lines = sid.and_then(|sid| notes.timelines.get(sid));
        let lines: String =
            lines.into_iter().flatten().map(|line| format!("\n    {line}")).collect();
        let (what, _) = promise.words();
        let why = format!("{at:9.3}  BROKEN: {what}: {why}");
        eprintln!("{why}");
        let _kept_here_anyway = writeln!(&self.reasons, "{why}{lines}");
        notes.broken.push((promise, why));
    }

    pub(crate) fn broken(&self) -> Vec<(Promise, String)> {
        self.notes().broken.clone()
    }

    pub(crate) fn checked(&self, promise: Promise) -> u64 {
        self.notes().checked.get(&promise).copied().unwrap_or_default()
    }

    /// A line in the timeline of the session `sid`.
    pub(crate) fn tell(&self, sid: &str, line: &str) {
        let line = format!("{:9.3}  {line}", self.seconds());
        let mut notes = self.notes();
        let lines = notes.timelines.entry(sid.to_owned()).or_default();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn begin(&self, fault: Fault) -> usize {
        let mut notes = self.notes();
        notes.episodes.push(Episode { fault, began: Instant::now(), ended: None });
        notes.episodes.len() - 1
    }

    /// Something has just ended that began then.
    pub(crate) fn passed(&self, fault: Fault, began: Instant) {
        let ended = Some(Instant::now());
        self.notes().episodes.push(Episode { fault, began, ended });
    }

    pub(crate) fn end(&self, episode: usize) {
        self.notes().episodes[episode].ended = Some(Instant::now());
    }

    pub(crate) fn episodes(&self) -> Vec<Episode> {
        self.notes().episodes.clone()
    }

    /// Whether no fault was on between these moments, nor shortly before.
    pub(crate) fn was_calm(&self, from: Instant, to: Instant, settling: Duration) -> bool {
        self.notes().episodes.iter().all(|episode| !episode.touches(from, to, settling))
    }

    pub(crate) fn close(&self, closing: Closing) {
        self.notes().closings.push(closing);
    }

    pub(crate) fn closings(&self) -> Vec<Closing> {
        self.notes().closings.clone()
    }

    /// Seconds since the beginning.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Episode {
    pub(crate) fn touches(&self, from: Instant, to: Instant, settling: Duration) -> bool {
        self.began < to && self.ended.is_none_or(|ended| ended + settling > from)
    }
}
