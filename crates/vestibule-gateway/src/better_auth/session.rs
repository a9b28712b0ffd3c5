//! `/get-session`, `/sign-out` and `/update-session`.

use axum::Json;
use axum::response::IntoResponse as _;
use http::HeaderName;
use serde_json::{Value, json};

use super::fields::Fields;
use super::refusal::Refusal;
use super::{Call, Told, shape};

/// What the browser kept of the site goes with the session (CK-13). Not what it stores: by that the client tells other tabs.
pub(super) const CLEAR: [(HeaderName, &str); 1] =
    [(HeaderName::from_static("clear-site-data"), r#""cache""#)];

/// `GET /get-session`: who is signed in, as the API says it now, or `null`. What the client would have from a cache or
/// not is one and the same here.
///
/// An outage is 5xx, never `null`: then the client keeps what it has (CK-09, ER-04).
pub(super) async fn show(call: &Call) -> Told {
    let told = match call.account().await {
        Ok((account, session)) => json!({
            "session": shape::session(&session, &account, &call.visitor),
            "user": shape::user(&account, session.began),
        }),
        Err(refusal) if refusal.is_outage() => {
            return Err(refusal.called("FAILED_TO_GET_SESSION"));
        }
        Err(refusal) if refusal == Refusal::UNAUTHORIZED => Value::Null,
        Err(refusal) => return Err(refusal),
    };
    Ok(Json(told).into_response())
}

/// `POST /get-session` is for servers that refresh on demand; this one does so by itself.
pub(super) fn deferred() -> Told {
    Err(Refusal::METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED)
}

/// `POST /sign-out`: always works, for nobody too, and while the API is away (LG-08).
pub(super) async fn sign_out(call: &Call) -> Told {
    if call.body.is_some() {
        call.fields()?;
    }
    call.gateway.sign_out(&call.visitor).await;
    Ok((CLEAR, Json(json!({"success": true}))).into_response())
}

/// `POST /update-session`: a session has nothing that the client could set.
pub(super) async fn update(call: &Call) -> Told {
    Fields::of_body(call.body.as_ref(), "record")?;
    call.account().await?;
    Err(Refusal::without_code("No fields to update"))
}
