//! `/delete-user`.

use axum::Json;
use axum::response::IntoResponse as _;
use http::{Method, StatusCode};
use serde_json::json;

use super::api::meant;
use super::fields::Fields;
use super::password::proof;
use super::refusal::Refusal;
use super::session::CLEAR;
use super::{Call, Told};
use crate::account::Account;
use crate::requests::Answer;

/// `POST /delete-user`: deletes the account and ends all its sessions. With a password, by a login of its own, however old
/// the session is; without one, the session has to be fresh.
pub(super) async fn delete_user(call: &Call) -> Told {
    let none = json!({});
    let body = call.body.as_ref().unwrap_or(&none);
    let mut fields = Fields::of_body(Some(body), "object")?;
    fields.maybe_text("callbackURL");
    let password = fields.maybe_text("password").filter(|password| !password.is_empty());
    let token = fields.maybe_text("token").filter(|token| !token.is_empty());
    fields.checked()?;
    let (account, _) = call.account().await?;
    if token.is_some() {
        return callback_refused();
    }
    match password {
        Some(password) => delete_by_password(call, &account, password).await?,
        None => {
            let answer = call.ask(Method::DELETE, &account.path(), None).await?;
            done(call, &answer)?;
        }
    }
    call.gateway.forget(&call.visitor);
    let told = Json(json!({"success": true, "message": "User deleted"}));
    Ok((CLEAR, told).into_response())
}

/// The session that proves the password goes with the account; if that stays, it is ended.
async fn delete_by_password(call: &Call, account: &Account, password: &str) -> Result<(), Refusal> {
    let proof = proof(call, account, password).await?;
    let request = call.request(Method::DELETE, &account.path(), None);
    let way = call.gateway.api_way();
    let deleted = async {
        let response = call.gateway.send_as(&way, &call.visitor, request, &proof.access).await?;
        done(call, &meant(Answer::read(response).await?)?)
    };
    let deleted = deleted.await;
    if deleted.is_err() {
        call.gateway.discard(&call.visitor, proof).await;
    }
    deleted
}

fn done(call: &Call, answer: &Answer) -> Result<(), Refusal> {
    match answer.status {
        status if status.is_success() => Ok(()),
        _ => match call.refused(answer) {
            refusal if refusal == Refusal::SESSION_NOT_FRESH => Err(Refusal::SESSION_EXPIRED),
            refusal => Err(refusal),
        },
    }
}

/// `GET /delete-user/callback`: the link of a mail that is never sent.
pub(super) fn callback(call: &Call) -> Told {
    let mut fields = Fields::of_query(&call.query);
    fields.text("token");
    fields.checked()?;
    callback_refused()
}

fn callback_refused() -> Told {
    Err(Refusal::INVALID_TOKEN.with_status(StatusCode::NOT_FOUND))
}
