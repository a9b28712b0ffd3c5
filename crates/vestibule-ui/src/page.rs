//! How a page leaves the house: the one home of the headers that every page carries.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use http::{HeaderName, StatusCode};

/// Only our own files, no inline script or style, no frames, forms only to ourselves (CS-12).
pub const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; object-src 'none'";

/// Every page's headers (CS-12, CS-13). `Referrer-Policy` is not `no-referrer`: that would turn the
/// `Origin` of form posts into `null`.
pub const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "private, no-store"),
    (CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// The answer that shows `page`.
pub fn show(status: StatusCode, page: &impl Template) -> Response {
    // Writing into a string fails only if a value's own `Display` does, and none of ours does.
    match page.render() {
        Ok(html) => respond(status, html),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The answer that shows a page rendered before.
pub fn respond(status: StatusCode, html: String) -> Response {
    (status, HEADERS, html).into_response()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::respond;

    #[test]
    fn cs_12_cs_13_every_page_carries_these_headers() {
        let answer = respond(StatusCode::NOT_FOUND, "<p>".to_owned());
        assert_eq!(answer.status(), 404);
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "private, no-store"),
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                 object-src 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ] {
            assert_eq!(answer.headers()[name], value, "{name}");
            assert_eq!(answer.headers().get_all(name).iter().count(), 1, "{name}");
        }
    }
}
