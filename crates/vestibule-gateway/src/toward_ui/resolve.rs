//! Who a visitor is, for a UI that stands in front of the gateway and asks before it renders (contract: Next.js,
//! design B).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::{PATH, SessionPolicy, catch_up};
use crate::browser::cookie_lines;
use crate::cookie::Opened;
use crate::gateway::{Gateway, NoAnswer};
use crate::guard::NO_STORE;
use crate::path::CanonicalPath;
use crate::problem::Problem;
use crate::revoked::Standing;
use crate::visitor::Visitor;

/// Where it is asked.
pub(super) const RESOLVE: &str = "/api/auth/_resolve";

const KEY: HeaderName = HeaderName::from_static("x-vestibule-key");

/// What is answered. With a ticket in it anybody could call the API, so it is for who has the key alone.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
enum Resolved {
    SignedIn { identity: String, ticket: Option<String>, cookies: Vec<String> },
    SignedOut { identity: (), ticket: (), cookies: Vec<String> },
}

/// `GET /api/auth/_resolve`, with the browser's `Cookie`, the path that it asked for in `X-Vestibule-Path`, and the key
/// that `vestibule next-key` prints in `X-Vestibule-Key`: 200 and who it is, fresh, with the `Set-Cookie` lines that the
/// browser is to get. 404 without the key, 503 while the API gives no verdict: that is never "signed out" (G5).
pub(super) async fn resolve(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let policy = gateway.0.plan.load().ui_session;
    if policy == SessionPolicy::None || !has_key(&gateway, &headers) {
        return Problem::NOT_FOUND.into_response();
    }
    match resolved(&gateway, &visitor, policy, &headers).await {
        Ok(resolved) => {
            visitor.settle();
            (NO_STORE, Json(resolved)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

fn has_key(gateway: &Gateway, headers: &HeaderMap) -> bool {
    let mut shown = headers.get_all(KEY).iter().map(HeaderValue::as_bytes);
    let key = shown.next().filter(|key| gateway.0.toward_ui.next_key.admits(key));
    key.is_some() && shown.next().is_none()
}

async fn resolved(
    gateway: &Gateway,
    visitor: &Visitor,
    policy: SessionPolicy,
    headers: &HeaderMap,
) -> Result<Resolved, Problem> {
    if visitor.session().is_some() && gateway.0.revoked.standing() == Standing::Unknown {
        return Err(Problem::STALE);
    }
    match gateway.fresh(visitor).await {
        Ok(_) => catch_up(gateway, visitor),
        Err(NoAnswer::SignedOut) => {}
        Err(NoAnswer::Outage(outage)) => return Err(outage.into()),
    }
    let lines = cookie_lines(gateway, visitor)?.into_iter().chain(doubled(gateway, headers));
    let cookies = lines.filter_map(|line| line.to_str().map(str::to_owned).ok()).collect();
    let Some(session) = visitor.session() else {
        return Ok(Resolved::SignedOut { identity: (), ticket: (), cookies });
    };
    let ticket = (policy >= SessionPolicy::Ticket).then(|| gateway.ticket(visitor, &session));
    let identity = gateway.identity(&session);
    Ok(Resolved::SignedIn { identity, ticket: ticket.flatten(), cookies })
}

/// The lines that delete a cookie which was set for a part of the site and hides ours (CK-05).
fn doubled(gateway: &Gateway, headers: &HeaderMap) -> Vec<HeaderValue> {
    let opened = gateway.0.cookie.read(headers, gateway.0.clock.now());
    let path = headers.get(PATH).and_then(|path| path.to_str().ok());
    let path = path.and_then(|path| CanonicalPath::parse(path.split('?').next()?).ok());
    match path {
        Some(path) if opened == Opened::Doubled => gateway.0.cookie.delete_below_root(&path),
        _ => vec![],
    }
}
