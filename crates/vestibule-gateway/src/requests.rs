//! Requests to the API, and its answers.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::upstream::Outage;

/// Largest answer of the API that is read whole, in bytes.
const LARGEST_ANSWER: usize = 256 * 1024;

pub(crate) fn get(path: &str) -> Request {
    http::Request::get(path).body(Body::empty()).expect("a path of ours")
}

/// A call with a JSON body or none, held whole.
pub(crate) fn held(method: Method, path: &str, body: Option<&Value>) -> http::Request<Bytes> {
    let mut request = http::Request::builder().method(method).uri(path);
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    request.body(body).expect("a path of ours")
}

/// One segment of a path, or one value of a query: all but letters, digits, `-` and `_` percent-encoded.
pub fn path_segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub(crate) fn retry_after(headers: &HeaderMap) -> u64 {
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(60)
}

pub(crate) async fn json<T: DeserializeOwned>(response: Response) -> Result<T, Outage> {
    serde_json::from_slice(&whole(response).await?).map_err(|_| Outage::Failing)
}

/// An answer of the API, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `null` if it is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// # Errors
    /// [`Outage`] if it breaks off, or has no end in sight.
    pub(crate) async fn read(response: Response) -> Result<Self, Outage> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&whole(response).await?).unwrap_or_default();
        Ok(Self { status, headers, body })
    }
}

async fn whole(response: Response) -> Result<Bytes, Outage> {
    let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
    Ok(body.map_err(|_| Outage::Broken)?.to_bytes())
}
