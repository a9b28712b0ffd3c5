//! One's own account, shown.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use vestibule_gateway::{CanonicalPath, Gateway, NoAnswer, Problem, Visitor, ask_to_sign_in};
use vestibule_types::{SessionEntry, User};

use super::frame;
use crate::page::show;
use crate::pages::{Dashboard, DashboardNotice, Sessions};

/// The query of `/dashboard`.
#[derive(Deserialize)]
pub(super) struct Arrival {
    notice: Option<String>,
}

/// `GET /dashboard`.
pub(super) async fn dashboard(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    arrival: Result<Query<Arrival>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let notice = arrival.ok().and_then(|Query(arrival)| arrival.notice);
    match gateway.reload_user(&visitor).await {
        Ok(user) => {
            let mut page = page(&gateway, &visitor, user).await;
            page.notice = notice.as_deref().and_then(done);
            show(StatusCode::OK, &page)
        }
        Err(error) => refused(error, &headers),
    }
}

/// The dashboard of `user`, with nothing to say.
pub(super) async fn page(gateway: &Gateway, visitor: &Visitor, user: User) -> Dashboard {
    #[derive(Deserialize)]
    struct List {
        data: Vec<SessionEntry>,
    }
    let sessions = match gateway.read::<List>(visitor, "/user/me/sessions").await {
        Ok(Some(list)) => Sessions::Listed(list.data),
        // An API that doesn't have the list, or that can't give it now: the rest of the page is worth having.
        _ => Sessions::Unavailable,
    };
    Dashboard::new(frame(gateway, Some(visitor)), user, sessions)
}

/// Back to the login form, or a problem that the session survives.
pub(super) fn refused(error: NoAnswer, headers: &HeaderMap) -> Response {
    match error {
        NoAnswer::Outage(outage) => Problem::from(outage).into_response(),
        NoAnswer::SignedOut => {
            let uri = Uri::from_static("/dashboard");
            match CanonicalPath::parse(uri.path()) {
                Ok(path) => ask_to_sign_in(&Method::GET, &path, &uri, headers),
                Err(_) => Problem::SIGNED_OUT.into_response(),
            }
        }
    }
}

fn done(word: &str) -> Option<DashboardNotice> {
    match word {
        "saved" => Some(DashboardNotice::Saved),
        "session-ended" => Some(DashboardNotice::SessionEnded),
        "others-ended" => Some(DashboardNotice::OthersEnded),
        _ => None,
    }
}
