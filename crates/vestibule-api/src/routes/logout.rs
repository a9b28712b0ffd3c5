use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use vestibule_types::{Message, UserId};

use super::refresh::{cleared_cookie, refresh_cookie};
use crate::Api;
use crate::auth::bearer;
use crate::counts;
use crate::error::ApiError;

/// `POST /logout`: ends the session that either token belongs to. Answers 200, again and again; 401 if
/// neither token is good. The cookie is cleared whatever the answer (contract, section 8, row 4; RV-01).
#[tracing::instrument(name = "session.logout", skip_all)]
pub(crate) async fn logout(State(api): State<Api>, headers: HeaderMap) -> Response {
    let answer = end_sessions(&api, &headers).await;
    let answer = answer.map(|()| Json(Message::new("Logged out successfully")));
    ([(header::SET_COOKIE, cleared_cookie())], answer.into_response()).into_response()
}

async fn end_sessions(api: &Api, headers: &HeaderMap) -> Result<(), ApiError> {
    let now = api.0.clock.now();
    let cookie = refresh_cookie(headers);
    let bearer = match bearer(headers) {
        Ok(token) => Some(token),
        Err(error) if cookie.is_none() => return Err(error),
        Err(_) => None,
    };
    let access = match bearer {
        Some(token) => api.verify_access(token, now).await?,
        None => None,
    };
    let refresh = match cookie {
        Some(token) => api.verify_refresh(token, now).await?,
        None => None,
    };
    let shown: Vec<(String, UserId)> = access
        .map(|claims| (claims.sid, claims.uid))
        .into_iter()
        .chain(refresh.map(|claims| (claims.sid, claims.uid)))
        .collect();
    if shown.is_empty() {
        return Err(ApiError::BadLogoutToken);
    }
    for (sid, user) in shown {
        if api.0.store.revoke_session(&sid, user, api.ending()).await? {
            counts::ended("signed_out", 1);
            tracing::info!(user.id = %user, "signed out");
        }
    }
    Ok(())
}
