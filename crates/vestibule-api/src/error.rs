use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sqlx::postgres::PgDatabaseError;
use vestibule_types::{Detail, FieldError, Invalid};

use crate::budget::Throttled;
use crate::passwords::Busy;
use crate::problem::Kind;
use crate::store::Taken;

/// Why the identity API can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The threads that hash passwords.
    #[error("the password hashing threads can't be started: {0}")]
    Threads(std::io::Error),
    /// What other nodes have written.
    #[error("the database does not answer: {0}")]
    Database(#[from] sqlx::Error),
}

/// What a route answers when it does not succeed: one variant, one status, one body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No `Authorization: Bearer` at all (contract, section 1).
    #[error("Not authenticated")]
    NoBearer,
    /// A token that opens nothing.
    #[error("User not authenticated.")]
    BadBearer,
    /// Wrong password, unknown or deleted account: one answer (LG-12).
    #[error("Wrong username, email or password.")]
    BadCredentials,
    #[error("Refresh token missing.")]
    NoRefreshToken,
    /// A refresh token that opens nothing; the dead cookie is cleared with it.
    #[error("Invalid refresh token.")]
    BadRefreshToken,
    /// Neither half of what was shown to `/logout` is good.
    #[error("Invalid token.")]
    BadLogoutToken,
    /// A refresh token that its own successor has just overtaken (R4).
    #[error("Refresh token was replaced a moment ago.")]
    Stale,
    /// The session is too old for this; a new login will do (LG-05).
    #[error("Sign in again to do this.")]
    NotFresh,
    #[error("Request forbidden -- authorization will not help")]
    Forbidden,
    /// The caller did not show that it is a gateway of ours (GW-22).
    #[error("Only a gateway may call this API.")]
    NotAGateway,
    #[error("{0}")]
    NotFound(&'static str),
    #[error("Method Not Allowed")]
    MethodNotAllowed,
    /// All fields that were refused, at once.
    #[error("some fields are not valid")]
    Fields(Vec<FieldError>),
    /// A value that another account has.
    #[error("{}", sentence(*.0))]
    Taken(Taken),
    #[error("There was an error parsing the body")]
    Unreadable,
    #[error("The body is too large")]
    TooLarge,
    #[error("Too many attempts. Try again later.")]
    Throttled(u64),
    #[error("Too many passwords are being checked. Try again in a moment.")]
    Busy,
    /// This node has not heard everything itself, so it tells no gateway (RV-07).
    #[error("What has ended is not known here. Try again in a moment.")]
    Behind,
    /// Ours to mend. The cause is logged, once, here; the caller learns only the status.
    #[error("Internal Server Error")]
    Database(#[from] sqlx::Error),
}

impl From<Taken> for ApiError {
    fn from(taken: Taken) -> Self {
        Self::Taken(taken)
    }
}

/// As the contract has it.
fn sentence(taken: Taken) -> &'static str {
    match taken {
        Taken::Email => "Email is already registered",
        Taken::Username => "Username not available",
    }
}

impl From<Throttled> for ApiError {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled(throttled.0)
    }
}

