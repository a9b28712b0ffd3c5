use std::mem::take;

use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use vestibule_gateway::{App, Gateway, Problem, Visitor, Wants, name_request};

use super::frame;
use crate::page::show;
use crate::pages::ErrorPage;

/// `app`, whose problems are told in the form that the request asks for: a page to people, problem details to
/// scripts. Goes around everything that may refuse a request to the site.
pub fn with_error_pages(gateway: &Gateway, app: App) -> App {
    let gateway = gateway.clone();
    App::new(move |request| tell(gateway.clone(), app.clone(), request))
}

/// What a problem does to cookies, and when to come back, stays.
async fn tell(gateway: Gateway, app: App, request: Request) -> Response {
    let wants = Wants::of(request.uri().path(), request.headers());
    let path = request.uri().path_and_query().filter(|_| request.method() == Method::GET).cloned();
    let request_id = request.headers().get("x-request-id").cloned();
    let mut response = app.answer(request).await;
    let Some(problem) = response.extensions().get::<Problem>().copied() else { return response };
    let request_id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("-").to_owned();
    name_request(&mut response, &request_id);
    if wants == Wants::Data {
        return response;
    }
    let frame = frame(&gateway, response.extensions().get::<Visitor>());
    let path = path.map(|path| path.to_string());
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
