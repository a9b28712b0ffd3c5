use std::collections::HashMap;
use std::error::Error as _;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use http_body_util::LengthLimitError;

use crate::problem::Problem;

/// Largest form, in bytes.
const LARGEST: usize = 64 * 1024;

/// A form's fields as typed, urlencoded or multipart; of a field sent twice the last.
pub struct Form(HashMap<String, String>);

impl Form {
    /// Whether a request's body is one.
    pub fn is_sent(headers: &HeaderMap) -> bool {
        let kind = kind(headers);
        kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with(MULTIPART)
    }

    /// What was typed, or nothing.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// What was typed, if anything.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, LARGEST).await.map_err(|why| refusal(&why))?;
        if !kind(&head.headers).starts_with(MULTIPART) {
            return Ok(Self(form_urlencoded::parse(&body).into_owned().collect()));
        }
        let request = Request::from_parts(head, body.into());
        multipart(request, state).await.ok_or_else(|| Problem::BAD_BODY.into_response())
    }
}

const MULTIPART: &str = "multipart/form-data";

fn kind(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_ascii_lowercase()
}

/// The form in a multipart body; `None` if it is none.
async fn multipart<S: Send + Sync>(request: Request, state: &S) -> Option<Form> {
    let mut parts = Multipart::from_request(request, state).await.ok()?;
    let mut fields = HashMap::new();
    while let Some(part) = parts.next_field().await.ok()? {
        let name = part.name().unwrap_or_default().to_owned();
        fields.insert(name, part.text().await.ok()?);
    }
    Some(Form(fields))
}

/// Of a body that is over the limit, or that broke off.
fn refusal(why: &axum::Error) -> Response {
    let is_too_large = why.source().is_some_and(|why| why.is::<LengthLimitError>());
    let problem = if is_too_large { Problem::TOO_LARGE } else { Problem::BAD_BODY };
    problem.into_response()
}
