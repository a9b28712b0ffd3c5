//! The identity API: accounts, tokens, sessions, revocation. Wire-compatible with the FastAPI backend
//! that existing clients know, and more careful than it where that is safe (docs/contract.md).
//!
//! [`Api::router`] is the whole of it, as a tower service: served on a socket, or called in-process.

mod auth;
mod body;
mod client;
mod error;
mod jwt;
mod lives;
mod passwords;
mod refresh;
mod refresh_limit;
mod routes;
mod settings;
mod store;
mod throttle;
mod tokens;

use std::sync::Arc;

use axum::Router;
use vestibule_types::Clock;

pub use error::StartError;
pub use settings::{ApiSettings, SigningKeys};
pub use store::Store;

use passwords::Hasher;
use refresh_limit::RefreshLimit;
use throttle::LoginThrottle;
use tokens::Issuer;

/// Everything a request needs; cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

struct Parts {
    store: Store,
    issuer: Issuer,
    hasher: Hasher,
    throttle: LoginThrottle,
    refresh_limit: RefreshLimit,
    settings: ApiSettings,
    clock: Clock,
}

impl Api {
    /// An API over an open, migrated store.
    ///
    /// # Errors
    /// [`StartError`] if the hashing threads can't be started.
    pub fn new(
        store: Store,
        keys: SigningKeys,
        settings: ApiSettings,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let issuer = Issuer::new(keys, settings.access_ttl);
        let throttle = LoginThrottle::new(settings.throttle);
        let refresh_limit = RefreshLimit::new(settings.throttle, settings.access_ttl);
        let hasher = Hasher::start()?;
        Ok(Self(Arc::new(Parts {
            store,
            issuer,
            hasher,
            throttle,
            refresh_limit,
            settings,
            clock,
        })))
    }

    /// All routes: `/api/v1/…`, `/health`, `/ready` and, if the settings say so, `/openapi.json`.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// The OpenAPI 3.1 document of [`Api::router`].
    pub fn openapi() -> serde_json::Value {
        routes::openapi()
    }

    /// Waits for what is being written, then closes the database.
    pub async fn close(&self) {
        self.0.store.close().await;
    }
}
