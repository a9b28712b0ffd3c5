//! Which paths are the API's, and how it spells them.

use axum::body::Body;
use axum::extract::Request;
use http::request::Parts;
use http::{Method, StatusCode, Uri, header};
use http_body::Body as _;

use super::{Dialect, PREFIX};
use crate::path::CanonicalPath;

impl Dialect {
    /// Where the API's routes are, such as `/api/v1`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the site passes on: the brief's, and the API's own if that is another.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &str> {
        let own = Some(self.prefix.as_str()).filter(|prefix| *prefix != PREFIX);
        [PREFIX].into_iter().chain(own)
    }

    /// Whether this path signs in, refreshes or signs out: that is the gateway's own, in whatever case, with or
    /// without slashes at its end and `;parameters`, since servers differ in what they take for the same.
    pub(crate) fn is_entrance(&self, path: &str) -> bool {
        let Ok(path) = CanonicalPath::parse(path) else { return true };
        let path: String = path.segments().map(|segment| format!("/{}", segment.name())).collect();
        let briefs = ["/login", "/refresh", "/logout"].map(|name| format!("{PREFIX}{name}"));
        let own = [
            Some(&self.login.to.path),
            self.refresh.as_ref().map(|renewal| &renewal.to.path),
            self.logout.as_ref().map(|farewell| &farewell.to.path),
        ];
        let mut entrances = briefs.iter().chain(own.into_iter().flatten());
        entrances.any(|entrance| bare(entrance).eq_ignore_ascii_case(&path))
    }

    /// A request as the API spells it, and the other spelling if that one [`is_elsewhere`]. Only who a token speaks for
    /// is asked for otherwise than the browser does: of `/user/me` the FastAPI backend would make the user named `me`,
    /// for everybody.
    pub(crate) fn spelled(&self, request: Request) -> (Request, Option<Request>) {
        let Some(me) = self.me.as_ref().filter(|_| self.asks_for_me(&request)) else {
            return (request, None);
        };
        let (mut head, _) = request.into_parts();
        if head.method == Method::GET {
            head.method = me.to.method.clone();
        }
        let other = me.other.as_ref().map(|path| at(&head, path));
        (at(&head, &me.to.path), other)
    }

    fn asks_for_me(&self, request: &Request) -> bool {
        let path = bare(request.uri().path());
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_me = path == "/api/v1/user/me"
            || path.strip_prefix(self.prefix.as_str()) == Some("/user/me")
            || self.me.as_ref().is_some_and(|me| bare(&me.to.path) == path);
        is_read && is_me && request.body().is_end_stream()
    }
}

/// A path without slashes at its end.
fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}

fn at(head: &Parts, path: &str) -> Request {
    let mut head = head.clone();
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    head.uri =
        Uri::try_from(format!("{path}{query}")).expect("a checked path, and a query as it was");
    head.headers.remove(header::CONTENT_LENGTH);
    Request::from_parts(head, Body::empty())
}

/// Whether an answer says no more than that this is not the way to spell it.
pub(crate) fn is_elsewhere(status: StatusCode) -> bool {
    status == StatusCode::NOT_FOUND
        || status == StatusCode::METHOD_NOT_ALLOWED
        || status.is_redirection()
}
