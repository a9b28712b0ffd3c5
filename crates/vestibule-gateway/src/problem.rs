use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use vestibule_types::{PROBLEM_JSON, ProblemDetails};

/// Something the gateway itself has to say instead of an answer. For scripts it is problem details (RFC 9457);
/// it also goes along as an extension of the response, from which a page for people can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// Stable, for scripts; its page is docs/errors/CODE.md.
    pub code: &'static str,
    /// What kind of problem it is, in a few words.
    pub title: &'static str,
    /// One sentence, for people.
    pub detail: &'static str,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// Every problem there is.
    pub const ALL: [Self; 26] = [
        Self::MALFORMED,
        Self::BAD_PATH,
        Self::BAD_BODY,
        Self::BAD_FORWARDING,
        Self::HTTPS_REQUIRED,
        Self::SIGNED_OUT,
        Self::CROSS_SITE,
        Self::UNTRUSTED_HOP,
        Self::FORBIDDEN,
        Self::NOT_FOUND,
        Self::METHOD,
        Self::REQUEST_LATE,
        Self::TOO_LARGE,
        Self::BODY_TOO_LARGE,
        Self::TARGET_TOO_LONG,
        Self::MISDIRECTED,
        Self::HEAD_TOO_LARGE,
        Self::INTERNAL,
        Self::SESSION_TOO_LARGE,
        Self::BROKEN,
        Self::UNREACHABLE,
        Self::FAILING,
        Self::OVERLOADED,
        Self::STALE,
        Self::SLOW,
        Self::REDIRECT_LOOP,
    ];

    /// It is not HTTP as it is written, or two parsers could read it differently (GW-15).
    pub const MALFORMED: Self =
        Self::new(400, "malformed_request", "Malformed request", "The request is malformed.");
    /// A path that guard and upstream might read differently (GW-05).
    pub const BAD_PATH: Self =
        Self::new(400, "bad_path", "Malformed address", "The address is malformed.");
    /// A body that is malformed, or that broke off.
    pub const BAD_BODY: Self =
        Self::new(400, "bad_body", "Unreadable body", "The body of the request can't be read.");
    /// What a proxy in front says of the request makes no sense, at the forward-auth endpoint or in its headers.
    pub const BAD_FORWARDING: Self = Self::new(
        400,
        "bad_forwarding",
        "Malformed forwarding",
        "What the proxy in front of this site says of the request can't be read.",
    );
    /// The site is served over https only.
    pub const HTTPS_REQUIRED: Self =
        Self::new(400, "https_required", "https required", "This site is served over https only.");
    /// A page or call that needs a session, and there is none.
    pub const SIGNED_OUT: Self = Self::new(401, "signed_out", "Not signed in", "Not authenticated");
    /// A request to change something that did not come from this site (CS-01).
    pub const CROSS_SITE: Self = Self::new(
        403,
        "cross_site",
        "From another site",
        "This request did not come from this site.",
    );
    /// Forward-auth was asked by an address that is no proxy of ours (GW-18).
    pub const UNTRUSTED_HOP: Self = Self::new(
        403,
        "untrusted_hop",
        "Not a known proxy",
        "This address may not ask for others: name it with --trusted-hop.",
    );
    /// The visitor is signed in, and lacks the role or tier that the route asks for.
    pub const FORBIDDEN: Self =
        Self::new(403, "forbidden", "Not allowed", "This account is not allowed to do this.");
    /// There is nothing at this address.
    pub const NOT_FOUND: Self = Self::new(404, "not_found", "Not found", "Not Found");
    /// The address is right, the method isn't.
    pub const METHOD: Self =
        Self::new(405, "method_not_allowed", "Method not allowed", "Method Not Allowed");
    /// The request did not arrive in time (RL-02).
    pub const REQUEST_LATE: Self =
        Self::new(408, "request_late", "Request too slow", "The request did not arrive in time.");
    /// The body is over the limit of our own forms.
    pub const TOO_LARGE: Self =
        Self::new(413, "too_large", "Body too large", "The body is too large.");
    /// The body is over the limit of the route that it was passed on by (RL-01).
    pub const BODY_TOO_LARGE: Self = Self::new(
        413,
        "body_too_large",
        "Upload too large",
        "The body is larger than this address takes.",
    );
    /// The address is over the limit (RL-01).
    pub const TARGET_TOO_LONG: Self =
        Self::new(414, "target_too_long", "Address too long", "The address is too long.");
    /// The host that was asked for is not this site.
    pub const MISDIRECTED: Self = Self::new(
        421,
        "misdirected",
        "Another host",
        "The host that was asked for is not served here.",
    );
    /// The head is over the limit: its fields, or their number (RL-01).
    pub const HEAD_TOO_LARGE: Self = Self::new(
        431,
        "head_too_large",
        "Head too large",
        "The headers of the request are too large.",
    );
    /// A bug, or the random generator.
    pub const INTERNAL: Self =
        Self::new(500, "internal", "Internal error", "Internal Server Error");
    /// The tokens of this API don't fit in a cookie (CK-04).
    pub const SESSION_TOO_LARGE: Self = Self::new(
        502,
        "session_too_large",
        "Session too large",
        "The session does not fit in a cookie: the API's tokens are too long.",
    );
    /// The upstream hung up.
    pub const BROKEN: Self = Self::new(
        502,
        "upstream_broken",
        "Upstream broke off",
        "The server behind this site broke the connection.",
    )
    .after(2);
    /// No connection to the upstream.
    pub const UNREACHABLE: Self = Self::new(
        503,
        "upstream_unreachable",
        "Upstream unreachable",
        "The server behind this site can't be reached.",
    )
    .after(2);
    /// The upstream says that it can't work.
    pub const FAILING: Self = Self::new(
        503,
        "upstream_failing",
        "Upstream failing",
        "The server behind this site can't work at the moment.",
    )
    .after(2);
    /// The upstream is not asked now, for its own good (RL-05).
    pub const OVERLOADED: Self = Self::new(
        503,
        "upstream_overloaded",
        "Upstream overloaded",
        "The server behind this site has too much to do at the moment.",
    )
    .after(2);
    /// Nothing is known, or nothing new enough, of sessions that were ended elsewhere (RV-03).
    pub const STALE: Self = Self::new(
        503,
        "revocations_unknown",
        "Revocations unknown",
        "Whether this session was ended elsewhere can't be found out at the moment.",
    )
    .after(2);
    /// The upstream took too long.
    pub const SLOW: Self = Self::new(
        504,
        "upstream_slow",
        "Upstream too slow",
        "The server behind this site takes too long.",
    )
    .after(5);
    /// The UI sends a visitor to sign in who is signed in, each time that he is led back to it.
    pub const REDIRECT_LOOP: Self = Self::new(
        508,
        "redirect_loop",
        "Redirect loop",
        "A page sends its visitor to sign in, who is signed in.",
    );

    const fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: &'static str,
    ) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else { panic!("a status has 3 digits") };
        Self { status, code, title, detail, retry_after: None }
    }

    const fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The answer that also says where to sign in: a path on this site.
    pub(crate) fn with_login(self, login: String) -> Response {
        let mut details = self.details();
        details.login = Some(login);
        self.answer(details)
    }

    fn details(self) -> ProblemDetails {
        ProblemDetails::new(self.status.as_u16(), self.code, self.title, self.detail)
    }

    fn answer(self, details: ProblemDetails) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let mut response = (self.status, headers, json(&details)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110, 15.5.2. No registered scheme means a cookie; browsers pass over one they don't know.
            let challenge = HeaderValue::from_static("Cookie");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self);
        response.extensions_mut().insert(Unnamed(details));
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer(self.details())
    }
}

