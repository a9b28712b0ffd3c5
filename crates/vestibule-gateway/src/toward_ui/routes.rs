//! What a UI asks of the gateway, and where it sends people.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;

use super::resolve::{RESOLVE, resolve};
use crate::gateway::{Gateway, NoAnswer};
use crate::guard::{NO_STORE, see_other};
use crate::problem::Problem;
use crate::return_path::ReturnPath;
use crate::upstream::Outage;
use crate::visitor::Visitor;

/// Where the public keys are that identities are signed with.
const IDENTITY_KEYS: &str = "/_vestibule/identity-keys";

/// Where a page leads whose call to the API was told that nobody is signed in.
pub(crate) const EXPIRED: &str = "/api/auth/expired";

/// Where a UI in front leads prefetches that are to be told nothing (contract: Next.js, N8).
const EMPTY: &str = "/api/auth/_empty";

/// Whether this path is answered here.
pub(crate) fn owns(path: &str) -> bool {
    [EXPIRED, EMPTY, RESOLVE].contains(&path)
}

pub(crate) fn router(gateway: &Gateway) -> Router {
    Router::new()
        .route(IDENTITY_KEYS, get(identity_keys))
        .route(EXPIRED, get(expired))
        .route(RESOLVE, get(resolve))
        .route(EMPTY, get(async || (StatusCode::NO_CONTENT, NO_STORE)))
        .with_state(gateway.clone())
}

/// `GET /_vestibule/identity-keys`: RFC 7517. A key is published for as long as its secret is in the list, which is
/// longer than an identity holds.
async fn identity_keys(State(gateway): State<Gateway>) -> Response {
    let document = gateway.0.toward_ui.identity.document().clone();
    ([(CACHE_CONTROL, "public, max-age=60")], Json(document)).into_response()
}

#[derive(Default, Deserialize)]
struct Way {
    next: Option<String>,
}

/// `GET /api/auth/expired?next=/x`: a page can't clear cookies while it renders, so it leads here. If the API says that
/// the session is over, the cookie goes and the way is to the login form; if it is alive, back to the page, unless that
/// goes round in circles. Whoever is lured here loses nothing: only the API's word counts.
async fn expired(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    way: Result<Query<Way>, QueryRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let way = way.map(|Query(way)| way).unwrap_or_default();
    let place = ReturnPath::or_default(way.next.as_deref());
    let way_on = match is_alive(&gateway, &visitor).await {
        Ok(true) => gateway.lead_on(&visitor, &place, &uri, &headers),
        Ok(false) => None,
        Err(outage) => return Problem::from(outage).into_response(),
    };
    way_on.unwrap_or_else(|| see_other(place.login_url(), &uri, &headers))
}

/// Asks the API whether the visitor's session is alive; if it is not, he is signed out.
async fn is_alive(gateway: &Gateway, visitor: &Visitor) -> Result<bool, Outage> {
    match gateway.who(visitor).await {
        Ok(Some(_)) => Ok(true),
        // An API that does not tell who asks says at a refresh whether the session lives.
        Ok(None) => match gateway.fresh(visitor).await {
            Ok(_) => Ok(true),
            Err(NoAnswer::SignedOut) => Ok(false),
            Err(NoAnswer::Outage(outage)) => Err(outage),
        },
        Err(NoAnswer::SignedOut) => {
            gateway.forget(visitor);
            Ok(false)
        }
        Err(NoAnswer::Outage(outage)) => Err(outage),
    }
}
