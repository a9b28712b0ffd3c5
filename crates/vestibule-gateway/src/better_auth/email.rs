//! `/change-email`.

use axum::Json;
use axum::response::IntoResponse as _;
use http::Method;
use serde_json::json;

use super::refusal::Refusal;
use super::update::renew;
use super::{Call, Told};
use crate::dialect::is_elsewhere;

/// `POST /change-email`: changes the address at once. For one that somebody has the answer is the same, and nothing
/// happens: so nobody learns who has an account.
pub(super) async fn change(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let email = fields.email("newEmail").to_lowercase();
    fields.maybe_text("callbackURL");
    fields.checked()?;
    let (account, _) = call.account().await?;
    if account.email.as_ref().is_some_and(|now| now.to_lowercase() == email) {
        return Err(Refusal::without_code("Email is the same"));
    }
    let change = json!({ "email": email });
    let answer = call.ask(Method::PATCH, &account.path(), Some(&change)).await?;
    if answer.status.is_success() {
        renew(call).await;
        return Ok(Json(json!({"status": true})).into_response());
    }
    if is_elsewhere(answer.status) {
        return Err(Refusal::CHANGE_EMAIL_DISABLED);
    }
    match call.refused(&answer) {
        refusal if refusal == Refusal::USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL => {
            Ok(Json(json!({"status": true})).into_response())
        }
        refusal => Err(refusal),
    }
}
