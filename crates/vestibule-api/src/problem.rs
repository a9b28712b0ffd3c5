//! Refusals as problem details (RFC 9457), for whoever asks for them; otherwise they are `{"detail"}` (ER-01, D8).

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use vestibule_types::{Detail, DetailKind, FieldError, PROBLEM_JSON, ProblemDetails};

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kind {
    /// Its status.
    pub status: StatusCode,
    /// Stable, for scripts; its page is docs/errors/CODE.md.
    pub code: &'static str,
    /// The same in a few words.
    pub title: &'static str,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 21] = [
        Self::BAD_BODY,
        Self::NOT_AUTHENTICATED,
        Self::TOKEN_INVALID,
        Self::LOGOUT_TOKEN_INVALID,
        Self::WRONG_CREDENTIALS,
        Self::REFRESH_TOKEN_MISSING,
        Self::REFRESH_TOKEN_INVALID,
        Self::LOGIN_TOO_OLD,
        Self::NOT_OWNER,
        Self::GATEWAYS_ONLY,
        Self::NOT_FOUND,
        Self::METHOD,
        Self::REFRESH_TOKEN_REPLACED,
        Self::TOO_LARGE,
        Self::FIELDS,
        Self::TAKEN,
        Self::TOO_MANY_ATTEMPTS,
        Self::INTERNAL,
        Self::BUSY,
        Self::BEHIND,
        Self::DATABASE,
    ];

    pub(crate) const BAD_BODY: Self = Self::new(400, "bad_body", "Unreadable body");
    pub(crate) const NOT_AUTHENTICATED: Self =
        Self::new(401, "not_authenticated", "No bearer token");
    pub(crate) const TOKEN_INVALID: Self = Self::new(401, "token_invalid", "Token not valid");
    pub(crate) const LOGOUT_TOKEN_INVALID: Self =
        Self::new(401, "logout_token_invalid", "No valid token to sign out");
    pub(crate) const WRONG_CREDENTIALS: Self =
        Self::new(401, "wrong_credentials", "Wrong credentials");
    pub(crate) const REFRESH_TOKEN_MISSING: Self =
        Self::new(401, "refresh_token_missing", "No refresh token");
    pub(crate) const REFRESH_TOKEN_INVALID: Self =
        Self::new(401, "refresh_token_invalid", "Refresh token not valid");
    pub(crate) const LOGIN_TOO_OLD: Self = Self::new(403, "login_too_old", "Login too old");
    pub(crate) const NOT_OWNER: Self = Self::new(403, "not_owner", "Another's account");
    pub(crate) const GATEWAYS_ONLY: Self = Self::new(403, "gateways_only", "Gateways only");
    pub(crate) const NOT_FOUND: Self = Self::new(404, "not_found", "Not found");
    pub(crate) const METHOD: Self = Self::new(405, "method_not_allowed", "Method not allowed");
    pub(crate) const REFRESH_TOKEN_REPLACED: Self =
        Self::new(409, "refresh_token_replaced", "Refresh token replaced");
    pub(crate) const TOO_LARGE: Self = Self::new(413, "too_large", "Body too large");
    pub(crate) const FIELDS: Self = Self::new(422, "fields_invalid", "Fields not valid");
    pub(crate) const TAKEN: Self = Self::new(422, "taken", "Already taken");
    pub(crate) const TOO_MANY_ATTEMPTS: Self =
        Self::new(429, "too_many_attempts", "Too many attempts");
    pub(crate) const INTERNAL: Self = Self::new(500, "internal", "Internal error");
    pub(crate) const BUSY: Self = Self::new(503, "busy", "Busy");
    pub(crate) const BEHIND: Self = Self::new(503, "revocations_behind", "Revocations behind");
    pub(crate) const DATABASE: Self =
        Self::new(503, "database_unavailable", "Database unavailable");

    const fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else { panic!("a status has 3 digits") };
        Self { status, code, title }
    }

    /// The answer, as the contract has it. `fields` are for problem details, which have them apart.
    pub(crate) fn refuse(
        &'static self,
        detail: Detail,
        fields: Option<Vec<FieldError>>,
    ) -> Response {
        let mut response = (self.status, Json(&detail)).into_response();
        response.extensions_mut().insert(Refused(self, detail, fields));
        response
    }
}

/// What a response says, for [`Wanted::apply`].
#[derive(Clone)]
struct Refused(&'static Kind, Detail, Option<Vec<FieldError>>);

/// A request asks for problem details, and has this id.
pub(crate) struct Wanted(Option<HeaderValue>);

impl Wanted {
    /// Unless it does not.
    pub(crate) fn by(headers: &HeaderMap) -> Option<Self> {
        is_wanted(headers).then(|| Self(headers.get("x-request-id").cloned()))
    }

    /// Gives a refusal that form.
    pub(crate) fn apply(self, response: &mut Response) {
        let Some(Refused(kind, detail, fields)) = response.extensions_mut().remove() else {
            return;
        };
        let id = self.0.and_then(|id| Some(id.to_str().ok()?.to_owned()));
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        *response.body_mut() = Json(details(kind, detail, fields, id)).into_response().into_body();
    }
}

/// Whether a range of `Accept` names the media type; what takes anything takes what the contract has.
fn is_wanted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut ranges = lines.flat_map(|line| line.split(','));
    ranges.any(|range| {
        let kind = range.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case(PROBLEM_JSON)
    })
}

fn details(
    kind: &Kind,
    detail: Detail,
    fields: Option<Vec<FieldError>>,
    id: Option<String>,
) -> ProblemDetails {
    let sentence = match detail.detail {
        DetailKind::Text(sentence) => sentence,
        DetailKind::Fields(_) => "Some fields are not valid.".to_owned(),
    };
    let mut details = ProblemDetails::new(kind.status.as_u16(), kind.code, kind.title, sentence);
    (details.instance, details.errors) = (id, fields);
    details
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header};

    use super::is_wanted;

    #[test]
    fn er_01_problem_details_are_for_those_who_name_them() {
        for (accept, wanted) in [
            ("application/problem+json", true),
            ("application/json, Application/Problem+JSON;q=0.9", true),
            ("*/*", false),
            ("application/*", false),
            ("application/json", false),
            ("application/problem+xml", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(is_wanted(&headers), wanted, "{accept}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }
}