/// The body of a problem that does not know yet which request it answers.
#[derive(Clone)]
struct Unnamed(ProblemDetails);

/// Puts the request's id into the problem that `response` is, if it is one of ours: its `instance`.
pub fn name_request(response: &mut Response, id: &str) {
    if let Some(Unnamed(mut details)) = response.extensions_mut().remove() {
        details.instance = Some(id.to_owned());
        // The router has measured the body that this one replaces.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = json(&details);
    }
}

fn json(details: &ProblemDetails) -> Body {
    Body::from(serde_json::to_vec(details).expect("text and numbers are JSON"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    use super::{Problem, name_request};

    #[tokio::test]
    async fn er_01_er_06_every_problem_is_told_by_rfc_9457_and_names_its_request() {
        for problem in Problem::ALL {
            let mut response = problem.into_response();
            name_request(&mut response, "4f2a");
            let (head, body) = response.into_parts();
            let body: Value =
                serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
            let told = json!({
                "type": format!("urn:vestibule:error:{}", problem.code), "title": problem.title,
                "status": head.status.as_u16(), "detail": problem.detail, "code": problem.code,
                "instance": "4f2a",
            });
            assert_eq!(body, told);
            let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
            assert_eq!(header("content-type"), Some("application/problem+json"));
            assert_eq!(header("cache-control"), Some("no-store"));
            assert_eq!(header("www-authenticate").is_some(), head.status == 401, "{problem:?}");
            assert_eq!(header("retry-after").is_some(), problem.retry_after.is_some());
        }
    }

    #[test]
    fn er_01_no_two_problems_share_a_code_or_a_title() {
        let codes: HashSet<_> = Problem::ALL.map(|problem| problem.code).into();
        let titles: HashSet<_> = Problem::ALL.map(|problem| problem.title).into();
        assert_eq!((codes.len(), titles.len()), (Problem::ALL.len(), Problem::ALL.len()));
    }

    #[tokio::test]
    async fn who_is_not_signed_in_is_told_where_to() {
        let response = Problem::SIGNED_OUT.with_login("/login?next=/a".to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["login"], &body["code"]),
            (&json!("/login?next=/a"), &json!("signed_out"))
        );
    }
}
