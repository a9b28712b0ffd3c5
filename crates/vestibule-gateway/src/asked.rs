//! What each request to an upstream gets, whichever it is: a part in the trace, and its time counted.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use metrics::{Histogram, histogram};
use opentelemetry::trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};

use crate::trace;
use crate::upstream::Outage;

/// Sends `request` to the upstream `name` by `send`, which may ask several addresses.
///
/// # Errors
/// Those of `send`.
pub(crate) async fn asked<F>(
    name: &Arc<str>,
    times: &Times,
    mut request: Box<Request>,
    send: impl FnOnce(Box<Request>) -> F,
) -> Result<Response, Outage>
where
    F: Future<Output = Result<Response, Outage>>,
{
    let context = part_of_current(&request, name);
    trace::carry(&context, request.headers_mut());
    let started = now();
    let answer = send(request).with_context(context.clone()).await;
    times.count(name, &answer, started.elapsed());
    end(&context, &answer);
    answer
}

/// What nobody asked for, as probes are, belongs to no trace; nor does anything as long as nobody collects them.
fn part_of_current(request: &Request, name: &str) -> Context {
    let parent = Context::current();
    match parent.span().span_context().is_valid() {
        true => trace::begin(SpanKind::Client, &parent, request.method(), Some(name)),
        false => parent,
    }
}

fn end(context: &Context, answer: &Result<Response, Outage>) {
    let span = context.span();
    match answer {
        Ok(response) => {
            let status = response.status();
            span.set_attribute(KeyValue::new(
                "http.response.status_code",
                i64::from(status.as_u16()),
            ));
            if status.is_server_error() {
                span.set_status(Status::error(""));
            }
        }
        Err(outage) => span.set_status(Status::error(outage.to_string())),
    }
    span.end();
}

/// How long an upstream took, by what came of it; where each is counted, once it has been.
#[derive(Debug, Default)]
pub(crate) struct Times([OnceLock<Histogram>; OUTCOMES.len()]);

const OUTCOMES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "outage"];

impl Times {
    fn count(&self, name: &Arc<str>, answer: &Result<Response, Outage>, took: Duration) {
        let outcome = match answer {
            Ok(response) if response.status().is_server_error() => 3,
            Ok(response) if response.status().is_client_error() => 2,
            Ok(response) if response.status().is_redirection() => 1,
            Ok(_) => 0,
            Err(_) => 4,
        };
        let outcome_of = OUTCOMES[outcome];
        let histogram = self.0[outcome].get_or_init(|| {
            let upstream = name.clone();
            histogram!("vestibule_upstream_seconds", "upstream" => upstream, "outcome" => outcome_of)
        });
        histogram.record(took);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long an upstream took; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}
