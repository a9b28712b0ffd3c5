//! What a UI asks of the gateway.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;

use crate::gateway::Gateway;

/// Where the public keys are that identities are signed with.
const IDENTITY_KEYS: &str = "/_vestibule/identity-keys";

/// Where a render goes that was told that nobody is signed in.
pub(crate) const EXPIRED: &str = "/api/auth/expired";

/// Whether this path is answered here.
pub(crate) fn owns(path: &str) -> bool {
    path == EXPIRED
}

pub(crate) fn router(gateway: &Gateway) -> Router {
    Router::new().route(IDENTITY_KEYS, get(identity_keys)).with_state(gateway.clone())
}

/// `GET /_vestibule/identity-keys`: RFC 7517. A key is published for as long as its secret is in the list, which is
/// longer than an identity holds.
async fn identity_keys(State(gateway): State<Gateway>) -> Response {
    let document = gateway.0.toward_ui.identity.document().clone();
    ([(CACHE_CONTROL, "public, max-age=60")], Json(document)).into_response()
}
