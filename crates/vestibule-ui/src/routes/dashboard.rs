//! One's own account, shown.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::future::join;
use serde::Deserialize;
use vestibule_gateway::{
    Account, CanonicalPath, Gateway, NoAnswer, Problem, Visitor, ask_to_sign_in,
};
use vestibule_types::SessionEntry;

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
    uri: Uri,
) -> Response {
    let notice = arrival.ok().and_then(|Query(arrival)| arrival.notice);
    let (user, sessions) = join(gateway.reload_user(&visitor), sessions(&gateway, &visitor)).await;
    match user {
        Ok(user) => {
            let mut page = Dashboard::new(frame(&gateway, Some(&visitor)), user, sessions);
            page.notice = notice.as_deref().and_then(done);
            show(StatusCode::OK, &page)
        }
        Err(error) => refused(error, &uri, &headers),
    }
}

/// The dashboard of `user`, with nothing to say.
pub(super) async fn page(gateway: &Gateway, visitor: &Visitor, user: Account) -> Dashboard {
    let sessions = sessions(gateway, visitor).await;
    Dashboard::new(frame(gateway, Some(visitor)), user, sessions)
}

async fn sessions(gateway: &Gateway, visitor: &Visitor) -> Sessions {
    #[derive(Deserialize)]
    struct List {
        data: Vec<SessionEntry>,
    }
    match gateway.read::<List>(visitor, "/user/me/sessions").await {
        Ok(Some(list)) => Sessions::Listed(list.data),
        // An API that doesn't have the list, or that can't give it now: the rest of the page is worth having.
        _ => Sessions::Unavailable,
    }
}

/// To the login form, and from there back to `uri`; or a problem that the session survives.
pub(super) fn refused(error: NoAnswer, uri: &Uri, headers: &HeaderMap) -> Response {
    match error {
        NoAnswer::Outage(outage) => Problem::from(outage).into_response(),
        NoAnswer::SignedOut => match CanonicalPath::parse(uri.path()) {
            Ok(path) => ask_to_sign_in(&Method::GET, &path, uri, headers),
            Err(_) => Problem::SIGNED_OUT.into_response(),
        },
    }
}

fn done(word: &str) -> Option<DashboardNotice> {
    match word {
        "saved" => Some(DashboardNotice::Saved),
        "password-changed" => Some(DashboardNotice::PasswordChanged),
        "session-ended" => Some(DashboardNotice::SessionEnded),
        "others-ended" => Some(DashboardNotice::OthersEnded),
        _ => None,
    }
}
