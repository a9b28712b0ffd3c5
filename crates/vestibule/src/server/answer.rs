use std::convert::Infallible;
use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use vestibule_gateway::{App, Stopping};
use vestibule_types::ClientAddress;

use super::http2;
use super::inflow;
use super::limits::Limits;
use super::outflow::Outflow;
use super::pulse::Pulse;
use super::refusal::Refusal;

/// What stands between a connection and the application.
#[derive(Clone)]
pub(super) struct Front {
    pub(super) app: App,
    pub(super) address: ClientAddress,
    pub(super) stopping: Stopping,
    pub(super) has_hsts: bool,
    pub(super) limits: Limits,
    pub(super) pulse: Arc<Pulse>,
}

/// One year, for the names below this one too (TL-01).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

const CLOSE: HeaderValue = HeaderValue::from_static("close");

impl Front {
    /// Answers one request of the connection.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let running = self.pulse.begin();
        let (pulse, has_hsts) = (self.pulse.clone(), self.has_hsts);
        let mut response = self.without_hsts(request).await;
        if has_hsts {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        if response.body().is_end_stream() {
            return Ok(response);
        }
        Ok(response.map(|body| {
            let outflow = Outflow::new(body, running);
            pulse.follow(&outflow);
            outflow.body()
        }))
    }

    async fn without_hsts(self, request: Request<Incoming>) -> Response {
        let is_http1 = request.version() != Version::HTTP_2;
        if let Some(refusal) = Refusal::of(request.method()).filter(|_| is_http1) {
            return refusal.answer();
        }
        let is_connect = request.method() == Method::CONNECT;
        let has_upgrade = request.headers().contains_key(header::UPGRADE);
        let (mut response, is_broken) = self.pass(request).await;
        let status = response.status();
        let has_switched = status == StatusCode::SWITCHING_PROTOCOLS;
        // No byte behind a request for another protocol is a request, so there is nothing more to answer (GW-15).
        let is_refused = (has_upgrade || is_connect) && !has_switched;
        if is_http1 && (is_refused || is_broken) {
            response.headers_mut().insert(header::CONNECTION, CLOSE);
        }
        response
    }

    /// To the application; and whether the request broke.
    async fn pass(self, request: Request<Incoming>) -> (Response, bool) {
        let (mut head, body) = request.into_parts();
        if head.version == Version::HTTP_2
            && let Err(refusal) = http2::as_http1(&mut head)
        {
            return (refusal.answer(), false);
        }
        head.extensions.insert(self.address);
        head.extensions.insert(self.stopping);
        // Who waits to be asked has sent nothing yet; over HTTP/2 a stream is let go by itself.
        let is_waiting = head.headers.contains_key(header::EXPECT);
        let lingers = head.version != Version::HTTP_2 && !is_waiting;
        let (body, fault) = inflow::follow(body, lingers, &self.limits);
        let response = self.app.answer(Request::from_parts(head, body)).await;
        // Whoever read a body that broke may have taken it for a failure of its own.
        match fault.close() {
            None => (response, false),
            Some(refusal) => (refusal.answer(), true),
        }
    }
}
