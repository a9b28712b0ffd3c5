//! What each request to an upstream gets, whichever it is: a part in the trace, and its time counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use metrics::histogram;
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
    mut request: Request,
    send: impl FnOnce(Request) -> F,
) -> Result<Response, Outage>
where
    F: Future<Output = Result<Response, Outage>>,
{
    let context = part_of_current(&request, name);
    trace::carry(&context, request.headers_mut());
    let started = now();
    let answer = send(request).with_context(context.clone()).await;
    count(name.clone(), &answer, started.elapsed());
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

fn count(name: Arc<str>, answer: &Result<Response, Outage>, took: Duration) {
    let outcome = match answer {
        Ok(response) if response.status().is_server_error() => "5xx",
        Ok(response) if response.status().is_client_error() => "4xx",
        Ok(response) if response.status().is_redirection() => "3xx",
        Ok(_) => "2xx",
        Err(_) => "outage",
    };
    histogram!("vestibule_upstream_seconds", "upstream" => name, "outcome" => outcome).record(took);
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long an upstream took; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}
