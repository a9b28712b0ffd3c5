use std::fmt;

use serde::{Deserialize, Serialize};

/// An account's number: positive, never reused, and what tokens are bound to (LG-03).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct UserId(i64);

impl UserId {
    /// As the database numbered it.
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    /// The number.
    pub fn value(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
