//! `/list-sessions` and the three calls that end sessions.

use axum::Json;
use axum::response::IntoResponse as _;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use vestibule_types::SessionEntry;

use super::refusal::Refusal;
use super::session::CLEAR;
use super::{Call, Told, shape};
use crate::dialect::is_elsewhere;
use crate::requests::path_segment;
use crate::upstream::Outage;

/// What the API lists.
#[derive(Deserialize)]
struct List {
    data: Vec<SessionEntry>,
}

/// `GET /list-sessions`: handles, never what opens anything (LG-07). An API that keeps no list knows of this one.
pub(super) async fn list(call: &Call) -> Told {
    let (account, session) = call.account().await?;
    let own = shape::session(&session, &account, &call.visitor);
    let answer = call.ask(Method::GET, "/user/me/sessions", None).await?;
    let told: Vec<Value> = match answer.status {
        status if status.is_success() => {
            let list: List = serde_json::from_value(answer.body).map_err(|_| Outage::Failing)?;
            let entries = list.data.iter().map(|entry| match entry.current {
                true => own.clone(),
                false => shape::listed(entry, &account),
            });
            entries.collect()
        }
        status if is_elsewhere(status) => vec![own],
        _ => return Err(call.refused(&answer)),
    };
    Ok(Json(told).into_response())
}

/// `POST /revoke-session`: ends one of one's own sessions. Of a handle that is nobody's, or somebody else's, the answer is
/// the same.
pub(super) async fn revoke(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let handle = fields.text("token");
    fields.checked()?;
    let (_, session) = call.account().await?;
    if handle == shape::handle(&session) {
        return ended(call).await;
    }
    if handle.is_empty() {
        return done();
    }
    let path = format!("/user/me/sessions/{}", path_segment(handle));
    let answer = call.ask(Method::DELETE, &path, None).await?;
    match answer.status {
        status if status.is_success() || is_elsewhere(status) => done(),
        _ => Err(call.refused(&answer)),
    }
}

/// `POST /revoke-other-sessions`.
pub(super) async fn revoke_others(call: &Call) -> Told {
    call.account().await?;
    end_others(call).await?;
    done()
}

/// `POST /revoke-sessions`: all others, then this one.
pub(super) async fn revoke_all(call: &Call) -> Told {
    call.account().await?;
    end_others(call).await?;
    ended(call).await
}

/// This session has ended too.
async fn ended(call: &Call) -> Told {
    call.gateway.sign_out(&call.visitor).await;
    Ok((CLEAR, Json(json!({"status": true}))).into_response())
}

/// # Errors
/// [`Refusal`] if the API knows of no list of sessions: nobody is told that they have ended when they have not.
async fn end_others(call: &Call) -> Result<(), Refusal> {
    let answer = call.ask(Method::DELETE, "/user/me/sessions", None).await?;
    match answer.status {
        status if status.is_success() => Ok(()),
        status if is_elsewhere(status) => Err(Refusal::FAILED_TO_GET_SESSION),
        _ => Err(call.refused(&answer)),
    }
}

fn done() -> Told {
    Ok(Json(json!({"status": true})).into_response())
}
