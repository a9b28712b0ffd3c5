//! Requests to the API, and its answers.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use vestibule_types::{Access, Refresh, Token};

use crate::tokens::LARGEST_ANSWER;
use crate::upstream::Outage;

/// Where the API's routes are.
pub(crate) const API: &str = "/api/v1";

/// Who a token speaks for: as the brief calls it, and as the FastAPI backend alone declares it.
pub(crate) const ME: [&str; 2] = ["/user/me", "/user/me/"];

pub(crate) fn get(path: &str) -> Request {
    http::Request::get(path).body(Body::empty()).expect("a path of ours")
}

pub(crate) fn get_held(path: &str) -> http::Request<Bytes> {
    http::Request::get(format!("{API}{path}")).body(Bytes::new()).expect("a path of ours")
}

pub(crate) fn post(path: &str, kind: &'static str, body: Bytes) -> Request {
    let request = http::Request::post(format!("{API}{path}")).header(header::CONTENT_TYPE, kind);
    request.body(Body::from(body)).expect("a path of ours")
}

/// `Authorization: Bearer …`, in place of whatever was there.
pub(crate) fn attach(headers: &mut HeaderMap, access: &Token<Access>) {
    headers.remove(header::AUTHORIZATION);
    if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", access.reveal())) {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
}

pub(crate) fn refresh_cookie(token: &Token<Refresh>) -> HeaderValue {
    let value = HeaderValue::try_from(format!("refresh_token={}", token.reveal()));
    let mut value = value.expect("it came out of a header");
    value.set_sensitive(true);
    value
}

pub(crate) fn retry_after(headers: &HeaderMap) -> u64 {
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(60)
}

pub(crate) async fn json<T: DeserializeOwned>(response: Response) -> Result<T, Outage> {
    let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
    let body = body.map_err(|_| Outage::Broken)?.to_bytes();
    serde_json::from_slice(&body).map_err(|_| Outage::Failing)
}
