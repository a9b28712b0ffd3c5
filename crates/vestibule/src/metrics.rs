//! What is counted, as text for Prometheus, on a socket of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use foldhash::fast::RandomState;
use http::{StatusCode, header};
use metrics::{
    Counter, Gauge, Histogram, Label, SharedString, Unit, counter, describe_counter,
    describe_gauge, describe_histogram, gauge, histogram,
};

mod registry;

pub use registry::Registry;

/// This process counts already.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this process counts already")]
pub struct AlreadyCounting;

/// Starts counting in this process, and answers what serves the counts: `GET /metrics`.
///
/// Has to come before whatever counts: until then nothing is kept.
///
/// # Errors
/// [`AlreadyCounting`] if it was called before.
pub fn start() -> Result<Router, AlreadyCounting> {
    let registry = Registry::default();
    metrics::set_global_recorder(registry.clone()).map_err(|_| AlreadyCounting)?;
    describe();
    const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";
    let text = async move || ([(header::CONTENT_TYPE, KIND)], registry.text());
    Ok(Router::new().route("/metrics", get(text)))
}

/// Where a request under way is counted, from when it comes until the last byte of its answer is sent or its client has left.
pub(crate) fn in_flight(role: &'static str) -> Gauge {
    gauge!("vestibule_http_requests_in_flight", "role" => role)
}

/// What a request is counted by. Nothing that a client chooses is in it as it stands: else he would choose how much we
/// have to remember (RL-07).
#[derive(Eq, Hash, PartialEq)]
pub(crate) struct Kind {
    pub(crate) role: &'static str,
    /// As [`vestibule_gateway::trace::method_of`] has it.
    pub(crate) method: &'static str,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) upstream: Option<Arc<str>>,
    /// Without one the client left before the answer began.
    pub(crate) status: Option<StatusCode>,
}

thread_local! {
    /// Where this thread counts what it has counted before: to put the labels together and find them among all others takes
    /// longer than to count.
    static COUNTS: RefCell<HashMap<Kind, (Counter, Histogram), RandomState>> = RefCell::default();
}

/// A request was answered, and the head of its answer `waited` for, or its client has left.
pub(crate) fn answered(kind: Kind, waited: Option<Duration>) {
    COUNTS.with_borrow_mut(|counts| {
        let known = counts.entry(kind);
        let (counter, histogram) = known.or_insert_with_key(|kind| kind.counts());
        counter.increment(1);
        if let Some(waited) = waited {
            histogram.record(waited);
        }
    });
}

const NONE: SharedString = SharedString::const_str("none");

impl Kind {
    fn counts(&self) -> (Counter, Histogram) {
        let way = || {
            let or_none = |name: &Option<Arc<str>>| name.clone().map_or(NONE, SharedString::from);
            vec![
                Label::new("role", self.role),
                Label::new("route", or_none(&self.route)),
                Label::new("upstream", or_none(&self.upstream)),
            ]
        };
        let status = self.status.map(|status| SharedString::from(status.as_u16().to_string()));
        let mut labels = way();
        labels.push(Label::new("method", self.method));
        labels.push(Label::new("status", status.unwrap_or(NONE)));
        let counter = counter!("vestibule_http_requests_total", labels);
        // Nobody waited for an answer to the end that there is none of.
        let Some(status) = self.status else { return (counter, Histogram::noop()) };
        let mut labels = way();
        labels.push(Label::new("class", class_of(status)));
        (counter, histogram!("vestibule_http_request_seconds", labels))
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// docs/operations.md says more of each.
fn describe() {
    describe_counter!(
        "vestibule_http_requests_total",
        Unit::Count,
        "Requests answered, by role, route, upstream, method and status."
    );
    describe_histogram!(
        "vestibule_http_request_seconds",
        Unit::Seconds,
        "Time to the head of an answer, by role, route, upstream and class of status."
    );
    describe_gauge!(
        "vestibule_http_requests_in_flight",
        Unit::Count,
        "Requests whose answer is not sent to its end, by role."
    );
    describe_histogram!(
        "vestibule_upstream_seconds",
        Unit::Seconds,
        "Time to the head of an upstream's answer, by upstream and outcome."
    );
    describe_counter!(
        "vestibule_upstream_failures_total",
        Unit::Count,
        "Requests that an upstream did not answer, by upstream and reason."
    );
    describe_gauge!(
        "vestibule_upstream_healthy",
        Unit::Count,
        "1 if an address of an upstream passed its last check, else 0."
    );
    describe_gauge!(
        "vestibule_streams_open",
        Unit::Count,
        "Streams and sockets that are open, by kind."
    );
    describe_counter!(
        "vestibule_sessions_begun_total",
        Unit::Count,
        "Sessions that have begun, by role."
    );
    describe_counter!(
        "vestibule_sessions_ended_total",
        Unit::Count,
        "Sessions that were ended before their time, by role and reason."
    );
    describe_gauge!("vestibule_hash_slots", Unit::Count, "Threads that check passwords.");
    describe_gauge!("vestibule_hash_busy", Unit::Count, "Those that check one.");
    describe_gauge!("vestibule_hash_queue", Unit::Count, "Passwords that wait to be checked.");
    describe_counter!(
        "vestibule_hash_refused_total",
        Unit::Count,
        "Passwords that were not checked because the queue was full."
    );
    describe_counter!(
        "vestibule_logins_total",
        Unit::Count,
        "Passwords judged at a login, by outcome."
    );
    describe_counter!("vestibule_refreshes_total", Unit::Count, "Refreshes answered, by outcome.");
    describe_counter!(
        "vestibule_gateway_refreshes_total",
        Unit::Count,
        "Refreshes that the gateway asked for, by outcome."
    );
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
