//! Accounts at providers: there is one, with a password. What asks for others is answered as by a Better Auth that has
//! none set up (measured, 1.7.25).

use axum::Json;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Call, Told, shape};

/// `GET /list-accounts`.
pub(super) async fn list(call: &Call) -> Told {
    let (account, session) = call.account().await?;
    let (id, user) = (shape::id(&account), shape::user(&account, session.began));
    let told = json!([{
        "id": id,
        "providerId": "credential",
        "accountId": id,
        "userId": id,
        "createdAt": user["createdAt"],
        "updatedAt": user["updatedAt"],
        "scopes": [],
    }]);
    Ok(Json(told).into_response())
}

/// `GET /account-info`: what a provider knows.
pub(super) async fn info(call: &Call) -> Told {
    if !call.query.contains_key("accountId") {
        return Err(Refusal::validation("[query] Invalid input"));
    }
    call.account().await?;
    Err(Refusal::ACCOUNT_NOT_FOUND)
}

/// `POST /get-access-token` and `/refresh-token`: tokens of providers. Those of the API never reach a page (SE-05).
pub(super) async fn token(call: &Call) -> Told {
    let body = call.body.as_ref().unwrap_or(&Value::Null);
    match (body["accountId"].is_string(), body["providerId"].is_null()) {
        (true, true) => {}
        (true, false) => {
            return Err(Refusal::validation("[body] Unrecognized key: \"providerId\""));
        }
        (false, _) => return Err(Refusal::validation("[body] Invalid input")),
    }
    call.account().await?;
    Err(Refusal::ACCOUNT_NOT_FOUND)
}

/// `POST /sign-in/social`.
pub(super) fn sign_in_social(call: &Call) -> Told {
    check_provider(call)?;
    Err(Refusal::PROVIDER_NOT_FOUND)
}

/// `POST /link-social`.
pub(super) async fn link_social(call: &Call) -> Told {
    check_provider(call)?;
    call.account().await?;
    Err(Refusal::PROVIDER_NOT_FOUND)
}

fn check_provider(call: &Call) -> Result<(), Refusal> {
    call.fields()?;
    let provider = call.body.as_ref().map_or(&Value::Null, |body| &body["provider"]);
    match provider.is_string() {
        true => Ok(()),
        false => Err(Refusal::validation("[body.provider] Invalid input")),
    }
}

/// `POST /unlink-account`: the one account stays.
pub(super) async fn unlink(call: &Call) -> Told {
    let mut fields = call.fields()?;
    fields.text("accountId");
    fields.checked()?;
    call.account().await?;
    Err(Refusal::FAILED_TO_UNLINK_LAST_ACCOUNT)
}
