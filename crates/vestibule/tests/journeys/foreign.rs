//! The gateway in front of the brief's FastAPI backend as it is: tokens without `iat`, a refresh token that never rotates or
//! always does, one spelling of `/user/me/`, a logout that wants both tokens and fails when it hears them twice.

use axum::Router;
use axum::routing::any;
use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::json;
use url::Url;
use vestibule_gateway::Upstream;
use vestibule_testbed::fastapi::{Options, Server};

use crate::fastapi::Fastapi;
use crate::process;
use crate::support::{Browser, Faults, Folder, PASSWORD, TestApi, leads, person};

const ME: &str = "/api/v1/user/me";
const REFRESH: &str = "/api/v1/refresh";
const LOGOUT: &str = "/api/v1/logout";

/// A backend that goes by a test's clock, and sites in front of it.
struct Scene {
    api: TestApi,
    backend: Fastapi,
    faults: Faults,
}

impl Scene {
    async fn new(options: Options) -> Self {
        let api = TestApi::new().await;
        let backend = Fastapi::with(options, &api.clock);
        Self { api, backend, faults: Faults::default() }
    }

    fn site(&self) -> Browser {
        self.api.site_over(self.faults.around(self.backend.router()), None)
    }

    /// Whether the backend still knows the session: another gateway knows of no sign-out.
    async fn is_open(&self, browser: &Browser) -> bool {
        let mut elsewhere = Browser { jar: browser.jar.clone(), ..self.site() };
        elsewhere.visit("/dashboard").await.status == 200
    }
}

/// With a refresh token that is good for one refresh, and with one that is good for a week.
const BOTH_WAYS: [bool; 2] = [false, true];

fn rotating(rotate_refresh: bool) -> Options {
    Options { rotate_refresh, ..Options::default() }
}

#[tokio::test]
async fn the_fastapi_backend_as_it_is_gets_sessions_that_last_and_sign_outs_that_count() {
    for rotates in BOTH_WAYS {
        let scene = Scene::new(rotating(rotates)).await;
        let mut browser = scene.site();
        assert_eq!(browser.register("ada").await.status, 303);
        let wrong = browser.submit("/login", &[("username", "ada"), ("password", "wrong")]).await;
        assert_eq!(wrong.status, 401);
        assert_eq!(leads(&browser.visit("/dashboard").await).1, "/login?next=%2Fdashboard");
        assert_eq!(browser.sign_in("ada").await.header("location"), "/dashboard");

        let page = browser.visit("/dashboard").await;
        assert_eq!(page.status, 200, "{page}");
        assert!(page.body.contains("ada@example.com"), "{page}");
        assert!(page.body.contains("can't be loaded"), "it lists no sessions: {page}");
        let steps = if rotates { 40 } else { 20 };
        for _ in 0..steps {
            scene.api.clock.advance(7 * 3600);
            assert_eq!(browser.visit("/dashboard").await.status, 200);
        }
        let answer = browser.fetch("GET", ME, None).await;
        assert_eq!(answer.json()["username"], "ada");
        assert_eq!(answer.header("cache-control"), "private, no-store", "CK-07");

        scene.api.clock.advance(3600);
        let copy = browser.clone();
        assert_eq!(browser.submit("/logout", &[]).await.status, 303);
        assert!(!browser.is_signed_in());
        assert!(!scene.is_open(&copy).await, "both tokens, though the access token had expired");
    }
}

#[tokio::test]
async fn its_session_ends_when_its_refresh_token_does_and_rotation_prolongs_it() {
    for rotates in BOTH_WAYS {
        let scene = Scene::new(rotating(rotates)).await;
        let mut browser = scene.site().member("ada").await;
        for _ in 0..2 {
            scene.api.clock.advance(302_401);
            let page = browser.visit("/dashboard").await;
            assert!(page.status == 200 || !rotates, "{page}");
        }
        assert_eq!(browser.is_signed_in(), rotates);
    }
}

#[tokio::test]
async fn not_to_be_remembered_is_kept_to_here_though_it_knows_nothing_of_it() {
    let scene = Scene::new(Options::default()).await;
    let mut browser = scene.site();
    browser.register("ada").await;
    let fields = [("username", "ada"), ("password", PASSWORD), ("remember", "off")];
    let answer = browser.submit("/login", &fields).await;
    assert!(answer.cookies().iter().all(|line| !line.contains("Max-Age")), "{answer}");
    scene.api.clock.advance(12 * 3600 - 1);
    assert_eq!(browser.visit("/dashboard").await.status, 200);
    scene.api.clock.advance(1);
    assert_eq!(browser.visit("/dashboard").await.header("location"), "/login?next=%2Fdashboard");
}

