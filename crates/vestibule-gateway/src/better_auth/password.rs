//! `/change-password` and `/verify-password`.

use axum::Json;
use axum::response::IntoResponse as _;
use http::Method;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Call, Told, names, shape};
use crate::account::Account;
use crate::dialect::is_elsewhere;
use crate::session::Session;
use crate::sign::Proof;

/// `POST /change-password`. The API ends all other sessions in any case (LG-06); `revokeOtherSessions` says whether the
/// client wants to hear of the one that stays.
pub(super) async fn change(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let (new, current) = (fields.text("newPassword"), fields.text("currentPassword"));
    let revoke_others = fields.maybe_flag("revokeOtherSessions").unwrap_or(false);
    fields.checked()?;
    let (account, session) = call.account().await?;
    names::chosen(new)?;
    names::shown(current)?;
    let change = json!({"current_password": current, "new_password": new});
    let answer = call.ask(Method::PUT, "/user/me/password", Some(&change)).await?;
    match answer.status {
        status if status.is_success() => {
            let token = revoke_others.then(|| shape::handle(&session));
            let user: Value = shape::user(&account, session.began);
            Ok(Json(json!({"token": token, "user": user})).into_response())
        }
        status if is_elsewhere(status) => Err(Refusal::CREDENTIAL_ACCOUNT_NOT_FOUND),
        _ => Err(call.refused(&answer)),
    }
}

/// `POST /verify-password`: whether this is one's own password.
pub(super) async fn verify(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let password = fields.text("password");
    fields.checked()?;
    let (account, _) = call.account().await?;
    let proof = proof(call, &account, password).await?;
    call.gateway.discard(&call.visitor, proof).await;
    Ok(Json(json!({"status": true})).into_response())
}

/// A session of its own for whoever shows the password again; it has to be ended.
///
/// # Errors
/// [`Refusal`] if it is not the account's password, or guessed too often.
pub(super) async fn proof(
    call: &Call,
    account: &Account,
    password: &str,
) -> Result<Session, Refusal> {
    names::shown(password)?;
    if password.is_empty() {
        return Err(Refusal::INVALID_PASSWORD);
    }
    match call.gateway.prove(&call.visitor, account, password).await? {
        Proof::Right(session) => Ok(*session),
        Proof::Wrong => Err(Refusal::INVALID_PASSWORD),
        Proof::Throttled(seconds) => Err(Refusal::throttled(seconds)),
    }
}
