//! What answers requests, whatever it is made of.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Map};
use tower::{Service, ServiceExt as _};

/// Answers requests: a router, or whatever goes around one. Cheap to clone.
///
/// Not a router with layers: each of those has a request copy all services below it.
#[derive(Clone)]
pub struct App(Arc<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>);

impl App {
    /// What `answer` makes of a request.
    pub fn new<F>(answer: impl Fn(Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        Self(Arc::new(move |request| answer(request).boxed()))
    }

    /// Answers one request.
    pub fn answer(&self, request: Request) -> BoxFuture<'static, Response> {
        (self.0)(request)
    }
}

impl From<Router> for App {
    fn from(router: Router) -> Self {
        Self::new(move |request| router.clone().oneshot(request).map(|Ok(response)| response))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("App(…)")
    }
}

impl Service<Request> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = Map<BoxFuture<'static, Response>, fn(Response) -> Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.answer(request).map(Ok)
    }
}
