//! What is counted, as text for Prometheus, on a socket of its own.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::header;
use metrics::{Unit, describe_counter, describe_gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};

/// How often the exporter tidies up what grows.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts counting in this process, and answers what serves the counts: `GET /metrics`.
///
/// Has to come before whatever counts: until then nothing is kept. Needs the runtime.
///
/// # Errors
/// [`BuildError`] if this process counts already.
pub fn start() -> Result<Router, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    describe();
    let exporter = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            exporter.run_upkeep();
        }
    });
    let text =
        async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render());
    Ok(Router::new().route("/metrics", get(text)))
}

/// docs/operations.md says more of each.
fn describe() {
    describe_counter!(
        "vestibule_http_requests_total",
        Unit::Count,
        "Requests answered, by role and status."
    );
    describe_counter!(
        "vestibule_logins_total",
        Unit::Count,
        "Passwords judged at a login, by outcome."
    );
    describe_counter!("vestibule_refreshes_total", Unit::Count, "Refreshes answered, by outcome.");
    describe_counter!(
        "vestibule_sign_outs_unconfirmed_total",
        Unit::Count,
        "Sign-outs that the API did not confirm at once."
    );
    describe_counter!(
        "vestibule_requests_refused_total",
        Unit::Count,
        "Requests refused before anybody read them, by reason."
    );
    describe_counter!(
        "vestibule_connections_refused_total",
        Unit::Count,
        "Connections closed before a request, by reason."
    );
    describe_gauge!(
        "vestibule_tls_certificate_expires_seconds",
        Unit::Seconds,
        "Time until the site's certificate ends; below zero once it has."
    );
    describe_gauge!(
        "vestibule_revocations_age_seconds",
        Unit::Seconds,
        "Age of what this node knows of revocations, by role."
    );
    describe_gauge!(
        "vestibule_revocations_held",
        Unit::Count,
        "Revocations that this node holds in memory, by role."
    );
}
