use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Something the gateway itself has to say instead of an answer. For scripts it is JSON, `{"detail", "code"}`;
/// it also goes along as an extension of the response, from which a page for people can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// Stable, for scripts.
    pub code: &'static str,
    /// One sentence, for people.
    pub detail: &'static str,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A path that guard and upstream might read differently (GW-05).
    pub const BAD_PATH: Self =
        Self::new(StatusCode::BAD_REQUEST, "bad_path", "The address is malformed.");
    /// A request to change something that did not come from this site (CS-01).
    pub const CROSS_SITE: Self =
        Self::new(StatusCode::FORBIDDEN, "cross_site", "This request did not come from this site.");
    /// The request names another host than this site's, or none (GW-10).
    pub const MISDIRECTED: Self = Self::new(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected",
        "This site does not go by that name.",
    );
    /// A call over http to a site that is https (TL-03).
    pub const HTTPS_REQUIRED: Self = Self::new(
        StatusCode::FORBIDDEN,
        "https_required",
        "This site takes calls over https only.",
    );
    /// Forward-auth was asked by an address that is no proxy of ours (GW-18).
    pub const UNTRUSTED_HOP: Self = Self::new(
        StatusCode::FORBIDDEN,
        "untrusted_hop",
        "This address may not ask for others: name it with --trusted-hop.",
    );
    /// Forward-auth was asked about a request that can't be read (GW-18).
    pub const BAD_FORWARDING: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "bad_forwarding",
        "What the proxy says of the request is missing, malformed or contradictory; the log says what.",
    );
    /// There is nothing at this address.
    pub const NOT_FOUND: Self = Self::new(StatusCode::NOT_FOUND, "not_found", "Not Found");
    /// The address is right, the method isn't.
    pub const METHOD: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed");
    /// A page or call that needs a session, and there is none.
    pub const SIGNED_OUT: Self =
        Self::new(StatusCode::UNAUTHORIZED, "signed_out", "Not authenticated");
    /// The body is over the limit of our own forms.
    pub const TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large.");
    /// The body is over the route's limit (RL-01).
    pub const BODY_TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "The body is larger than is allowed here.",
    );
    /// The body broke off, or is none.
    pub const BAD_BODY: Self =
        Self::new(StatusCode::BAD_REQUEST, "bad_body", "The body is malformed or broke off.");
    /// The visitor has no role or tier that the route needs.
    pub const FORBIDDEN: Self =
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This account may not do that.");
    /// The tokens of this API don't fit in a cookie (CK-04).
    pub const SESSION_TOO_LARGE: Self = Self::new(
        StatusCode::BAD_GATEWAY,
        "session_too_large",
        "The session does not fit in a cookie: the API's tokens are too long.",
    );
    /// A bug, or the random generator.
    pub const INTERNAL: Self =
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal Server Error");
    /// No connection to the upstream.
    pub const UNREACHABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "upstream_unreachable",
        "The server behind this site can't be reached.",
    )
    .after(2);
    /// The upstream hung up.
    pub const BROKEN: Self = Self::new(
        StatusCode::BAD_GATEWAY,
        "upstream_broken",
        "The server behind this site broke the connection.",
    )
    .after(2);
    /// The upstream took too long.
    pub const SLOW: Self = Self::new(
        StatusCode::GATEWAY_TIMEOUT,
        "upstream_slow",
        "The server behind this site takes too long.",
    )
    .after(5);
    /// The upstream says that it can't work.
    pub const FAILING: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "upstream_failing",
        "The server behind this site can't work at the moment.",
    )
    .after(2);

    /// The upstream is not asked now, for its own good (RL-05).
    pub const OVERLOADED: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "upstream_overloaded",
        "The server behind this site has too much to do at the moment.",
    )
    .after(2);
    /// Nothing is known, or nothing new enough, of sessions that were ended elsewhere (RV-03).
    pub const STALE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "revocations_unknown",
        "Whether this session was ended elsewhere can't be found out at the moment.",
    )
    .after(2);

    const fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self { status, code, detail, retry_after: None }
    }

    const fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({"detail": self.detail, "code": self.code}));
        let mut response =
            (self.status, [(header::CACHE_CONTROL, "no-store")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
