//! What needs mail: answered as by a Better Auth that has none set up (measured, 1.7.25). No link was ever sent, so none
//! is good.

use axum::response::IntoResponse as _;
use http::{StatusCode, header};
use serde_json::Value;

use super::fields::Fields;
use super::refusal::Refusal;
use super::{Call, Told, callback, names};

/// `POST /request-password-reset`.
pub(super) fn request_password_reset(call: &Call) -> Told {
    let mut fields = call.fields()?;
    fields.email("email");
    fields.maybe_text("redirectTo");
    fields.checked()?;
    Err(Refusal::RESET_PASSWORD_DISABLED)
}

/// `POST /reset-password`.
pub(super) fn reset_password(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let new = fields.text("newPassword");
    let token = fields.maybe_text("token");
    fields.checked()?;
    if token.is_some_and(|token| !token.is_empty()) || call.query.contains_key("token") {
        names::chosen(new)?;
    }
    Err(Refusal::INVALID_TOKEN)
}

/// `GET /reset-password/{token}`: the link in such a mail.
pub(super) fn reset_password_link(call: &Call) -> Told {
    let mut fields = Fields::of_query(&call.query);
    fields.text("callbackURL");
    fields.checked()?;
    led_back(call).unwrap_or(Err(Refusal::INVALID_TOKEN))
}

/// `POST /send-verification-email`.
pub(super) fn send_verification(call: &Call) -> Told {
    let mut fields = call.fields()?;
    fields.email("email");
    fields.maybe_text("callbackURL");
    fields.checked()?;
    Err(Refusal::VERIFICATION_EMAIL_NOT_ENABLED)
}

/// `GET /verify-email`: the link in such a mail.
pub(super) fn verify_email(call: &Call) -> Told {
    let mut fields = Fields::of_query(&call.query);
    fields.text("token");
    fields.checked()?;
    led_back(call).unwrap_or(Err(Refusal::INVALID_TOKEN.with_status(StatusCode::UNAUTHORIZED)))
}

/// Back to where the link was to lead, with what is wrong; `None` if that is nowhere.
fn led_back(call: &Call) -> Option<Told> {
    let address = call.query.get("callbackURL").and_then(Value::as_str)?;
    let address = Some(address).filter(|address| !address.is_empty())?;
    let Some(location) = callback::leads(address, &call.gateway.0.site) else {
        return Some(Err(Refusal::INVALID_CALLBACK_URL));
    };
    let location = location.to_str().unwrap_or("/");
    let (start, fragment) = match location.split_once('#') {
        Some((start, fragment)) => (start, format!("#{fragment}")),
        None => (location, String::new()),
    };
    let joint = if start.contains('?') { '&' } else { '?' };
    let location = format!("{start}{joint}error=INVALID_TOKEN{fragment}");
    Some(Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response()))
}
