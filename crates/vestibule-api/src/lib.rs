//! The identity API: accounts, tokens, sessions, revocation. Wire-compatible with the FastAPI backend
//! that existing clients know, and more careful than it where that is safe (docs/contract.md).
//!
//! [`Api::router`] is the whole of it, as a tower service: served on a socket, or called in-process.

mod auth;
mod body;
mod budget;
mod client;
mod counts;
mod error;
mod finish;
mod gateways_only;
mod jwt;
mod keeping_up;
mod keys;
mod legacy;
mod lives;
mod name_limit;
mod passwords;
mod problem;
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
pub use keys::{Algorithm, ReusedSecret, SigningKey, SigningKeys, Standing};
pub use problem::Kind as ErrorKind;
pub use settings::ApiSettings;
pub use store::{
    Database, FastApi, Imported, InvalidDatabase, OperateError, Progress, Refusal, Source, Store,
    copied_columns, end_all_sessions,
};

use keeping_up::KeepingUp;
use name_limit::NameLimit;
use passwords::Hasher;
use refresh_limit::RefreshLimit;
use store::Ending;
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
    name_limit: NameLimit,
    settings: ApiSettings,
    clock: Clock,
    keeping_up: KeepingUp,
}

impl Api {
    /// An API over an open, migrated store. It has read what happened on other nodes, and goes on doing so
    /// until [`Api::close`].
    ///
    /// # Errors
    /// [`StartError`] if the hashing threads can't be started, or the database does not answer.
    pub async fn start(
        store: Store,
        keys: SigningKeys,
        settings: ApiSettings,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let issuer = Issuer::new(keys, settings.access_ttl);
        let throttle = LoginThrottle::new(settings.throttle);
        let refresh_limit = RefreshLimit::new(settings.throttle, settings.access_ttl);
        let name_limit = NameLimit::new(settings.throttle);
        let hasher = Hasher::start()?;
        let keeping_up = KeepingUp::start(&store, &clock).await?;
        Ok(Self(Arc::new(Parts {
            store,
            issuer,
            hasher,
            throttle,
            refresh_limit,
            name_limit,
            settings,
            clock,
            keeping_up,
        })))
    }

    /// For what ends now: until no access token can be alive, by any clock that is right within the leeway.
    pub(crate) fn ending(&self) -> Ending {
        let now = self.0.clock.now();
        Ending { now, until: now + self.0.issuer.access_ttl() + tokens::LEEWAY }
    }

    /// All routes: `/api/v1/…`, `/health`, `/ready`, `/.well-known/jwks.json` and, if the settings say so, `/openapi.json`.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// Signs and verifies with `keys` from now on (KY-06). Requests under way keep those they began with.
    pub fn replace_keys(&self, keys: SigningKeys) {
        let ids: Vec<String> = keys.iter().map(SigningKey::id).collect();
        let signing = keys.signing(self.0.clock.now()).id();
        tracing::info!(
            keys.ids = ids.join(" "),
            keys.signing = signing,
            "the signing keys were replaced"
        );
        self.0.issuer.replace_keys(keys);
    }

    /// The OpenAPI 3.1 document of [`Api::router`].
    pub fn openapi() -> serde_json::Value {
        routes::openapi()
    }

    /// Deletes what is over, in small steps. A node does so by itself every minute.
    ///
    /// # Errors
    /// [`sqlx::Error`] if the database fails.
    pub async fn sweep(&self) -> sqlx::Result<()> {
        self.0.store.sweep(self.0.clock.now()).await
    }

    /// Waits for what is being written, then closes the database.
    pub async fn close(&self) {
        self.0.keeping_up.stop();
        self.0.store.close().await;
    }
}
