//! What every answer gets on its way out: the headers that all of them have and, if it is a refusal, the form that the request asks for.
//!
//! A service of its own: `middleware::from_fn` boxes a future, and another copy of all services under it, for every request.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::Route;
use axum::routing::future::RouteFuture;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::problem::Wanted;

/// Finishes the answers of every route.
#[derive(Clone, Copy)]
pub(crate) struct Finish;

impl Layer<Route> for Finish {
    type Service = Finished;

    fn layer(&self, route: Route) -> Finished {
        Finished(Arc::new(route))
    }
}

/// A route whose answers are finished. Whatever layers are around it clone it for every request, and all that is under it only once.
#[derive(Clone)]
pub(crate) struct Finished(Arc<Route>);

impl Service<Request> for Finished {
    type Response = Response;
    type Error = Infallible;
    type Future = Finishing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A route is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Finishing {
        let wanted = Wanted::by(request.headers());
        let route = request.extensions().get::<MatchedPath>().cloned();
        Finishing { answering: Route::clone(&self.0).call(request), wanted, route }
    }
}

pin_project! {
    /// An answer under way.
    pub(crate) struct Finishing {
        #[pin]
        answering: RouteFuture<Infallible>,
        wanted: Option<Wanted>,
        route: Option<MatchedPath>,
    }
}

impl Future for Finishing {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = ready!(this.answering.poll(context));
        if let Some(wanted) = this.wanted.take() {
            wanted.apply(&mut response);
        }
        add_fixed(response.headers_mut());
        // For whoever counts and logs it.
        if let Some(route) = this.route.take() {
            response.extensions_mut().insert(route);
        }
        Poll::Ready(Ok(response))
    }
}

/// Nothing here may be kept by a cache, unless its handler says so (`routes/jwks.rs` alone does), guessed at or framed
/// (contract, section 8, row 6; CS-13).
fn add_fixed(headers: &mut HeaderMap) {
    const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
        HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, const { HeaderValue::from_static("nosniff") });
    headers.insert(header::REFERRER_POLICY, const { HeaderValue::from_static("same-origin") });
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, const { HeaderValue::from_static("same-origin") });
    headers.entry(header::CACHE_CONTROL).or_insert(const { HeaderValue::from_static("no-store") });
}
