//! The brief's FastAPI backend in place of our own API: if `VESTIBULE_TEST_API` says so, every journey of `gateway`
//! goes through it. It runs on a real socket, and its clock is the test's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::StatusCode;
use url::Url;
use vestibule_api::ApiSettings;
use vestibule_gateway::Upstream;
use vestibule_testbed::fastapi::{Options, Server};
use vestibule_types::Clock;

/// Whether this run is about the FastAPI backend.
fn is_wanted() -> bool {
    match std::env::var_os("VESTIBULE_TEST_API").as_deref().map(|name| name.to_str().unwrap()) {
        None | Some("ours") => false,
        Some("fastapi") => true,
        Some(other) => panic!("VESTIBULE_TEST_API is {other}"),
    }
}

/// Where the API of this run tells who a token speaks for.
pub fn me() -> &'static str {
    if is_wanted() { "/api/v1/user/me/" } else { "/api/v1/user/me" }
}

/// A running backend.
#[derive(Clone)]
pub struct Fastapi {
    pub server: Arc<Server>,
    clock: Clock,
    /// Seconds by which its clock is ahead.
    ahead: i64,
}

impl Fastapi {
    /// The one that a test's API is, if this run is about it.
    pub fn of_this_run(settings: &ApiSettings, clock: &Clock) -> Option<Self> {
        let options = Options { access_seconds: settings.access_ttl, ..Options::default() };
        is_wanted().then(|| Self::with(options, clock))
    }

    /// One that goes by `clock`.
    pub fn with(options: Options, clock: &Clock) -> Self {
        let options = Options { time: Some(clock.now()), ..options };
        let server = Server::start_with(options).unwrap_or_else(|why| panic!("{why}"));
        Self { server: Arc::new(server), clock: clock.clone(), ahead: 0 }
    }

    /// The same with a clock that is ahead by `seconds`.
    pub fn ahead(self, seconds: i64) -> Self {
        Self { ahead: seconds, ..self }
    }

    /// Its socket, with nothing in between; its clock stands still.
    pub fn socket(&self) -> Upstream {
        Upstream::at(&Url::parse(&self.server.url()).unwrap()).unwrap()
    }

    /// The way to its socket. Whoever takes it brings the time along, and comes on a connection of his own: after a
    /// 500 the backend hangs up without a word (contract, section 1), and a request that meets that end on a kept
    /// connection may not be sent again.
    pub fn router(&self) -> Router {
        Router::new().fallback(any(pass)).with_state(self.clone())
    }
}

async fn pass(State(fastapi): State<Fastapi>, request: Request) -> Response {
    fastapi.server.set_time(fastapi.clock.now() + fastapi.ahead);
    match fastapi.socket().send(request).await {
        Ok(response) => response.into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
