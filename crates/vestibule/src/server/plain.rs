use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, header};
use vestibule_gateway::{Problem, Site, Wants};

/// What a plain socket beside an https site answers: whoever goes to a page is sent to the site, and what calls is refused, so that
/// it is noticed and mended instead of telling its secrets in the clear first, each time (TL-03).
pub(crate) fn to_https(site: Site) -> Router {
    Router::new().fallback(async move |request: Request| answer(&site, &request))
}

fn answer(site: &Site, request: &Request) -> Response {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let is_visit = matches!(*request.method(), Method::GET | Method::HEAD)
        && Wants::of(request.uri().path(), request.headers()) == Wants::Page;
    let location = HeaderValue::try_from(format!("{}{target}", site.origin()));
    match location {
        Ok(location) if is_visit => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        _ => Problem::HTTPS_REQUIRED.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt as _;

    use super::to_https;

    #[tokio::test]
    async fn tl_03_pages_lead_to_https_and_calls_are_refused() {
        let router = to_https("https://app.example.com".parse().unwrap());
        let page = ("accept", "text/html,*/*");
        let script = ("sec-fetch-mode", "cors");
        for (method, target, header, status, location) in [
            ("GET", "/", page, 308, "https://app.example.com/"),
            ("HEAD", "/a/b?c=d&e", page, 308, "https://app.example.com/a/b?c=d&e"),
            ("GET", "//evil.test/x", page, 308, "https://app.example.com//evil.test/x"),
            ("GET", "http://evil.test/x", page, 308, "https://app.example.com/x"),
            ("POST", "/login", page, 400, ""),
            ("GET", "/api/v1/user/me", page, 400, ""),
            ("GET", "/", script, 400, ""),
            ("DELETE", "/x", script, 400, ""),
        ] {
            let request = Request::builder().method(method).uri(target).header(header.0, header.1);
            let request = request.body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let found = response.headers().get("location").map_or("", |to| to.to_str().unwrap());
            assert_eq!(
                (response.status().as_u16(), found),
                (status, location),
                "{method} {target}"
            );
        }
    }
}
