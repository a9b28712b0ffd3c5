//! Forward-auth: a proxy in front of an application asks whether a request may pass, and as whom (GW-18).
//!
//! It is served on a socket of its own, which browsers can't reach through the site: the answer holds an
//! access token. Every answer but 200 with an identity is a refusal, and none of them is a 2xx.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use vestibule_types::ClientAddress;

use crate::arrival::{arrival, https_or_nothing, peer};
use crate::browser::{check_origin, finish, visitor};
use crate::caching::make_private;
use crate::cookie::Opened;
use crate::gateway::{Gateway, NoAnswer};
use crate::guard::{Wants, ask_to_sign_in};
use crate::host::HostName;
use crate::original::Original;
use crate::problem::Problem;
use crate::revoked::Standing;
use crate::same_origin;
use crate::session::Session;
use crate::visitor::Visitor;

/// Whom the proxy asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answers {
    /// It passes a refusal on to the browser as it is: Caddy, Traefik, Envoy.
    PassedOn,
    /// It knows 2xx, 401 and 403, and makes the answer by itself: nginx.
    Statuses,
}

impl Gateway {
    /// What is served on the socket for proxies: `/forward-auth`, also with the original path behind it, for those
    /// that pass a refusal on; `/auth-request` for nginx.
    pub fn forward_auth(&self) -> Router {
        let asked = |answers: Answers| {
            any(async move |State(gateway): State<Gateway>, request: Request| {
                answer(&gateway, request.into_parts().0, answers).await
            })
            .with_state(self.clone())
        };
        Router::new()
            .route("/auth-request", asked(Answers::Statuses))
            .route("/forward-auth", asked(Answers::PassedOn))
            .route("/forward-auth/", asked(Answers::PassedOn))
            .route("/forward-auth/{*path}", asked(Answers::PassedOn))
            .fallback(async || Problem::NOT_FOUND)
    }
}

async fn answer(gateway: &Gateway, head: Parts, answers: Answers) -> Response {
    let (asked, head) = match asked(gateway, head) {
        Ok(both) => both,
        Err(problem) => return told(problem.into_response(), answers),
    };
    let now = gateway.0.clock.now();
    let opened = gateway.0.cookie.read(&head.headers, now);
    let has_cookie = opened != Opened::Absent;
    let visitor = visitor(gateway, opened, &head, now);
    let response = match judge(gateway, &visitor, &asked, &head, has_cookie).await {
        Ok(session) => identity(gateway, &session, &head.headers),
        Err(refusal) => refused(refusal, gateway.0.site.scheme(), &asked.original.host),
    };
    told(finish(gateway, &visitor, response), answers)
}

/// What the proxy asks about.
struct Asked {
    original: Original,
    /// Whether the client came over http, as far as anybody says.
    is_over_http: bool,
}

/// What a trusted hop asks; the client's address is in the head from here on.
fn asked(gateway: &Gateway, mut head: Parts) -> Result<(Asked, Parts), Problem> {
    let asker = peer(&head);
    if !gateway.0.trusted.contains(asker) {
        tracing::warn!(
            peer = %asker,
            "forward-auth was asked by an address that is not trusted; if it is a proxy of yours: --trusted-hop"
        );
        return Err(Problem::UNTRUSTED_HOP);
    }
    let original = Original::read(&head, &gateway.0.hosts).map_err(|why| {
        tracing::warn!(%why, peer = %asker, "a proxy asked about a request that can't be read");
        Problem::BAD_FORWARDING
    })?;
    let arrival = arrival(gateway, &head);
    head.extensions.insert(ClientAddress(arrival.client));
    Ok((Asked { original, is_over_http: arrival.is_https == Some(false) }, head))
}

/// What the site itself asks of a request, in the same order; here a session is always needed.
async fn judge(
    gateway: &Gateway,
    visitor: &Visitor,
    asked: &Asked,
    head: &Parts,
    has_cookie: bool,
) -> Result<Arc<Session>, Response> {
    let Original { method, path, uri, .. } = &asked.original;
    let (headers, site) = (&head.headers, &gateway.0.site);
    if matches!(*method, Method::TRACE | Method::CONNECT) {
        return Err(Problem::METHOD.into_response()); // GW-09
    }
    if site.is_https() && asked.is_over_http {
        return Err(https_or_nothing(gateway, method, path, uri.query(), headers)); // TL-03
    }
    let wants = Wants::of(path.as_str(), headers);
    let is_read = visitor.session().is_none()
        || same_origin::check_read(headers, wants == Wants::Page).is_ok();
    if !is_read || check_origin(site, method, headers, is_handshake(headers), has_cookie).is_err() {
        return Err(Problem::CROSS_SITE.into_response());
    }
    if visitor.session().is_some() && gateway.0.revoked.standing() == Standing::Unknown {
        return Err(Problem::STALE.into_response()); // RV-03
    }
    match gateway.fresh(visitor).await {
        Ok(session) => Ok(session),
        Err(NoAnswer::SignedOut) => Err(ask_to_sign_in(method, path, uri, headers)),
        Err(NoAnswer::Outage(outage)) => Err(Problem::from(outage).into_response()),
    }
}