impl From<Busy> for ApiError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl ApiError {
    /// What it is called, and its status.
    fn kind(&self) -> &'static Kind {
        match self {
            Self::NoBearer => &Kind::NOT_AUTHENTICATED,
            Self::BadBearer => &Kind::TOKEN_INVALID,
            Self::BadLogoutToken => &Kind::LOGOUT_TOKEN_INVALID,
            Self::BadCredentials => &Kind::WRONG_CREDENTIALS,
            Self::NoRefreshToken => &Kind::REFRESH_TOKEN_MISSING,
            Self::BadRefreshToken => &Kind::REFRESH_TOKEN_INVALID,
            Self::Stale => &Kind::REFRESH_TOKEN_REPLACED,
            Self::NotFresh => &Kind::LOGIN_TOO_OLD,
            Self::Forbidden => &Kind::NOT_OWNER,
            Self::NotAGateway => &Kind::GATEWAYS_ONLY,
            Self::NotFound(_) => &Kind::NOT_FOUND,
            Self::MethodNotAllowed => &Kind::METHOD,
            Self::Fields(_) => &Kind::FIELDS,
            Self::Taken(_) => &Kind::TAKEN,
            Self::Unreadable => &Kind::BAD_BODY,
            Self::TooLarge => &Kind::TOO_LARGE,
            Self::Throttled(_) => &Kind::TOO_MANY_ATTEMPTS,
            Self::Busy => &Kind::BUSY,
            Self::Behind => &Kind::BEHIND,
            Self::Database(cause) if is_outage(cause) => &Kind::DATABASE,
            Self::Database(_) => &Kind::INTERNAL,
        }
    }

    /// Seconds after which another try makes sense.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Throttled(seconds) => Some(*seconds),
            Self::Stale => Some(1),
            _ => (self.kind().status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }

    /// RFC 9110, 11.6.1; RFC 6750, 3. Where no bearer token is asked for, there is none (contract, section 1).
    fn challenge(&self) -> Option<HeaderValue> {
        match self {
            Self::NoBearer => Some(HeaderValue::from_static("Bearer")),
            Self::BadBearer | Self::BadLogoutToken => {
                Some(HeaderValue::from_static(r#"Bearer error="invalid_token""#))
            }
            _ => None,
        }
    }

    /// The fields that problem details name: a sentence is for people.
    fn fields(&self) -> Option<Vec<FieldError>> {
        match self {
            Self::Fields(fields) => Some(fields.clone()),
            Self::Taken(taken) => {
                let field = match taken {
                    Taken::Email => "email",
                    Taken::Username => "username",
                };
                Some(vec![Invalid::new("taken", sentence(*taken)).of(field)])
            }
            _ => None,
        }
    }

    fn detail(self) -> Detail {
        match self {
            Self::Fields(fields) => Detail::fields(fields),
            Self::Database(cause) if is_outage(&cause) => {
                Detail::text("The database is not available. Try again in a moment.")
            }
            other => Detail::text(other.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Database(cause) = &self {
            tracing::error!(error = cause as &dyn std::error::Error, "the database failed");
        }
        let is_for_gateways = matches!(self, Self::NotAGateway);
        let (kind, seconds, challenge) = (self.kind(), self.retry_after(), self.challenge());
        let fields = self.fields();
        let mut response = kind.refuse(self.detail(), fields);
        let headers = response.headers_mut();
        headers.extend(seconds.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
        headers.extend(challenge.map(|scheme| (header::WWW_AUTHENTICATE, scheme)));
        if is_for_gateways {
            // A gateway that is refused itself knows by this that nobody's session is over.
            headers.insert("x-vestibule-gateways-only", HeaderValue::from_static("yes"));
        }
        response
    }
}

/// Whether waiting may help: no connection, or the database says so. A proxy in front of a server that is away takes
/// a connection and hangs up, which the driver reads as an answer that makes no sense. SQLite: busy, locked, read-only, I/O, disk
/// full, can't open (primary result codes 5, 6, 8, 10, 13, 14). PostgreSQL: connection, resources, shutdown,
/// system (classes 08, 53, 57, 58), a conflict that went on (40), a lock not had in time, a standby.
fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            let Some(code) = error.code() else { return false };
            if error.try_downcast_ref::<PgDatabaseError>().is_some() {
                let is_class = |class: &&str| code.starts_with(*class);
                return ["08", "40", "53", "57", "58"].iter().any(is_class)
                    || matches!(&*code, "55P03" | "25006");
            }
            code.parse().is_ok_and(|code: u32| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::ApiError;

    #[test]
    fn a_database_that_can_not_be_reached_is_an_outage_and_a_wrong_statement_is_ours() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let hung_up = "unexpected response from SSLRequest: 0x00".to_owned();
        for (error, status) in [
            (sqlx::Error::Io(refused), 503),
            (sqlx::Error::Protocol(hung_up), 503),
            (sqlx::Error::Tls("the handshake broke off".into()), 503),
            (sqlx::Error::PoolTimedOut, 503),
            (sqlx::Error::ColumnNotFound("sid".to_owned()), 500),
        ] {
            let said = error.to_string();
            let response = ApiError::from(error).into_response();
            assert_eq!(response.status(), status, "{said}");
            assert_eq!(response.headers().contains_key("retry-after"), status == 503, "{said}");
        }
    }
}
