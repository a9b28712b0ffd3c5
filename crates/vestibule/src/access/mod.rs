//! The access log, the counts and the traces of requests: one entry a request, written when the last byte of its answer is
//! sent, or when its client has left.

mod body;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::metrics::Gauge;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::{Method, StatusCode, header};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use vestibule_gateway::{AccountId, Passage, Visitor, trace};
use vestibule_types::{ClientAddress, SignedIn};

use crate::{log, metrics};
use body::{Received, Sent};

/// Longest path and user agent that are written, in bytes.
const LONGEST: usize = 1024;

/// A request under way. Where it is dropped, it is over.
pub(crate) struct Entry {
    role: &'static str,
    request_id: String,
    method: Method,
    path: String,
    client: Option<IpAddr>,
    agent: Option<String>,
    signed_in: SignedIn,
    route: Option<Arc<str>>,
    upstream: Option<Arc<str>>,
    started: Instant,
    received: Arc<AtomicU64>,
    answer: Option<Answer>,
    in_flight: Gauge,
    trace: Context,
}

/// What is known once the head of the answer is there.
struct Answer {
    status: StatusCode,
    user: Option<String>,
    first_byte_ms: u64,
    sent: u64,
    end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// With its last byte.
    Complete,
    /// Before it: the client left, or this process ended.
    Aborted,
    /// Before it: whoever made it broke off.
    Broken,
}

impl Entry {
    /// Begins with the head of the request as it came: those that answer it change it.
    pub(crate) fn begin(
        role: &'static str,
        in_flight: Gauge,
        request_id: &str,
        request: &mut Request,
    ) -> Self {
        in_flight.increment(1);
        let signed_in = SignedIn::default();
        request.extensions_mut().insert(signed_in.clone());
        let agent = request.headers().get(header::USER_AGENT);
        Self {
            role,
            request_id: request_id.to_owned(),
            method: request.method().clone(),
            // Without its query, which may hold what people typed.
            path: shortened(request.uri().path()),
            client: request.extensions().get::<ClientAddress>().map(|address| address.0),
            agent: agent.map(|agent| shortened(&String::from_utf8_lossy(agent.as_bytes()))),
            signed_in,
            route: None,
            upstream: None,
            started: now(),
            received: Arc::default(),
            answer: None,
            in_flight,
            trace: trace::begin(
                SpanKind::Server,
                &trace::said_by(request.headers()),
                request.method(),
                None,
            ),
        }
    }

    /// Where in a trace this request is.
    pub(crate) fn trace(&self) -> &Context {
        &self.trace
    }

    /// What is read of the request's body is counted.
    pub(crate) fn receive(&self, body: Body) -> Body {
        Body::new(Received { body, count: self.received.clone() })
    }

    /// The answer begins. From here on the entry goes along with its body.
    pub(crate) fn answer(mut self, response: Response) -> Response {
        let (head, body) = response.into_parts();
        if let Some(passage) = head.extensions.get::<Passage>() {
            self.route = Some(passage.route.clone());
            self.upstream = passage.upstream.clone();
        }
        if let Some(route) = head.extensions.get::<MatchedPath>() {
            self.route = Some(route.as_str().trim_end_matches('/').into());
        }
        let visitor = head.extensions.get::<Visitor>();
        self.client = visitor.map(Visitor::address).or(self.client);
        let waited = self.started.elapsed();
        self.count(Some(head.status), Some(waited));
        self.answer = Some(Answer {
            status: head.status,
            user: visitor.and_then(Visitor::user).and_then(shown),
            first_byte_ms: waited.as_millis() as u64,
            sent: 0,
            end: End::Aborted,
        });
        let sent = Sent::new(body, self, &head);
        Response::from_parts(head, Body::new(sent))
    }

    fn count(&self, status: Option<StatusCode>, waited: Option<Duration>) {
        let method = trace::method_of(&self.method);
        let (route, upstream) = (self.route.clone(), self.upstream.clone());
        metrics::answered(
            metrics::Kind { role: self.role, method, route, upstream, status },
            waited,
        );
    }

