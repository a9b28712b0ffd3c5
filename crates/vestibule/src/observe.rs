//! What every request gets, whichever part answers it: an id, a log line, a count, and a 500 in place of a panic.

use std::any::Any;
use std::time::Instant;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use metrics::counter;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

/// Whose request ids are believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ids {
    /// Nobody's: browsers call.
    Own,
    /// The caller's, if well-formed: a gateway calls, and both logs speak of one request.
    Given,
}

/// Puts an id, a log line and a count around `router`, whose `role` is what its requests are counted by.
pub fn observed(router: Router, role: &'static str, ids: Ids) -> Router {
    router.layer(from_fn(move |request: Request, next: Next| observe(role, ids, request, next)))
}

/// RL-08: where a handler of `router` panics, one request is answered with `told`, and the process lives. What the
/// panic says stays in the log (ER-02).
pub fn caught<R: IntoResponse + 'static>(router: Router, told: fn() -> R) -> Router {
    let panicked = move |panic: Box<dyn Any + Send>| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(panic = said, "a handler panicked");
        told().into_response()
    };
    router.layer(CatchPanicLayer::custom(panicked))
}

const REQUEST_ID: &str = "x-request-id";

async fn observe(role: &'static str, ids: Ids, mut request: Request, next: Next) -> Response {
    let given =
        request.headers().get(REQUEST_ID).filter(|id| ids == Ids::Given && is_well_formed(id));
    let id = given.cloned().unwrap_or_else(new_id);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let text = id.to_str().unwrap_or_default().to_owned();
    let span = tracing::info_span!("http.request", request.id = text);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    async {
        let started = now();
        let mut response = next.run(request).await;
        let status = response.status().as_u16();
        let elapsed_ms = started.elapsed().as_millis() as u64;
        // The path without its query, which may hold what people typed; escaped, so that it forges no line (LO-02).
        tracing::info!(http.method = %method, http.path = ?path, http.status = status, elapsed_ms, "answered");
        counter!("vestibule_http_requests_total", "role" => role, "status" => status.to_string()).increment(1);
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
    .instrument(span)
    .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long an answer took; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

/// 8 to 64 letters, digits and dashes.
fn is_well_formed(id: &HeaderValue) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    (8..=64).contains(&id.len()) && id.as_bytes().iter().all(legal)
}

/// 64 random bits in hexadecimal.
fn new_id() -> HeaderValue {
    let mut bytes = [0_u8; 8];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => HeaderValue::try_from(format!("{:016x}", u64::from_be_bytes(bytes))),
        Err(_) => HeaderValue::try_from("no-randomness"),
    }
    .expect("letters, digits and dashes")
}