#[tokio::test]
async fn a_user_named_me_is_nobody_elses_account() {
    let scene = Scene::new(Options::default()).await;
    let client = crate::support::Client::of(scene.backend.socket());
    assert_eq!(client.post_json("/api/v1/user", &person("me")).await.status, 201);
    assert_eq!(client.get(ME).await.json()["username"], "me", "the trap is there");
    let mut browser = scene.site();
    for spelling in [ME, "/api/v1/user/me/", "/api/v1/user/./me"] {
        assert_eq!(browser.fetch("GET", spelling, None).await.status, 401, "{spelling}");
    }
    let mut browser = browser.member("ada").await;
    assert!(browser.visit("/dashboard").await.body.contains("ada@example.com"));
    for spelling in [ME, "/api/v1/user/me/", "/api/v1/user/me?x=1"] {
        let answer = browser.fetch("GET", spelling, None).await;
        assert_eq!(answer.json()["username"], "ada", "{spelling}");
    }
}

#[tokio::test]
async fn ten_parallel_calls_after_expiry_make_one_refresh_whether_it_rotates_or_not() {
    for rotates in BOTH_WAYS {
        let scene = Scene::new(rotating(rotates)).await;
        let mut browser = scene.site().member("ada").await;
        for _ in 0..3 {
            scene.api.clock.advance(3600);
            let calls = (0..10).map(|_| async { browser.clone().fetch("GET", ME, None).await });
            let answers = join_all(calls).await;
            assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
            assert_eq!(scene.faults.count(REFRESH), 1);
            browser.keep(&answers[7]);
        }
    }
}

