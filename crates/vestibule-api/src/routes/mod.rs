//! Router, handler, store: nothing in between.

mod health;
mod jwks;
mod login;
mod logout;
mod news;
mod password;
mod refresh;
mod sessions;
mod usernames;
mod users;

use axum::Router;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use serde_json::Value;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::Api;
use crate::error::ApiError;
use crate::finish::Finish;
use crate::gateways_only::gateways_only;

pub(crate) fn router(api: Api) -> Router {
    let mut router = Router::new();
    for (path, methods) in versioned() {
        // Existing clients call both spellings (contract, section 1); a redirect would cost a round trip.
        let path = format!("/api/v1{path}");
        router = router.route(&format!("{path}/"), methods.clone()).route(&path, methods);
    }
    router = router.route("/health", get(health::live)).route("/ready", get(health::ready));
    router = router.route("/.well-known/jwks.json", get(jwks::show));
    if api.0.settings.docs {
        router = router.route("/openapi.json", get(async || axum::Json(openapi())));
    }
    if !api.0.settings.feed_keys.is_empty() {
        router = router.route("/internal/revocations", get(news::wait));
    }
    let cors = cors(&api.0.settings.cors_origins);
    router = router
        .fallback(async || ApiError::NotFound("Not Found"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed);
    if api.0.settings.gateways_only {
        router = router.layer(from_fn_with_state(api.clone(), gateways_only));
    }
    let router = router.layer(Finish).with_state(api);
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

fn versioned() -> [(&'static str, MethodRouter<Api>); 10] {
    [
        ("/login", post(login::login)),
        ("/refresh", post(refresh::refresh)),
        ("/logout", post(logout::logout)),
        ("/username-available", get(usernames::check)),
        ("/user", post(users::register)),
        ("/user/me", get(users::me)),
        ("/user/me/password", put(password::change)),
        ("/user/me/sessions", get(sessions::list).delete(sessions::end_others)),
        ("/user/me/sessions/{id}", delete(sessions::end)),
        ("/user/{username}", get(users::show).patch(users::update).delete(users::remove)),
    ]
}

/// The OpenAPI 3.1 document, which a test holds against the routes.
pub(crate) fn openapi() -> Value {
    serde_json::from_str(include_str!("../openapi.json"))
        .expect("a test reads the embedded document")
}

/// The listed origins may call with credentials; nobody else gets a CORS header (CS-07).
fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    Some(layer)
}

#[cfg(test)]
mod tests {
    use axum::extract::{FromRequest as _, FromRequestParts as _};

    use super::{login, refresh};
    use crate::auth::CurrentUser;
    use crate::body::Form;

    fn size_2<A, B, F>(_: impl FnOnce(A, B) -> F) -> usize {
        size_of::<F>()
    }

    fn size_3<A, B, C, F>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// A future is moved a few times on its way to the heap, and a thousand logins that wait hold a thousand of them: what a query needs
    /// is on the heap while it runs, and nowhere before and after (`store::engine::within`).
    #[test]
    fn what_a_request_waits_in_is_small() {
        let sizes = [
            ("checking a token", size_2(CurrentUser::from_request_parts), 512),
            ("reading a form", size_2(Form::from_request), 1_024),
            ("signing in", size_3(login::login), 1_536),
            ("refreshing", size_2(refresh::refresh), 2_048),
        ];
        for (what, size, most) in sizes {
            assert!(size <= most, "{what}: {size} bytes");
        }
    }
}
