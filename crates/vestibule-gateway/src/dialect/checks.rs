//! What can be wrong with the table `[api]`: one key, or two that contradict each other (DF-02).

use http::Method;

use super::Endpoint;
use super::place::Shown;
use super::tables::Constants;
use crate::path::CanonicalPath;

/// Ten years, in seconds: the longest life that is not a slip of the pen.
const LONGEST_LIFE: i64 = 10 * 366 * 24 * 60 * 60;

/// Why `[api]` can't be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidDialect {
    /// One key's value is not what it has to be.
    #[error("{key} {reason}")]
    Key {
        /// Which key, as in `api.login.path`.
        key: &'static str,
        /// What it has to be.
        reason: String,
    },
    /// Two keys that exclude one another.
    #[error("{one} and {other} contradict each other: {reason}")]
    Contradiction {
        /// One of them.
        one: String,
        /// The other.
        other: String,
        /// Why.
        reason: &'static str,
    },
}

pub(super) const BODIES: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];
pub(super) const ALL: [Method; 5] =
    [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET];

pub(super) fn endpoint(
    table: &'static str,
    path: String,
    method: &str,
    allowed: &[Method],
) -> Result<Endpoint, InvalidDialect> {
    check_path(table, &path)?;
    let found = allowed.iter().find(|allowed| allowed.as_str() == method);
    let method = found.cloned().ok_or_else(|| {
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        wrong(
            table,
            &format!("has the method {method:?}, which has to be one of {}", names.join(", ")),
        )
    })?;
    Ok(Endpoint { method, path })
}

/// A whole path at the API, in the one spelling that the gateway has for it.
pub(super) fn check_path(key: &'static str, path: &str) -> Result<(), InvalidDialect> {
    match CanonicalPath::parse(path) {
        Ok(canonical) if canonical.as_str() == path && path.len() > 1 => Ok(()),
        _ => Err(wrong(
            key,
            &format!("has the path {path:?}, which has to be a plain one such as /api/token/"),
        )),
    }
}

pub(super) fn check_constants(
    key: &'static str,
    constants: &Constants,
    shown: Option<&Shown>,
) -> Result<(), InvalidDialect> {
    if constants.values().any(|value| value.is_array() || value.is_object() || value.is_null()) {
        return Err(wrong(key, "have to be texts, numbers or booleans"));
    }
    match shown {
        Some(Shown::Cookie(_) | Shown::Bearer) if !constants.is_empty() => Err(contradiction(
            key,
            "the way that the token is shown",
            "constants go beside a token in a body: \"json FIELD\" or \"form FIELD\"",
        )),
        Some(Shown::Json(field) | Shown::Form(field)) if constants.contains_key(field) => {
            Err(contradiction(key, "the field of the token", "a field is sent once"))
        }
        _ => Ok(()),
    }
}

/// A field is sent once.
pub(super) fn check_apart(table: &'static str, names: &[&String]) -> Result<(), InvalidDialect> {
    let double = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
    double.map_or(Ok(()), |(_, name)| Err(wrong(table, &format!("sends the field {name:?} twice"))))
}

pub(super) fn life(
    key: &'static str,
    seconds: Option<i64>,
    usual: i64,
) -> Result<i64, InvalidDialect> {
    match seconds.unwrap_or(usual) {
        seconds @ 1..=LONGEST_LIFE => Ok(seconds),
        _ => Err(wrong(key, "has to be a number of seconds, up to ten years")),
    }
}

pub(super) fn wrong(key: &'static str, reason: &str) -> InvalidDialect {
    InvalidDialect::Key { key, reason: reason.to_owned() }
}

pub(super) fn contradiction(one: &str, other: &str, reason: &'static str) -> InvalidDialect {
    InvalidDialect::Contradiction { one: one.to_owned(), other: other.to_owned(), reason }
}
