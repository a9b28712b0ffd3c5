//! What every request gets, whichever part answers it: an id, a part in the trace, a line in the access log, a count, and a 500 in place of a panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};
use opentelemetry::trace::FutureExt as _;
use tracing::Instrument as _;
use vestibule_gateway::App;

use crate::access::Entry;

/// Whose request ids are believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ids {
    /// Nobody's: browsers call.
    Own,
    /// The caller's, if well-formed: a gateway calls, and both logs speak of one request.
    Given,
}

/// Puts an id, a log line and a count around `app`, whose `role` is what its requests are counted by.
pub fn observed(app: impl Into<App>, role: &'static str, ids: Ids) -> App {
    let app = app.into();
    App::new(move |request| observe(role, ids, app.clone(), request))
}

/// RL-08: where a handler of `app` panics, one request is answered with `told`, and the process lives. What the
/// panic says stays in the log (ER-02).
pub fn caught<R: IntoResponse + 'static>(app: impl Into<App>, told: fn() -> R) -> App {
    let app = app.into();
    let panicked = move |panic: Box<dyn Any + Send>| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(panic = said, "a handler panicked");
        told().into_response()
    };
    App::new(move |request| {
        // What a panic leaves half done goes with its request.
        let answering = AssertUnwindSafe(app.answer(request)).catch_unwind();
        answering.map(move |answer| answer.unwrap_or_else(panicked))
    })
}

const REQUEST_ID: &str = "x-request-id";

async fn observe(role: &'static str, ids: Ids, app: App, mut request: Request) -> Response {
    let given =
        request.headers().get(REQUEST_ID).filter(|id| ids == Ids::Given && is_well_formed(id));
    let id = given.cloned().unwrap_or_else(new_id);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let text = id.to_str().unwrap_or_default();
    let entry = Entry::begin(role, text, &mut request);
    let span = tracing::info_span!("http.request", request.id = text);
    let request = request.map(|body| entry.receive(body));
    let is_head = request.method() == Method::HEAD;
    let answering = app.answer(request).instrument(span);
    let mut response = answering.with_context(entry.trace().clone()).await;
    response.headers_mut().insert(REQUEST_ID, id);
    if is_head {
        response = without_body(response);
    }
    entry.answer(response)
}

/// An answer to HEAD: the length of what is not sent is told (RFC 9110, 9.3.2).
fn without_body(mut response: Response) -> Response {
    if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    response.map(|_| Body::empty())
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
