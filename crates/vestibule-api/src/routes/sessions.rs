use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use vestibule_types::{Message, SessionEntry};

use crate::Api;
use crate::auth::CurrentUser;
use crate::counts;
use crate::error::ApiError;

/// `{"data": […]}`: a list that can grow other keys later.
#[derive(Serialize)]
pub(crate) struct List {
    data: Vec<SessionEntry>,
}

/// `GET /user/me/sessions`: where the account is signed in, at most 100 places (LG-07).
pub(crate) async fn list(
    State(api): State<Api>,
    current: CurrentUser,
) -> Result<Json<List>, ApiError> {
    let now = api.0.clock.now();
    let used_since = api.0.settings.used_since(now);
    let data = api.0.store.sessions_of(current.id(), &current.sid, now, used_since).await?;
    Ok(Json(List { data }))
}

/// `DELETE /user/me/sessions/{id}`: signs out there. Answers 200; 404 if there is no such session of this account.
#[tracing::instrument(name = "session.end", skip_all, fields(user.id = %current.id()))]
pub(crate) async fn end(
    State(api): State<Api>,
    current: CurrentUser,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Message>, ApiError> {
    const NOT_FOUND: ApiError = ApiError::NotFound("Session not found");
    let Path(id) = id.map_err(|_| NOT_FOUND)?;
    if !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NOT_FOUND);
    }
    if id != current.sid {
        current.must_be_fresh(&api).await?;
    }
    if !api.0.store.revoke_session(&id, current.id(), api.ending()).await? {
        return Err(NOT_FOUND);
    }
    counts::ended("ended_by_owner", 1);
    Ok(Json(Message::new("Session ended")))
}

/// `DELETE /user/me/sessions`: signs out everywhere else.
#[tracing::instrument(name = "session.end_others", skip_all, fields(user.id = %current.id()))]
pub(crate) async fn end_others(
    State(api): State<Api>,
    current: CurrentUser,
) -> Result<Json<Message>, ApiError> {
    current.must_be_fresh(&api).await?;
    let ended = api.0.store.revoke_other_sessions(current.id(), &current.sid, api.ending()).await?;
    counts::ended("ended_by_owner", ended);
    Ok(Json(Message::new("Other sessions ended")))
}
