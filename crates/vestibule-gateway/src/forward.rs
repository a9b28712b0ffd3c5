//! Requests that are passed on, as their route says: with the visitor's token or without, and everything that
//! comes back: answers, streams, sockets.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, ETAG, EXPECT, TRAILER, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::upgrade::{OnUpgrade, on};

use crate::caching::{is_static, make_private, make_redirect_unkept, private_unless};
use crate::gateway::{Gateway, NoAnswer, Payload};
use crate::headers::{self, Crossing};
use crate::passage::Stopping;
use crate::path::CanonicalPath;
use crate::plan::Way;
use crate::problem::Problem;
use crate::route::{HostPolicy, Route, TokenPolicy};
use crate::stream::{Over, Socket, Until, over};
use crate::toward_ui::{self, SessionPolicy};
use crate::upstream::{Fault, TakesTrailers, Upload};
use crate::visitor::Visitor;

/// Largest body that is held for a second try, in bytes (GW-14).
const HELD: u64 = 64 * 1024;

/// Passes a request on by its route, whose upstream is `told` of the visitor.
pub(crate) async fn pass_on(
    gateway: &Gateway,
    visitor: &Visitor,
    route: &Route,
    told: SessionPolicy,
    request: Request,
) -> Response {
    let answer = carry(gateway, visitor, route, told, request).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    response.extensions_mut().insert(route.passage());
    response
}

async fn carry(
    gateway: &Gateway,
    visitor: &Visitor,
    route: &Route,
    told: SessionPolicy,
    mut request: Request,
) -> Result<Response, Problem> {
    let (method, target) = (request.method().clone(), route.target(request.uri()));
    // Signing in, staying and out are the gateway's own and never pass raw.
    if route.is_identity && gateway.dialect().is_entrance(target.path()) {
        return Box::pin(toward_ui::entrance(gateway, request)).await;
    }
    if request.body().size_hint().lower() > route.body_limit {
        return Err(Problem::BODY_TOO_LARGE);
    }
    let stopping = request.extensions().get::<Stopping>().cloned();
    let is_of_build = is_static(request.uri().path());
    let client = is_websocket(&request).then(|| on(&mut request));
    let upload = Upload::watch(&mut request, route.body_limit);

    let is_introduced = told != SessionPolicy::None && visitor.session().is_some();
    let answer = send(gateway, visitor, route, told, request, client.is_some()).await;
    let mut response = answer.map_err(|no| match upload.fault() {
        Some(Fault::TooLarge) => Problem::BODY_TOO_LARGE,
        Some(Fault::Client) => Problem::BAD_BODY,
        None => no.into(),
    })?;
    let is_stream = headers::is_event_stream(response.headers());
    // By the session that it was opened in, whatever the answer says of it.
    let opened_in = if is_stream || client.is_some() { visitor.session() } else { None };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(gateway, route, client, response, over(gateway, opened_in, stopping));
    }
    toward_ui::adopt(gateway, visitor, told, response.headers_mut()).await;
    clean(gateway, route, response.headers_mut());
    if told != SessionPolicy::None {
        toward_ui::catch_up(gateway, visitor);
        make_redirect_unkept(&mut response);
        headers::protect(response.headers_mut());
    }
    if is_introduced {
        make_private(response.headers_mut());
        response.headers_mut().remove(ETAG);
    } else if route.token == TokenPolicy::Attach && !route.cacheable {
        make_private(response.headers_mut());
    } else if !is_of_build {
        // Where others are told of the visitor and this one is not, it is a file (G9).
        let is_cacheable = route.cacheable || told < route.session;
        private_unless(response.headers_mut(), visitor.session().is_some(), is_cacheable);
    }
    if route.is_identity && response.status().is_success() {
        Box::pin(follow_account(gateway, visitor, &method, target.path())).await;
    }
    if is_stream {
        let over = over(gateway, opened_in, stopping);
        return Ok(response.map(|body| Body::new(Until::new(body, over))));
    }
    Ok(response)
}

/// What an answer says to us alone stays here.
fn clean(gateway: &Gateway, route: &Route, headers: &mut HeaderMap) {
    if route.is_identity {
        headers::from_api(headers, &gateway.0.cookie);
        gateway.dialect().withhold(headers);
    } else {
        headers::from_upstream(headers, &gateway.0.cookie);
    }
}

async fn send(
    gateway: &Gateway,
    visitor: &Visitor,
    route: &Route,
    told: SessionPolicy,
    request: Request,
    is_upgrade: bool,
) -> Result<Response, NoAnswer> {
    let (parts, body) = request.into_parts();
    let head = || outgoing(gateway, visitor, route, told, &parts, is_upgrade);
    let way = route.way();
    if route.token != TokenPolicy::Attach || visitor.session().is_none() {
        return Ok(gateway.send_by(&way, visitor, head().map(|()| body)).await?);
    }
    let can_be_held = body.size_hint().upper().is_some_and(|size| size <= HELD);
    let payload = if can_be_held { Payload::ToHold(body) } else { Payload::Streamed(body) };
    gateway.ask(&way, visitor, head, payload).await
}

