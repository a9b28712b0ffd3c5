use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use serde_json::Value;

use crate::Api;

/// The one answer that may be kept, for a minute: whoever verifies tokens elsewhere asks for it, and a key is
/// published for longer before it signs.
const CACHED: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=60");

/// `GET /.well-known/jwks.json`: the public keys that verify our tokens (RFC 7517, 5; JW-09), also those that
/// sign only later. None while only HS256 is in use.
pub(crate) async fn show(State(api): State<Api>) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    ([CACHED], Json(api.0.issuer.jwks()))
}
