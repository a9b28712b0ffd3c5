use std::mem::take;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use vestibule_gateway::{Gateway, Problem, Visitor, Wants, name_request};

use super::frame;
use crate::page::show;
use crate::pages::ErrorPage;

/// `router`, whose problems are told in the form that the request asks for: a page to people, problem details to
/// scripts. Goes around everything that may refuse a request to the site.
pub fn with_error_pages(gateway: &Gateway, router: Router) -> Router {
    router.layer(from_fn_with_state(gateway.clone(), tell))
}

/// What a problem does to cookies, and when to come back, stays.
async fn tell(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let wants = Wants::of(request.uri().path(), request.headers());
    let path = request.uri().path_and_query().map(ToString::to_string);
    let path = path.filter(|_| request.method() == Method::GET);
    let request_id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    let request_id = request_id.unwrap_or("-").to_owned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>().copied() else { return response };
    name_request(&mut response, &request_id);
    if wants == Wants::Data {
        return response;
    }
    let frame = frame(&gateway, response.extensions().get::<Visitor>());
    let page = ErrorPage { request_id, path, ..ErrorPage::new(frame, problem) };
    let mut shown = show(problem.status, &page);
    *shown.extensions_mut() = take(response.extensions_mut());
    for name in ["set-cookie", "retry-after", "www-authenticate", "allow"] {
        for value in response.headers().get_all(name) {
            shown.headers_mut().append(name, value.clone());
        }
    }
    shown
}
