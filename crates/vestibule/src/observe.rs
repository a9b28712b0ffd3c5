//! What every request gets, whichever part answers it: an id, a part in the trace, a line in the access log, a count, and a 500 in place of a panic.

use std::any::Any;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use opentelemetry::trace::FutureExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use crate::access::Entry;

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
    let text = id.to_str().unwrap_or_default();
    let entry = Entry::begin(role, text, &mut request);
    let span = tracing::info_span!("http.request", request.id = text);
    let request = request.map(|body| entry.receive(body));
    let answering = next.run(request).instrument(span);
    let mut response = answering.with_context(entry.trace().clone()).await;
    response.headers_mut().insert(REQUEST_ID, id);
    entry.answer(response)
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
