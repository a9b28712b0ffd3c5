//! Requests that are passed on: to the API with the Bearer token, to the UI as they are.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::gateway::{Gateway, NoAnswer};
use crate::headers;
use crate::passage::Passage;
use crate::problem::Problem;
use crate::requests::attach;
use crate::visitor::Visitor;

/// Largest body that is held for a second try, in bytes (GW-14).
const HELD: u64 = 64 * 1024;

/// `/api/v1/*`: to the API, with the visitor's token. A visitor without a session is passed on without one:
/// the API knows what is public. Signing in, staying and out are the gateway's own and never pass raw.
pub(crate) async fn to_api(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    request: Request,
) -> Response {
    let path = request.uri().path().trim_end_matches('/');
    if ["/api/v1/login", "/api/v1/refresh", "/api/v1/logout"].contains(&path) {
        return Problem::NOT_FOUND.into_response();
    }
    let (method, path) = (request.method().clone(), path.to_owned());
    let answer = forward(&gateway, &visitor, request).await;
    let mut response = match answer {
        Ok(response) => response,
        Err(NoAnswer::SignedOut) => return Problem::SIGNED_OUT.into_response(),
        Err(NoAnswer::Outage(outage)) => return Problem::from(outage).into_response(),
    };
    headers::from_api(response.headers_mut(), &gateway.0.cookie);
    let upstream = Some(gateway.0.api.name().clone());
    response.extensions_mut().insert(Passage { route: "/api/v1/**".into(), upstream });
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    if response.status().is_success() {
        follow_account(&gateway, &visitor, &method, &path).await;
    }
    while_signed_in(&gateway, &visitor, response)
}

/// An event stream ends with the session that it was opened in (RV-10): the browser then asks again, and is told.
fn while_signed_in(gateway: &Gateway, visitor: &Visitor, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_stream = kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"));
    let Some(session) = visitor.session().filter(|_| is_stream) else { return response };
    let (gateway, mut ends) = (gateway.clone(), gateway.0.ends.subscribe());
    let ended = Box::pin(async move {
        let left = session.ends_at.saturating_sub(gateway.0.clock.now());
        let over = tokio::time::sleep(Duration::from_secs(left.max(0).unsigned_abs()));
        let mut over = std::pin::pin!(over);
        while !gateway.is_ended(&session) {
            tokio::select! {
                changed = ends.changed() => if changed.is_err() { break },
                () = &mut over => break,
            }
        }
    });
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(ended)))
}

const NO_STORE: http::HeaderValue = http::HeaderValue::from_static("private, no-store");

async fn forward(
    gateway: &Gateway,
    visitor: &Visitor,
    request: Request,
) -> Result<Response, NoAnswer> {
    let (parts, body) = request.into_parts();
    let with = visitor.forwarding(&gateway.0.site);
    let mut outgoing = http::Request::new(());
    *outgoing.method_mut() = parts.method;
    *outgoing.uri_mut() = parts.uri;
    *outgoing.headers_mut() = headers::toward_api(&parts.headers, &with);

    let can_be_held = body.size_hint().upper().is_some_and(|size| size <= HELD);
    if visitor.session().is_some() && can_be_held {
        let body = body.collect().await.map_err(|_| crate::upstream::Outage::Broken)?.to_bytes();
        return gateway.call(visitor, outgoing.map(|()| body)).await;
    }
    if visitor.session().is_some() {
        // What can't be repeated goes out with a token that was made good beforehand.
        let session = gateway.fresh(visitor).await?;
        attach(outgoing.headers_mut(), &session.access);
    }
    Ok(gateway.send(visitor, outgoing.map(|()| body)).await?)
}

/// A script has changed or deleted the visitor's account: the session follows.
async fn follow_account(gateway: &Gateway, visitor: &Visitor, method: &Method, path: &str) {
    let Some(session) = visitor.session() else { return };
    if path != format!("/api/v1/user/{}", session.user.username) {
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

/// Everything that is not ours: to the web server behind the site.
pub(crate) async fn to_ui(gateway: &Gateway, visitor: &Visitor, request: Request) -> Response {
    let Some(ui) = &gateway.0.ui else { return Problem::NOT_FOUND.into_response() };
    let (parts, body) = request.into_parts();
    let with = visitor.forwarding(&gateway.0.site);
    let mut outgoing = http::Request::new(body);
    *outgoing.method_mut() = parts.method;
    *outgoing.uri_mut() = parts.uri;
    *outgoing.headers_mut() = headers::toward_ui(&parts.headers, &with, &gateway.0.cookie);
    match ui.send(outgoing).await {
        Ok(mut response) => {
            headers::from_ui(response.headers_mut(), &gateway.0.cookie);
            let upstream = Some(ui.name().clone());
            response.extensions_mut().insert(Passage { route: "/**".into(), upstream });
            while_signed_in(gateway, visitor, response)
        }
        Err(outage) => Problem::from(outage).into_response(),
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
        self.0.ui.as_ref()?;
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        let response = to_ui(self, visitor, request).await;
        (response.status() != StatusCode::NOT_FOUND).then_some(response)
    }
}
