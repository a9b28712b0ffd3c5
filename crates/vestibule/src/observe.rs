//! What every request gets, whichever part answers it: an id, a part in the trace, a line in the access log, a count, and a 500 in place of a panic.

use std::any::Any;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};

use ::metrics::Gauge;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Method};
use opentelemetry::trace::FutureExt as _;
use tracing::Instrument as _;
use vestibule_gateway::App;

use crate::access::Entry;
use crate::metrics;

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
    let in_flight = OnceLock::new();
    App::new(move |request| {
        let in_flight = in_flight.get_or_init(|| metrics::in_flight(role));
        observe(role, ids, in_flight.clone(), app.clone(), request)
    })
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

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

async fn observe(
    role: &'static str,
    ids: Ids,
    in_flight: Gauge,
    app: App,
    mut request: Request,
) -> Response {
    let given =
        request.headers().get(&REQUEST_ID).filter(|id| ids == Ids::Given && is_well_formed(id));
    let id = given.cloned().unwrap_or_else(new_id);
    request.headers_mut().insert(REQUEST_ID.clone(), id.clone());
    let text = id.to_str().unwrap_or_default();
    let entry = Entry::begin(role, in_flight, text, &mut request);
    let span = tracing::info_span!("http.request", request.id = text);
    let request = request.map(|body| entry.receive(body));
    let is_head = request.method() == Method::HEAD;
    let answering = app.answer(request).instrument(span);
    let mut response = answering.with_context(entry.trace().clone()).await;
    response.headers_mut().insert(REQUEST_ID.clone(), id);
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

/// 64 bits in hexadecimal that no other request of this process has, nor, as near as makes no difference, of another: a count,
/// hashed under keys that are random in each process. They name a request in logs, and open nothing.
fn new_id() -> HeaderValue {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut id = KEYS.hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    let digits = [(); 16].map(|()| {
        id = id.rotate_left(4);
        b"0123456789abcdef"[(id & 15) as usize]
    });
    HeaderValue::from_bytes(&digits).expect("letters and digits")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{is_well_formed, new_id};

    #[test]
    fn ids_are_well_formed_and_none_comes_twice() {
        let ids: Vec<_> = (0..10_000).map(|_| new_id()).collect();
        assert!(ids.iter().all(|id| id.len() == 16 && is_well_formed(id)), "{ids:?}");
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }
}
