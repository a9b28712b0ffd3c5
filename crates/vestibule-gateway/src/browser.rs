//! What every request passes through, first to last: one canonical path, same origin, the session, the
//! guard; and on the way back, the cookie.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri, header};
use serde_json::json;
use tower::Layer as _;
use vestibule_types::ClientAddress;

use crate::cookie::{CookieError, Opened};
use crate::forward::{to_api, to_ui};
use crate::gateway::{Gateway, NoAnswer};
use crate::guard::{Wants, ask_to_sign_in};
use crate::path::CanonicalPath;
use crate::problem::Problem;
use crate::revoked::Standing;
use crate::same_origin;
use crate::session::SessionChange;
use crate::visitor::Visitor;

impl Gateway {
    /// The whole site: `pages` inside, the API below `/api/v1`, the UI for everything else.
    pub fn site(&self, pages: Router) -> Router {
        let fallback = {
            let gateway = self.clone();
            async move |visitor: Visitor, request: Request| to_ui(&gateway, &visitor, request).await
        };
        let routes = Router::new()
            .merge(self.api_routes())
            .route("/health", get(async || Json(json!({"status": "ok"}))))
            .route("/ready", get(ready).with_state(self.clone()))
            .merge(pages)
            .fallback(fallback)
            .method_not_allowed_fallback(async || Problem::METHOD);
        // Around the router and not inside: the canonical path is what it routes by.
        let inside = from_fn_with_state(self.clone(), browser).layer(routes);
        Router::new().fallback_service(inside)
    }
}

impl Gateway {
    /// The brief's prefix, and the API's own if that is another.
    fn api_routes(&self) -> Router {
        let own = Some(self.0.dialect.prefix()).filter(|prefix| *prefix != "/api/v1");
        ["/api/v1"].into_iter().chain(own).fold(Router::new(), |routes, prefix| {
            routes.route(&format!("{prefix}/{{*path}}"), any(to_api).with_state(self.clone()))
        })
    }
}

/// Whether the API behind the site answers, and how fresh the knowledge of revocations is (RV-03, RV-06).
async fn ready(State(gateway): State<Gateway>) -> Response {
    if let Err(outage) = gateway.probe().await {
        return Problem::from(outage).into_response();
    }
    let ready = match gateway.0.revoked.standing() {
        Standing::Unknown => return Problem::STALE.into_response(),
        Standing::Off => json!({"status": "ready", "revocations": "off"}),
        Standing::Followed => json!({"status": "ready", "revocations": "followed"}),
        Standing::Stale(age) => {
            json!({"status": "ready", "revocations": "stale", "age_s": age.as_secs()})
        }
    };
    Json(ready).into_response()
}

async fn browser(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let Some(path) = canonicalize(&mut head) else { return Problem::BAD_PATH.into_response() };
    if matches!(head.method, Method::TRACE | Method::CONNECT) {
        return Problem::METHOD.into_response(); // GW-09
    }
    let now = gateway.0.clock.now();
    let opened = gateway.0.cookie.read(&head.headers, now);
    let has_cookie = opened != Opened::Absent;
    if same_origin::check(&head.method, &head.headers, &gateway.0.site, has_cookie).is_err() {
        tracing::info!(path = path.as_str(), "a request from another site was refused");
        return Problem::CROSS_SITE.into_response();
    }
    let is_doubled = opened == Opened::Doubled;
    let visitor = visitor(&gateway, opened, &head, now);
    head.extensions.insert(visitor.clone());

    let is_guarded = gateway.0.guard.covers(&path);
    let mut response = match admit(&gateway, &visitor, &path, is_guarded, &head).await {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(refusal) => refusal,
    };
    if is_guarded {
        response.headers_mut().insert(header::CACHE_CONTROL, PRIVATE);
    }
    let mut response = finish(&gateway, &visitor, response);
    if is_doubled {
        let lines = gateway.0.cookie.delete_below_root(&path).into_iter();
        response.headers_mut().extend(lines.map(|line| (header::SET_COOKIE, line)));
    }
    response
}

