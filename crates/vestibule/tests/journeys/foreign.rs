//! The gateway in front of an API that is not ours: the FastAPI backend as it is, with its tokens without
//! `iat`, its refresh token that never rotates, its one spelling of `/user/me/`, and its logout that wants both.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use vestibule_gateway::Upstream;
use vestibule_types::Clock;

use crate::support::{PASSWORD, TestApi};

/// What the backend remembers: the clock, and its blacklist of whole tokens.
#[derive(Clone)]
struct Backend {
    clock: Clock,
    blacklist: Arc<Mutex<BTreeSet<String>>>,
}

impl Backend {
    fn router(&self) -> Router {
        Router::new()
            .route("/api/v1/login", any(login))
            .route("/api/v1/refresh", any(refresh))
            .route("/api/v1/logout", any(logout))
            .route("/api/v1/user/me/", any(me))
            .fallback(any(async || (StatusCode::NOT_FOUND, r#"{"detail":"User not found"}"#)))
            .with_state(self.clone())
    }

    fn token(&self, kind: &str, life: i64) -> String {
        let claims = json!({"sub": "ada", "exp": self.clock.now() + life, "token_type": kind});
        format!(
            "{}.{}.sig",
            URL_SAFE_NO_PAD.encode("{}"),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        )
    }

    fn is_good(&self, token: &str) -> bool {
        let claims = token.split('.').nth(1).map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let claims: serde_json::Value =
            serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
        let alive = claims["exp"].as_i64().is_some_and(|exp| exp >= self.clock.now());
        alive && !self.blacklist.lock().unwrap().contains(token)
    }

    fn shown(&self, headers: &HeaderMap) -> (Option<String>, Option<String>) {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let cookie = text("cookie").and_then(|value| value.strip_prefix("refresh_token="));
        let good =
            |token: Option<&str>| token.filter(|token| self.is_good(token)).map(str::to_owned);
        (good(bearer), good(cookie))
    }
}

fn answer(access: &str) -> String {
    json!({"access_token": access, "token_type": "bearer"}).to_string()
}

async fn login(State(backend): State<Backend>, request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
    if !String::from_utf8_lossy(&body).contains("Str1ngst%21") {
        return (StatusCode::UNAUTHORIZED, r#"{"detail":"Wrong username, email or password."}"#)
            .into_response();
    }
    let refresh = backend.token("refresh", 604_800);
    let cookie =
        format!("refresh_token={refresh}; HttpOnly; Max-Age=604800; Path=/; SameSite=lax; Secure");
    ([("set-cookie", cookie)], answer(&backend.token("access", 1800))).into_response()
}

async fn refresh(State(backend): State<Backend>, headers: HeaderMap) -> Response {
    match backend.shown(&headers) {
        (_, Some(_)) => answer(&backend.token("access", 1800)).into_response(),
        _ => (StatusCode::UNAUTHORIZED, r#"{"detail":"Invalid refresh token."}"#).into_response(),
    }
}

async fn logout(State(backend): State<Backend>, headers: HeaderMap) -> Response {
    match backend.shown(&headers) {
        (Some(access), Some(refresh)) => {
            backend.blacklist.lock().unwrap().extend([access, refresh]);
            r#"{"message":"Logged out successfully"}"#.into_response()
        }
        _ => (StatusCode::UNAUTHORIZED, r#"{"detail":"Invalid token."}"#).into_response(),
    }
}

async fn me(State(backend): State<Backend>, headers: HeaderMap) -> Response {
    if backend.shown(&headers).0.is_none() {
        return (StatusCode::UNAUTHORIZED, r#"{"detail":"User not authenticated."}"#)
            .into_response();
    }
    let user = json!({"id": 7, "name": "Ada Lovelace", "username": "ada", "email": "ada@example.com",
        "profile_image_url": "https://profileimageurl.com", "tier_id": null});
    ([("cache-control", "public, max-age=60")], user.to_string()).into_response()
}

#[tokio::test]
async fn the_fastapi_backend_as_it_is_gets_sessions_that_last_and_sign_outs_that_count() {
    let api = TestApi::new().await;
    let backend = Backend { clock: api.clock.clone(), blacklist: Arc::default() };
    let mut browser = api.site_over(Upstream::in_process(backend.router()), None);
    let wrong = browser.submit("/login", &[("username", "ada"), ("password", "wrong")]).await;
    assert_eq!(wrong.status, 401);
    let right = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(browser.submit("/login", &right).await.header("location"), "/dashboard");

    let page = browser.visit("/dashboard").await;
    assert_eq!(page.status, 200, "{page}");
    assert!(
        page.body.contains("ada@example.com") && page.body.contains("can't be loaded"),
        "{page}"
    );
    for _ in 0..20 {
        api.clock.advance(7 * 3600);
        assert_eq!(browser.visit("/dashboard").await.status, 200);
    }
    let answer = browser.fetch("GET", "/api/v1/user/me/", None).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, "private, no-store"),
        "CK-07"
    );

    api.clock.advance(3600);
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    assert_eq!(
        backend.blacklist.lock().unwrap().len(),
        2,
        "both tokens, though the access token had expired"
    );
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn its_session_ends_when_its_refresh_token_does() {
    let api = TestApi::new().await;
    let backend = Backend { clock: api.clock.clone(), blacklist: Arc::default() };
    let mut browser = api.site_over(Upstream::in_process(backend.router()), None);
    browser.submit("/login", &[("username", "ada"), ("password", PASSWORD)]).await;
    api.clock.advance(604_801);
    assert_eq!(browser.visit("/dashboard").await.header("location"), "/login?next=%2Fdashboard");
}

#[tokio::test]
async fn not_to_be_remembered_is_kept_to_here_though_it_knows_nothing_of_it() {
    let api = TestApi::new().await;
    let backend = Backend { clock: api.clock.clone(), blacklist: Arc::default() };
    let mut browser = api.site_over(Upstream::in_process(backend.router()), None);
    let fields = [("username", "ada"), ("password", PASSWORD), ("remember", "off")];
    let answer = browser.submit("/login", &fields).await;
    assert!(answer.cookies().iter().all(|line| !line.contains("Max-Age")), "{answer}");
    api.clock.advance(12 * 3600 - 1);
    assert_eq!(browser.visit("/dashboard").await.status, 200);
    api.clock.advance(1);
    assert_eq!(browser.visit("/dashboard").await.header("location"), "/login?next=%2Fdashboard");
}