    /// Ends this part of the trace: neither path nor query, neither names nor addresses are told.
    fn end_trace(&self) {
        let span = self.trace.span();
        if !span.is_recording() {
            return;
        }
        if let Some(route) = &self.route {
            span.update_name(format!("{} {route}", trace::method_of(&self.method)));
            span.set_attribute(KeyValue::new("http.route", route.clone()));
        }
        if let Some(upstream) = &self.upstream {
            span.set_attribute(KeyValue::new("vestibule.upstream", upstream.clone()));
        }
        span.set_attribute(KeyValue::new("vestibule.role", self.role));
        span.set_attribute(KeyValue::new("vestibule.request_id", self.request_id.clone()));
        if let Some(answer) = &self.answer {
            let status = i64::from(answer.status.as_u16());
            span.set_attribute(KeyValue::new("http.response.status_code", status));
            if answer.status.is_server_error() {
                span.set_status(Status::error(""));
            }
        }
        span.end();
    }

    fn trace_id(&self) -> Option<String> {
        let span = self.trace.span();
        let context = span.span_context();
        context.is_valid().then(|| context.trace_id().to_string())
    }

    fn write(&self) {
        let answer = self.answer.as_ref();
        let status = answer.map(|answer| answer.status.as_u16());
        let user = answer.and_then(|answer| answer.user.clone());
        let user = user.or_else(|| Some(self.signed_in.user()?.to_string()));
        let end = answer.map_or(End::Aborted, |answer| answer.end);
        log::request(status.is_some_and(|status| status >= 500), |line| {
            line.text("role", self.role);
            line.text("request.id", &self.request_id);
            if let Some(trace) = self.trace_id() {
                line.text("trace.id", &trace);
            }
            line.text("http.method", self.method.as_str());
            line.text("http.path", &self.path);
            if let Some(route) = &self.route {
                line.text("http.route", route);
            }
            if let Some(status) = status {
                line.number("http.status", status.into());
            }
            line.text("http.end", end.name());
            if let Some(upstream) = &self.upstream {
                line.text("upstream", upstream);
            }
            line.number("received_bytes", self.received.load(Ordering::Relaxed));
            line.number("sent_bytes", answer.map_or(0, |answer| answer.sent));
            if let Some(answer) = answer {
                line.number("first_byte_ms", answer.first_byte_ms);
            }
            line.number("elapsed_ms", self.started.elapsed().as_millis() as u64);
            if let Some(client) = self.client {
                line.shown("client.address", client);
            }
            if let Some(agent) = &self.agent {
                line.text("client.agent", agent);
            }
            if let Some(user) = user {
                line.text("user.id", &user);
            }
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.answer.is_none() {
            self.count(None, None);
        }
        self.in_flight.decrement(1);
        self.end_trace();
        self.write();
    }
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::Broken => "broken",
        }
    }
}

/// What is written of an account: its number or the like. There are APIs that know their users by address alone.
fn shown(id: AccountId) -> Option<String> {
    Some(id.to_string()).filter(|id| !id.is_empty() && !id.contains('@'))
}

fn shortened(text: &str) -> String {
    let end = (0..=LONGEST.min(text.len())).rfind(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or_default()].to_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long an answer took; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use vestibule_gateway::AccountId;

    use super::{shortened, shown};

    #[test]
    fn an_address_is_never_written_for_an_account() {
        assert_eq!(shown(AccountId::Number(7)).as_deref(), Some("7"));
        assert_eq!(shown(AccountId::Text("b1-c2".into())).as_deref(), Some("b1-c2"));
        for id in ["ada@example.com", ""] {
            assert_eq!(shown(AccountId::Text(id.into())), None);
        }
    }

    #[test]
    fn what_is_written_of_a_path_has_an_end() {
        assert_eq!(shortened("/a"), "/a");
        assert_eq!(shortened(&"é".repeat(600)).len(), 1024);
        assert_eq!(shortened(&format!("a{}", "é".repeat(600))).len(), 1023);
    }
}
