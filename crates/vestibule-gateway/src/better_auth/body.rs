//! A call's body: JSON, for two calls also a form, or nothing at all.

use axum::body::Body;
use form_urlencoded::parse;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// Largest body, in bytes.
const LARGEST: usize = 64 * 1024;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Reads a body; `None` if there is none, and then it needs no type. Of a key that is there twice the last counts, as in
/// JavaScript.
///
/// # Errors
/// [`Refusal`]: 413 for too much, 415 for another type, 400 for what is no JSON or breaks off.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    takes_forms: bool,
) -> Result<Option<Value>, Refusal> {
    let body = Limited::new(body, LARGEST).collect().await.map_err(|why| match why
        .is::<LengthLimitError>()
    {
        true => Refusal::PAYLOAD_TOO_LARGE,
        false => Refusal::bad_request("The body broke off"),
    })?;
    let body = body.to_bytes();
    if body.is_empty() {
        return Ok(None);
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let given = given.unwrap_or_default();
    match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        JSON => serde_json::from_slice(&body)
            .map(Some)
            .map_err(|_| Refusal::bad_request("Invalid JSON in request body")),
        FORM if takes_forms => {
            let fields = parse(&body).into_owned().map(|(name, value)| (name, value.into()));
            Ok(Some(Value::Object(fields.collect::<Map<_, _>>())))
        }
        _ => Err(Refusal::media_type(wrong_type(given, takes_forms))),
    }
}

fn wrong_type(given: &str, takes_forms: bool) -> String {
    let allowed = if takes_forms { format!("{FORM}, {JSON}") } else { JSON.to_owned() };
    let given: String = given.chars().take(100).collect();
    format!("Content-Type \"{given}\" is not allowed. Allowed types: {allowed}")
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use serde_json::json;

    use super::*;

    async fn of(kind: &str, body: &[u8], takes_forms: bool) -> Result<Option<Value>, u16> {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        let read = read(&headers, Body::from(body.to_vec()), takes_forms).await;
        read.map_err(|refusal| refusal.into_response().status().as_u16())
    }

    #[tokio::test]
    async fn a_body_is_json_by_its_type_and_nothing_needs_none() {
        for (kind, body, read) in [
            ("", "", Ok(None)),
            ("text/plain", "", Ok(None)),
            (JSON, "", Ok(None)),
            (JSON, "{}", Ok(Some(json!({})))),
            ("Application/JSON ; charset=utf-8", "{}", Ok(Some(json!({})))),
            (JSON, "null", Ok(Some(json!(null)))),
            (JSON, "[1]", Ok(Some(json!([1])))),
            (JSON, r#"{"a":1,"a":2}"#, Ok(Some(json!({"a": 2})))),
            (JSON, r#"{"__proto__":{"a":1}}"#, Ok(Some(json!({"__proto__": {"a": 1}})))),
            (JSON, "{", Err(400)),
            (JSON, "{} {}", Err(400)),
            (JSON, "\u{feff}{}", Err(400)),
            (JSON, "1e999", Err(400)),
            ("", "{}", Err(415)),
            ("text/plain", "{}", Err(415)),
            ("application/jsonx", "{}", Err(415)),
            ("application/vnd.api+json", "{}", Err(415)),
            ("text/plain, application/json", "{}", Err(415)),
            (FORM, "a=b", Err(415)),
        ] {
            assert_eq!(of(kind, body.as_bytes(), false).await, read, "{kind} {body}");
        }
        assert_eq!(of(JSON, b"{\"a\":\"\xff\"}", false).await, Err(400));
    }

    #[tokio::test]
    async fn a_form_is_an_object_of_texts_where_forms_are_taken() {
        let read = of(FORM, b"email=a%40b.cd&password=x+y&password=z", true).await;
        assert_eq!(read, Ok(Some(json!({"email": "a@b.cd", "password": "z"}))));
        assert_eq!(of("text/plain", b"x", true).await, Err(415));
    }

    #[tokio::test]
    async fn rl_01_a_body_is_neither_large_nor_deep() {
        let large = format!("\"{}\"", "x".repeat(LARGEST - 2));
        assert!(of(JSON, large.as_bytes(), false).await.is_ok());
        assert_eq!(of(JSON, format!("{large} ").as_bytes(), false).await, Err(413));
        assert_eq!(of("text/plain", &vec![b'x'; LARGEST + 1], false).await, Err(413));
        let deep = "[".repeat(30_000) + &"]".repeat(30_000);
        assert_eq!(of(JSON, deep.as_bytes(), false).await, Err(400));
    }
}
