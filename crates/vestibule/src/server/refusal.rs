use axum::response::{IntoResponse as _, Response};
use http::Method;
use vestibule_gateway::Problem;

use super::framing::Violation;

/// Why a request is answered here, without anything of it having gone on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// It is not HTTP as it is written (GW-15).
    Malformed,
    /// It did not come in time (RL-02).
    Late,
    /// Its target is too long (RL-01).
    LongTarget,
    /// Its head is too large (RL-01).
    LargeHead,
}

const ALL: [Refusal; 4] =
    [Refusal::Malformed, Refusal::Late, Refusal::LongTarget, Refusal::LargeHead];

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        match violation {
            Violation::Malformed(_) | Violation::Body(_) => Self::Malformed,
            Violation::LongTarget => Self::LongTarget,
            Violation::LargeHead => Self::LargeHead,
        }
    }
}

impl Refusal {
    /// The head that takes the refused one's place, so that the refusal comes behind the answers that are still due.
    pub(super) fn head(self) -> String {
        format!("{} / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n", self.method())
    }

    /// The refusal that such a head stands for. No client can send one by HTTP/1: [`super::framing`] knows no such method.
    pub(super) fn of(method: &Method) -> Option<Self> {
        ALL.into_iter().find(|refusal| refusal.method() == method.as_str())
    }

    fn method(self) -> &'static str {
        match self {
            Self::Malformed => "~400",
            Self::Late => "~408",
            Self::LongTarget => "~414",
            Self::LargeHead => "~431",
        }
    }

    /// One word for what counts them.
    pub(super) fn reason(self) -> &'static str {
        self.problem().code
    }

    /// What the client is told.
    pub(super) fn answer(self) -> Response {
        self.problem().into_response()
    }

    fn problem(self) -> Problem {
        match self {
            Self::Malformed => Problem::MALFORMED,
            Self::Late => Problem::REQUEST_LATE,
            Self::LongTarget => Problem::TARGET_TOO_LONG,
            Self::LargeHead => Problem::HEAD_TOO_LARGE,
        }
    }
}