/// The request without its body, as the upstream gets it. We answer `Expect` ourselves, as soon as the body is
/// read (RFC 9110, 10.1.1).
fn outgoing(
    gateway: &Gateway,
    visitor: &Visitor,
    route: &Route,
    told: SessionPolicy,
    parts: &Parts,
    is_upgrade: bool,
) -> http::Request<()> {
    let is_attached = route.token == TokenPolicy::Attach;
    let crossing = Crossing {
        cookies: route.cookies,
        authorization: route.token == TokenPolicy::Pass,
        host: route.host == HostPolicy::Site,
        // Servers of sockets look at the origin themselves.
        origin: !is_attached || is_upgrade,
    };
    let with = visitor.forwarding(&gateway.0.site);
    let mut outgoing = http::Request::new(());
    *outgoing.method_mut() = parts.method.clone();
    *outgoing.uri_mut() = route.target(&parts.uri);
    *outgoing.headers_mut() = headers::toward(&parts.headers, &with, crossing, &gateway.0.cookie);
    if route.token != TokenPolicy::Pass {
        gateway.dialect().disarm(outgoing.headers_mut());
    }
    outgoing.headers_mut().remove(EXPECT);
    // HTTP/2 has trailers without a coding that says so.
    if let Some(trailer) = parts.headers.get(TRAILER).filter(|_| parts.version == Version::HTTP_2) {
        outgoing.headers_mut().insert(TRAILER, trailer.clone());
    }
    if headers::takes_trailers(&parts.headers) {
        outgoing.extensions_mut().insert(TakesTrailers);
    }
    if is_upgrade {
        headers::upgrade(outgoing.headers_mut());
    }
    if let Some(upload) = parts.extensions.get::<Upload>() {
        outgoing.extensions_mut().insert(upload.clone());
    }
    toward_ui::introduce(gateway, visitor, told, &parts.uri, outgoing.headers_mut());
    outgoing
}

/// The upstream has changed the protocol: if that is what was asked for, both sides are joined.
fn switch(
    gateway: &Gateway,
    route: &Route,
    client: Option<OnUpgrade>,
    mut response: Response,
    over: Over,
) -> Result<Response, Problem> {
    let is_asked_for = has_token(response.headers(), UPGRADE, "websocket");
    let Some(client) = client.filter(|_| is_asked_for) else { return Err(Problem::BROKEN) };
    let under_way = response.extensions_mut().remove();
    let (upstream, silence) = (on(&mut response), route.silence);
    Socket { client, upstream, silence, under_way }.join(over);
    let mut switched = StatusCode::SWITCHING_PROTOCOLS.into_response();
    *switched.headers_mut() = std::mem::take(response.headers_mut());
    clean(gateway, route, switched.headers_mut());
    headers::upgrade(switched.headers_mut());
    Ok(switched)
}

/// Whether a client asks for a WebSocket (RFC 6455, 4.2.1). Other protocols are not offered: an `Upgrade` header is
/// then passed over, as RFC 9110, 7.8 allows.
pub(crate) fn is_websocket(request: &Request) -> bool {
    request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && has_token(request.headers(), CONNECTION, "upgrade")
        && has_token(request.headers(), UPGRADE, "websocket")
}

fn has_token(headers: &HeaderMap, name: http::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// Whether a client is about to follow server-sent events.
pub(crate) fn asks_for_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// A script has changed or deleted the visitor's account: the session follows.
async fn follow_account(gateway: &Gateway, visitor: &Visitor, method: &Method, path: &str) {
    let Some(session) = visitor.session() else { return };
    let own = format!("{}/user/{}", gateway.dialect().prefix(), session.user.username);
    if path.trim_end_matches('/') != own {
        return;
    }
    match *method {
        Method::DELETE => gateway.forget(visitor),
        Method::PATCH => {
            if let Err(error) = gateway.reload_user(visitor).await {
                tracing::warn!(%error, "a changed account could not be read again");
            }
        }
        _ => {}
    }
}

impl From<NoAnswer> for Problem {
    fn from(no: NoAnswer) -> Self {
        match no {
            NoAnswer::SignedOut => Self::SIGNED_OUT,
            NoAnswer::Outage(outage) => outage.into(),
        }
    }
}

impl Gateway {
    /// Asks the UI for a page that it may or may not have: `None` if there is no UI, or it has no such page.
    pub async fn page_of_ui(
        &self,
        visitor: &Visitor,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<Response> {
        let path = CanonicalPath::parse(uri.path()).ok()?;
        let Way::Theirs(route) = self.0.plan.load().elsewhere(&Method::GET, &path) else {
            return None;
        };
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        let told = toward_ui::told(&route, path.as_str(), false);
        let response = pass_on(self, visitor, &route, told, request).await;
        (response.status() != StatusCode::NOT_FOUND).then_some(response)
    }
}
