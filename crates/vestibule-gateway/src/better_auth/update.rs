//! `/update-user`.

use axum::Json;
use axum::response::IntoResponse as _;
use http::Method;
use serde_json::{Map, Value, json};
use vestibule_types::PictureUrl;

use super::fields::Fields;
use super::refusal::Refusal;
use super::{Call, Told, names};

/// `POST /update-user`: changes what is given of name, picture and username. The display name is the username, so any
/// other one is refused and not forgotten in silence.
pub(super) async fn update_user(call: &Call) -> Told {
    let mut fields = Fields::of_body(call.body.as_ref(), "record")?;
    let given = call.body.as_ref().unwrap_or(&Value::Null);
    let name = fields.maybe_text("name");
    let image = fields.text_or_null("image");
    let username = fields.maybe_text("username");
    let shown = fields.maybe_text("displayUsername");
    let username = username.map(names::username).transpose()?;
    fields.checked()?;
    let (account, _) = call.account().await?;
    if is_truthy(&given["email"]) {
        return Err(Refusal::EMAIL_CAN_NOT_BE_UPDATED);
    }
    let (is_named, is_shown) = (username.is_some(), shown.is_some());
    let becomes = username.as_deref().unwrap_or(&account.username);
    if shown.is_some_and(|shown| shown.to_lowercase() != becomes) {
        return Err(Refusal::INVALID_DISPLAY_USERNAME);
    }
    let mut changes = Map::new();
    let mut change = |field: &str, value: String| changes.insert(field.to_owned(), value.into());
    if let Some(name) = name {
        change("name", name.to_owned());
    }
    if let Some(image) = image {
        let url = image.filter(|url| !url.is_empty()).map(str::to_owned);
        change("profile_image_url", url.unwrap_or_else(|| PictureUrl::default().into()));
    }
    if let Some(username) = username.filter(|username| *username != account.username) {
        change("username", username);
    }
    if changes.is_empty() && !is_named && !is_shown {
        return Err(Refusal::without_code("No fields to update"));
    }
    if !changes.is_empty() {
        let changes = Value::Object(changes);
        let answer = call.ask(Method::PATCH, &account.path(), Some(&changes)).await?;
        if !answer.status.is_success() {
            return Err(call.refused(&answer));
        }
        renew(call).await;
    }
    Ok(Json(json!({"status": true})).into_response())
}

/// The session remembers the user as it is now. The change is made, whatever becomes of this.
pub(super) async fn renew(call: &Call) {
    let _as_it_was_if_this_fails = call.gateway.reload_user(&call.visitor).await;
}

/// As JavaScript takes it.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}