#[tokio::test]
async fn gw_20_f15_an_upstream_that_always_says_401_costs_one_refresh_and_nobody_the_session() {
    for rotates in BOTH_WAYS {
        let scene = Scene::new(rotating(rotates)).await;
        let refuses = any(async || (StatusCode::UNAUTHORIZED, r#"{"detail":"Not for you"}"#));
        let routes = Router::new().route("/api/v1/secret", refuses).merge(scene.backend.router());
        let upstream = scene.faults.around(routes);
        let mut browser = scene.api.site_over(upstream, None).member("ada").await;
        scene.api.clock.advance(60);
        for _ in 0..10 {
            let answer = browser.fetch("GET", "/api/v1/secret", None).await;
            assert_eq!(answer.says(), r#"401 {"detail":"Not for you"}"#);
        }
        assert_eq!(scene.faults.count(REFRESH), 1);
        assert_eq!(browser.visit("/dashboard").await.status, 200);
    }
}

#[tokio::test]
async fn a_deleted_account_is_signed_out_here_at_once_and_elsewhere_on_its_next_call() {
    let scene = Scene::new(Options::default()).await;
    let mut browser = scene.site().member("ada").await;
    let mut other = scene.site();
    other.sign_in("ada").await;
    let deleted = browser.submit("/dashboard/delete", &[("confirm", "ada")]).await;
    assert_eq!(deleted.header("location"), "/login?notice=deleted", "{deleted}");
    assert!(!browser.is_signed_in());
    assert_eq!(other.fetch("GET", ME, None).await.status, 401);
    assert!(!other.is_signed_in(), "though the refresh token still gives tokens");
    assert_eq!(browser.sign_in("ada").await.status, 401);
}

#[tokio::test]
async fn whoever_changes_the_username_signs_in_again_since_its_tokens_name_the_user_by_it() {
    let scene = Scene::new(Options::default()).await;
    let mut browser = scene.site().member("ada").await;
    let typed = [("name", "Ada King"), ("username", "ada"), ("email", "ada@example.com")];
    let saved = browser.submit("/dashboard/profile", &typed).await;
    assert_eq!(saved.header("location"), "/dashboard?notice=saved", "a name is no username");
    let typed = [("name", "Ada King"), ("username", "countess"), ("email", "ada@example.com")];
    let saved = browser.submit("/dashboard/profile", &typed).await;
    assert_eq!(saved.header("location"), "/login?next=%2Fdashboard", "{saved}");
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in("countess").await.status, 303);
}

#[tokio::test]
async fn f12_whatever_its_clock_says_nobody_is_signed_out_and_nothing_is_refreshed_all_the_time() {
    for ahead in [-7200, -1000, 1000, 7200] {
        let scene = Scene::new(Options::default()).await;
        let backend = scene.backend.clone().ahead(ahead);
        let upstream = scene.faults.around(backend.router());
        let mut browser = scene.api.site_over(upstream, None).member("ada").await;
        for _ in 0..24 {
            scene.api.clock.advance(300);
            assert_eq!(browser.fetch("GET", ME, None).await.status, 200, "{ahead}");
        }
        let refreshes = scene.faults.count(REFRESH);
        assert!((1..=12).contains(&refreshes), "{refreshes} in two hours, {ahead} s ahead");
    }
}

#[tokio::test]
async fn rv_11_a_sign_out_whose_answer_was_lost_is_told_once_more_and_not_for_ever() {
    let scene = Scene::new(Options::default()).await;
    let mut browser = scene.site().member("ada").await;
    let copy = browser.clone();
    // It does what it is asked, and its answers get lost.
    scene.faults.set_down(true);
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    scene.faults.set_down(false);
    assert!(!scene.is_open(&copy).await);
    scene.faults.count(LOGOUT);
    for _ in 0..5 {
        browser.fetch("GET", ME, None).await;
    }
    crate::support::until(async || scene.faults.count(LOGOUT) > 0).await;
    // It has said 500 to that, and that the refresh token is dead.
    for _ in 0..20 {
        browser.fetch("GET", ME, None).await;
    }
    assert_eq!(scene.faults.count(LOGOUT), 0);
}

#[tokio::test]
async fn a_sign_out_that_it_heard_by_half_is_heard_to_the_end() {
    let scene = Scene::new(Options::default()).await;
    let mut browser = scene.site().member("ada").await;
    let copy = browser.clone();
    // The access token goes onto the blacklist, and the refresh token does not.
    let client = crate::support::Client::of(Upstream::in_process(scene.backend.router()));
    let session = browser.clone();
    let access = access_of(&scene, session).await;
    let half = [("authorization", access.as_str()), ("cookie", "refresh_token=garbage")];
    let answer = client.request("POST", LOGOUT, &half, "").await;
    assert_eq!(answer.says(), r#"401 {"detail":"Invalid token."}"#);
    scene.api.clock.advance(60);
    assert!(scene.is_open(&copy).await, "by a refresh");
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    assert!(!scene.is_open(&copy).await);
}

/// What the gateway shows the backend for this browser.
async fn access_of(scene: &Scene, browser: Browser) -> String {
    let echo =
        any(async |headers: http::HeaderMap| headers["authorization"].to_str().unwrap().to_owned());
    let routes = Router::new().route("/api/v1/echo", echo).merge(scene.backend.router());
    let mut site = scene.api.site_over(Upstream::in_process(routes), None);
    site.jar = browser.jar;
    site.fetch("GET", "/api/v1/echo", None).await.body
}

/// It breaks the connection after a 500 without saying so (contract: identity API, section 1).
#[tokio::test]
async fn a_500_of_its_own_harms_no_request_that_comes_after() {
    let scene = Scene::new(Options::default()).await;
    let mut browser = scene.api.site_over(scene.backend.socket(), None).member("ada").await;
    for _ in 0..15 {
        let broken = json!({"name": null});
        let answer = browser.fetch("PATCH", "/api/v1/user/ada", Some(&broken)).await;
        assert_eq!((answer.status, answer.cookies().len()), (500, 0), "{answer}");
        assert_eq!(browser.fetch("GET", ME, None).await.status, 200);
        browser.fetch("PATCH", "/api/v1/user/ada", Some(&broken)).await;
        let changed = json!({"name": "Ada King"});
        let answer = browser.fetch("PATCH", "/api/v1/user/ada", Some(&changed)).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
}

#[tokio::test]
async fn the_program_in_front_of_it_over_tcp_through_an_outage_and_a_restart() {
    let backend = Server::start_with(Options { access_seconds: 60, ..Options::default() }).unwrap();
    let folder = Folder::new();
    let site = process::Server::start(&[
        "gateway",
        "--api",
        &format!("{}/api/v1", backend.url()),
        "--site-listen",
        "127.0.0.1:0",
        "--site-url",
        "http://localhost:3000",
        "--data",
        folder.path().to_str().unwrap(),
    ]);
    let address = format!("http://127.0.0.1:{}", process::listening(&site)[0]);
    let mut browser = Browser::of(Upstream::at(&Url::parse(&address).unwrap()).unwrap());
    assert_eq!(browser.register("ada").await.status, 303);
    assert_eq!(browser.sign_in("ada").await.status, 303);
    assert!(browser.visit("/dashboard").await.body.contains("ada@example.com"));
    assert_eq!(browser.fetch("GET", ME, None).await.json()["username"], "ada");

    backend.stop();
    let down = browser.visit("/dashboard").await;
    assert_eq!((down.status, down.cookies().len()), (503, 0), "{down}");
    assert!(down.body.contains("Your session is kept"), "{down}");
    assert_eq!(browser.sign_in("ada").await.status, 503, "never as a wrong password");
    backend.start_again();
    assert_eq!(browser.visit("/dashboard").await.status, 200);
    let copy = browser.clone();
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    assert_eq!(copy.peek(Method::GET, ME, &[], "").await.status, 401);
}
