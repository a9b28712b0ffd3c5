use std::collections::HashMap;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use vestibule_gateway::Problem;

/// Largest form, in bytes.
const LARGEST: usize = 64 * 1024;

/// A form's fields as typed, urlencoded or multipart; of a field sent twice the last.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// What was typed, or nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// What was typed, if anything.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let too_large = |_| Problem::TOO_LARGE.into_response();
        let body = to_bytes(body, LARGEST).await.map_err(too_large)?;
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.unwrap_or_default().to_ascii_lowercase().starts_with("multipart/form-data") {
            return Ok(Self(form_urlencoded::parse(&body).into_owned().collect()));
        }
        let request = Request::from_parts(head, body.into());
        let mut parts =
            Multipart::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let mut fields = HashMap::new();
        while let Some(part) = parts.next_field().await.map_err(IntoResponse::into_response)? {
            let name = part.name().unwrap_or_default().to_owned();
            fields.insert(name, part.text().await.map_err(IntoResponse::into_response)?);
        }
        Ok(Self(fields))
    }
}