/// Whether the request opens a WebSocket (RFC 6455, 4.1). Proxies take `Upgrade` out of what they ask, since it is
/// hop-by-hop, and leave the key.
fn is_handshake(headers: &HeaderMap) -> bool {
    let is_websocket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    headers.contains_key("sec-websocket-key") || headers.get_all(UPGRADE).iter().any(is_websocket)
}

/// 200 and who it is. Every header is there, with nothing in it if there is nothing to say: a proxy that copies it
/// then replaces what the client may have sent (GW-02).
fn identity(gateway: &Gateway, session: &Session, asked: &HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    let Some(authorization) = gateway.dialect().authorization(&session.access) else {
        return Problem::INTERNAL.into_response();
    };
    headers.insert(AUTHORIZATION, authorization);
    let user = &session.user;
    headers.insert(USER_ID, in_header(&user.id.to_string()));
    headers.insert(USERNAME, in_header(&user.username));
    headers.insert(EMAIL, in_header(user.email.as_deref().unwrap_or_default()));
    headers.insert(COOKIE, others(gateway, asked));
    make_private(headers);
    response
}

const USER_ID: HeaderName = HeaderName::from_static("x-vestibule-user-id");
const USERNAME: HeaderName = HeaderName::from_static("x-vestibule-username");
const EMAIL: HeaderName = HeaderName::from_static("x-vestibule-email");
/// Where to sign in, for a proxy that makes the redirect by itself.
const LOGIN: HeaderName = HeaderName::from_static("x-vestibule-login");
/// The two `Set-Cookie` lines, each under a name of its own: nginx and Caddy hand on one line of a name.
const SET_SESSION: HeaderName = HeaderName::from_static("x-vestibule-set-session");
const SET_HINT: HeaderName = HeaderName::from_static("x-vestibule-set-hint");

/// Visible ASCII as it is. Anything else is left out: servers disagree on what such bytes mean, and an encoded
/// name could be another's name.
fn in_header(text: &str) -> HeaderValue {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderValue::from_str(if is_visible { text } else { "" }).expect("visible ASCII")
}

/// The client's cookies without ours, in one line (GW-04).
fn others(gateway: &Gateway, asked: &HeaderMap) -> HeaderValue {
    let mut headers = asked.clone();
    gateway.0.cookie.strip(&mut headers);
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&lines.join(&b"; "[..])).expect("parts of values are a value")
}

/// A refusal that nobody can take for a yes: elsewhere a prefetch is told 204, which a proxy would let pass. And it
/// leads to a whole address: Traefik takes a path for one of the socket that it has asked.
fn refused(mut refusal: Response, scheme: &str, host: &HostName) -> Response {
    if refusal.status().is_success() {
        return Problem::SIGNED_OUT.into_response();
    }
    let location = refusal.headers().get(LOCATION).and_then(|place| place.to_str().ok());
    if let Some(path) = location.filter(|place| place.starts_with('/')) {
        let place = HeaderValue::try_from(format!("{scheme}://{host}{path}"));
        refusal.headers_mut().insert(LOCATION, place.expect("a host and a location are ASCII"));
    }
    refusal
}

/// The answer as the proxy understands it.
fn told(mut response: Response, answers: Answers) -> Response {
    let lines: Vec<HeaderValue> = response.headers().get_all(SET_COOKIE).iter().cloned().collect();
    for (name, line) in [SET_SESSION, SET_HINT].into_iter().zip(lines) {
        response.headers_mut().insert(name, line);
    }
    if answers == Answers::Statuses {
        let login = response.headers_mut().remove(LOCATION);
        let status = match response.status() {
            status if status.is_redirection() => StatusCode::UNAUTHORIZED,
            StatusCode::OK | StatusCode::UNAUTHORIZED => response.status(),
            status if status.is_client_error() => StatusCode::FORBIDDEN,
            status => status,
        };
        *response.status_mut() = status;
        if let Some(login) = login {
            response.headers_mut().insert(LOGIN, login);
        }
    }
    if response.status() == StatusCode::OK {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}