const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// Puts the canonical path into the request: what is guarded is what is routed and sent on.
fn canonicalize(head: &mut Parts) -> Option<CanonicalPath> {
    let path = CanonicalPath::parse(head.uri.path()).ok()?;
    if path.as_str() != head.uri.path() || head.uri.authority().is_some() {
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target: PathAndQuery = format!("{}{query}", path.as_str()).parse().ok()?;
        head.uri = Uri::from(target);
    }
    Some(path)
}

fn visitor(gateway: &Gateway, opened: Opened, head: &Parts, now: i64) -> Visitor {
    let (session, change) = match opened {
        Opened::Session(session) if gateway.is_ended(&session) => (None, SessionChange::End),
        Opened::Session(session) => (Some(session), SessionChange::Keep),
        Opened::Broken => (None, SessionChange::End),
        Opened::Absent | Opened::UnknownKey | Opened::Doubled => (None, SessionChange::Keep),
    };
    let address = head.extensions.get::<ClientAddress>();
    let address = address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.0);
    let hint = gateway.0.cookie.hint_in(&head.headers);
    Visitor::new(session, change, address, &head.headers, hint, now)
}

/// The guard asks for a valid session, never for a cookie (GW-07), and lets nobody in on knowledge that is
/// too old (RV-03); a call to the API needs none, since the API checks by itself. Before a page is made, by us
/// or by the UI, the session is made fresh: while a page renders, nobody can set a cookie.
async fn admit(
    gateway: &Gateway,
    visitor: &Visitor,
    path: &CanonicalPath,
    is_guarded: bool,
    head: &Parts,
) -> Result<(), Response> {
    let is_page_of_ui =
        gateway.0.ui.is_some() && Wants::of(path.as_str(), &head.headers) == Wants::Page;
    let is_made_fresh = is_guarded || is_page_of_ui && visitor.session().is_some();
    if !is_made_fresh {
        return Ok(());
    }
    let is_call = path.as_str().starts_with("/api/v1/");
    let is_unknown = || gateway.0.revoked.standing() == Standing::Unknown;
    if is_guarded && !is_call && visitor.session().is_some() && is_unknown() {
        return Err(Problem::STALE.into_response());
    }
    match gateway.fresh(visitor).await {
        Ok(_) => Ok(()),
        Err(_) if !is_guarded => Ok(()),
        Err(NoAnswer::SignedOut) => {
            Err(ask_to_sign_in(&head.method, path, &head.uri, &head.headers))
        }
        Err(NoAnswer::Outage(outage)) => Err(Problem::from(outage).into_response()),
    }
}

/// Carries out what becomes of the cookie.
fn finish(gateway: &Gateway, visitor: &Visitor, mut response: Response) -> Response {
    let now = gateway.0.clock.now();
    let (change, since) = visitor.change();
    let change = match change {
        SessionChange::Replace(session) if gateway.is_ended(&session) => SessionChange::End,
        SessionChange::Replace(session) if now - since > session.late_after() => {
            SessionChange::Keep
        }
        change => change,
    };
    let lines = match gateway.0.cookie.write(&change, now) {
        Ok(lines) => lines,
        Err(error) => {
            tracing::error!(%error, "a session could not be stored");
            return match error {
                CookieError::TooLarge { .. } => Problem::SESSION_TOO_LARGE.into_response(),
                _ => Problem::INTERNAL.into_response(),
            };
        }
    };
    if !lines.is_empty() {
        // A kept copy of this answer would hand one person's session to the next.
        response.headers_mut().insert(header::CACHE_CONTROL, PRIVATE);
        response.headers_mut().remove(header::ETAG);
    }
    for line in lines {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    // For whoever turns a problem into a page: it says whether the session is kept.
    response.extensions_mut().insert(visitor.clone());
    response
}
