use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use vestibule_gateway::{Gateway, Problem, Visitor, Wants};

use super::frame;
use crate::page::show;
use crate::pages::ErrorPage;

/// Shows a person a page where a script gets JSON. What it does to cookies and when to come back stays.
pub(super) async fn as_pages(
    State(gateway): State<Gateway>,
    request: Request,
    next: Next,
) -> Response {
    let wants = Wants::of(request.uri().path(), request.headers());
    let path = request.uri().path_and_query().map(ToString::to_string);
    let retry = path.filter(|_| request.method() == Method::GET);
    let request_id =
        request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let response = next.run(request).await;
    let problem = response.extensions().get::<Problem>().copied();
    let Some(problem) = problem.filter(|_| wants == Wants::Page) else { return response };

    let frame = frame(&gateway, response.extensions().get::<Visitor>());
    let page = ErrorPage {
        request_id: problem.status.is_server_error().then_some(request_id).flatten(),
        retry: retry.filter(|_| problem.retry_after.is_some()),
        retry_after: problem.retry_after,
        ..ErrorPage::new(frame, problem.status)
    };
    let mut shown = show(problem.status, &page);
    for name in ["set-cookie", "retry-after"] {
        for value in response.headers().get_all(name) {
            shown.headers_mut().append(name, value.clone());
        }
    }
    shown
}
