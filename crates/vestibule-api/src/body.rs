//! Reading request bodies: JSON objects field by field and login forms, so that every field that is wrong is
//! named at once, as FastAPI does it, and never with the value that was refused.

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};
use vestibule_types::{FieldError, Invalid};

use crate::Api;
use crate::error::ApiError;

/// Largest body of our own routes, in bytes (RL-01).
const LARGEST: usize = 1024 * 1024;

/// A JSON object on its way to being a `T`: what was given, and what was wrong with it so far.
pub(crate) struct Fields {
    given: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// What can be read from the fields of a JSON object.
pub(crate) trait FromFields: Sized {
    /// Takes its fields; `None` if one of them is wrong.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

impl Fields {
    /// A field that has to be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        parse: fn(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        if !self.given.contains_key(name) {
            self.errors.push(Invalid::missing().of(name));
            return None;
        }
        self.optional(name, parse)
    }

    /// A field that may be there; `null` is not the same as absent.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        parse: fn(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let parsed = match self.given.shift_remove(name)? {
            Value::String(text) => parse(&text),
            _ => Err(Invalid::not_a_string()),
        };
        parsed.map_err(|refusal| self.errors.push(refusal.of(name))).ok()
    }
}

/// A JSON body, read whole: every field right, and no field too many (LG-17).
pub(crate) struct Valid<T>(pub(crate) T);

impl<T: FromFields> FromRequest<Api> for Valid<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Api) -> Result<Self, ApiError> {
        let given = json_object(request).await?;
        let mut fields = Fields { given, errors: Vec::new() };
        let value = T::from_fields(&mut fields);
        fields.errors.extend(fields.given.keys().map(|name| Invalid::extra().of(name)));
        match value {
            Some(value) if fields.errors.is_empty() => Ok(Self(value)),
            _ => Err(ApiError::Fields(fields.errors)),
        }
    }
}

async fn json_object(request: Request) -> Result<Map<String, Value>, ApiError> {
    let is_json = is_json(request.headers());
    let bytes = read(request).await?;
    let not_an_object = || {
        let message = "Input should be a valid dictionary or object to extract fields from";
        ApiError::Fields(vec![Invalid::new("model_attributes_type", message).of_body()])
    };
    if bytes.is_empty() {
        return Err(ApiError::Fields(vec![Invalid::missing().of_body()]));
    }
    if !is_json {
        return Err(not_an_object());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| ApiError::Unreadable)?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null) => Err(ApiError::Fields(vec![Invalid::missing().of_body()])),
        Ok(_) => Err(not_an_object()),
        Err(error) if error.to_string().starts_with("recursion limit") => Err(ApiError::Unreadable),
        Err(error) => {
            let place = ["body".into(), offset_of(text, &error).into()];
            Err(ApiError::Fields(vec![Invalid::new("json_invalid", "JSON decode error").at(place)]))
        }
    }
}

/// `application/json`, anything `+json`, or no content type at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = media_type(kind.as_bytes());
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// The media type without parameters, in lower case.
fn media_type(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Where in `text` the parser stopped, in characters from the start.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let before: usize = text
        .lines()
        .take(error.line().saturating_sub(1))
        .map(|line| line.chars().count() + 1)
        .sum();
    before + error.column().saturating_sub(1)
}

async fn read(request: Request) -> Result<Bytes, ApiError> {
    let collected = Limited::new(request.into_body(), LARGEST).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<LengthLimitError>() { ApiError::TooLarge } else { ApiError::Unreadable }
    })
}

/// The fields of a form, urlencoded or multipart, in order; any other body has none.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The field's value; if it was given twice, the last.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest<Api> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).map(|kind| media_type(kind.as_bytes()));
        match kind.as_deref() {
            Some("application/x-www-form-urlencoded") => {
                let bytes = read(request).await?;
                Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
            }
            // Its reader is large, and few send one.
            Some("multipart/form-data") => Box::pin(multipart_fields(request, api)).await.map(Self),
            _ => Ok(Self(Vec::new())),
        }
    }
}

async fn multipart_fields(request: Request, api: &Api) -> Result<Vec<(String, String)>, ApiError> {
    let limited = request.map(|body| axum::body::Body::new(Limited::new(body, LARGEST)));
    let parts = Multipart::from_request(limited, api).await;
    let mut parts = parts.map_err(|_| ApiError::Unreadable)?;
    let mut fields = Vec::new();
    let refused = |error: axum::extract::multipart::MultipartError| {
        if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::TooLarge
        } else {
            ApiError::Unreadable
        }
    };
    while let Some(part) = parts.next_field().await.map_err(refused)? {
        let name = part.name().unwrap_or_default().to_owned();
        fields.push((name, part.text().await.map_err(refused)?));
    }
    Ok(fields)
}
