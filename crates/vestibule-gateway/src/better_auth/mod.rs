//! The wire of the Better Auth client, below `/api/auth` (contract: Better Auth): its published packages work with a
//! gateway as with their own server. The session is the gateway's own cookie, the accounts are the API's.

mod accounts;
mod api;
mod body;
mod callback;
mod email;
mod endpoint;
mod fields;
mod mail;
mod names;
pub(crate) mod origin;
mod password;
mod refusal;
mod remove;
mod session;
mod sessions;
mod shape;
mod sign_in;
mod sign_up;
mod update;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};

use crate::gateway::Gateway;
use crate::passage::Passage;
use crate::path::CanonicalPath;
use crate::visitor::Visitor;
use endpoint::Endpoint;
use refusal::Refusal;

/// Where the client looks for its server, unless it is told.
const BASE: &str = "/api/auth";

/// A call that was read: who makes it, and what with.
pub(crate) struct Call {
    gateway: Gateway,
    visitor: Visitor,
    query: Map<String, Value>,
    body: Option<Value>,
}

/// What becomes of a call.
type Told = Result<Response, Refusal>;

/// Whether a path is the client's.
pub(crate) fn owns(path: &CanonicalPath) -> bool {
    is_below_base(path.as_str())
}

/// Whether there is such a call.
pub(crate) fn is_call(method: &Method, path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|path| Endpoint::find(method, path).is_some())
}

/// Whether a path or a pattern of paths is within [`BASE`].
pub(crate) fn is_below_base(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Every call.
pub(crate) fn router(gateway: &Gateway) -> Router {
    let paths = [BASE, "/api/auth/", "/api/auth/{*call}"];
    let calls = paths.into_iter().fold(Router::new(), |calls, path| calls.route(path, any(answer)));
    calls.with_state(gateway.clone())
}

impl Gateway {
    /// A call of the Better Auth client, whatever route it came by.
    pub async fn auth_call(&self, visitor: Visitor, request: Request) -> Response {
        answer(State(self.clone()), visitor, request).await
    }
}

async fn answer(State(gateway): State<Gateway>, visitor: Visitor, request: Request) -> Response {
    let path = request.uri().path().strip_prefix(BASE).unwrap_or_default();
    let Some((endpoint, name)) = Endpoint::find(request.method(), path) else {
        let mut response = StatusCode::NOT_FOUND.into_response();
        response.extensions_mut().insert(passage("/**"));
        return response;
    };
    let told = match read(gateway, visitor, endpoint, request).await {
        Ok(call) => endpoint.answer(&call).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = told.unwrap_or_else(Refusal::into_response);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if endpoint == Endpoint::GetSession || endpoint == Endpoint::PostSession {
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    }
    response.extensions_mut().insert(passage(name));
    response
}

/// Reads body and query, and looks at every address in them.
async fn read(
    gateway: Gateway,
    visitor: Visitor,
    endpoint: Endpoint,
    request: Request,
) -> Result<Call, Refusal> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let query: Map<String, Value> = form_urlencoded::parse(query)
        .into_owned()
        .map(|(name, value)| (name, value.into()))
        .collect();
    if endpoint.is_read() {
        if endpoint.tells_of_session() && visitor.session().is_some() {
            origin::check_read(&head.headers)?;
        }
        return Ok(Call { gateway, visitor, query, body: None });
    }
    let body = body::read(&head.headers, body, endpoint.takes_forms()).await?;
    let address = query.get("callbackURL").and_then(Value::as_str);
    callback::check(body.as_ref().unwrap_or(&Value::Null), address, &gateway.0.site)?;
    Ok(Call { gateway, visitor, query, body })
}

fn passage(name: &str) -> Passage {
    Passage { route: format!("{BASE}{name}").into(), upstream: None }
}
