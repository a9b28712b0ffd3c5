use axum::Json;
use axum::extract::State;
use vestibule_types::{Invalid, Message, Password};

use super::login::authenticate;
use crate::Api;
use crate::auth::CurrentUser;
use crate::body::{Fields, FromFields, Valid};
use crate::client::Client;
use crate::counts;
use crate::error::ApiError;

/// Body of `PUT /user/me/password`.
pub(crate) struct PasswordChange {
    current: Password,
    new: Password,
}

impl FromFields for PasswordChange {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let current = fields.required("current_password", |text| Ok(Password::typed(text)));
        let new = fields.required("new_password", Password::chosen);
        Some(Self { current: current?, new: new? })
    }
}

/// `PUT /user/me/password`: changes one's own password, given the current one (LG-05), and ends all other
/// sessions (LG-06). Answers 200; 401 without a live token; 422 for a current password that isn't, or a
/// new one that won't do; 429 after too many guesses: they count like those of a login.
#[tracing::instrument(name = "account.password", skip_all, fields(user.id = %current.id()))]
pub(crate) async fn change(
    State(api): State<Api>,
    client: Client,
    current: CurrentUser,
    Valid(change): Valid<PasswordChange>,
) -> Result<Json<Message>, ApiError> {
    let owner = authenticate(&api, current.username(), change.current, &client).await;
    let owner = owner.map_err(|error| match error {
        ApiError::BadCredentials => wrong_password(),
        error => error,
    })?;
    let hash = api.0.hasher.hash(change.new).await?;
    let ended = api.0.store.change_password(owner.id, &hash, &current.sid, api.ending()).await?;
    counts::ended("password_changed", ended);
    tracing::info!("password changed, other sessions ended");
    Ok(Json(Message::new("Password changed")))
}

fn wrong_password() -> ApiError {
    let reason = "Wrong password";
    let refusal = Invalid::value(&format!("Value error, {reason}"), reason);
    ApiError::Fields(vec![refusal.of("current_password")])
}
