//! What each request to an upstream gets, whichever it is: a span, and its time counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use metrics::histogram;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::upstream::Outage;

/// Sends `request` to the upstream `name` by `send`.
///
/// # Errors
/// Those of `send`.
pub(crate) async fn asked<F>(
    name: &Arc<str>,
    request: Request,
    send: impl FnOnce(Request) -> F,
) -> Result<Response, Outage>
where
    F: Future<Output = Result<Response, Outage>>,
{
    let method = request.method().as_str();
    let span = tracing::info_span!(
        "upstream.request",
        upstream = &**name,
        http.method = method,
        http.status = Empty
    );
    let asking = async {
        let started = now();
        let answer = send(request).await;
        count(name.clone(), &answer, started.elapsed());
        if let Ok(response) = &answer {
            tracing::Span::current().record("http.status", response.status().as_u16());
        }
        answer
    };
    asking.instrument(span).await
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
