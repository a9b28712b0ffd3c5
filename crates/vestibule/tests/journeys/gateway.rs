//! The gateway between browser and API: refresh, replay, guard, outage, tampering.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use axum::routing::any;
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use http::{Method, StatusCode};
use serde_json::json;
use url::Url;
use vestibule::metrics::Registry;
use vestibule_api::ApiSettings;
use vestibule_gateway::Upstream;

use crate::support::{Browser, Faults, PASSWORD, TestApi, leads, until};

const REFRESH: &str = "/api/v1/refresh";
const ME: &str = "/api/v1/user/me";
/// How the API is asked for it, whatever the browser says.
const ME_ASKED: &str = "/api/v1/user/me/";

/// What a gateway kept of the first refresh was due itself, and was followed to its successor.
#[tokio::test]
async fn rf_03_answers_lost_twice_in_a_row_sign_nobody_out_however_short_the_life() {
    let settings = ApiSettings { access_ttl: 6, throttle: false, ..ApiSettings::default() };
    let api = TestApi::with(settings).await;
    let mut browser = api.site().member("ada").await;
    for seconds in [6, 8] {
        api.clock.advance(seconds);
        let lost = browser.peek(Method::GET, ME, &[], "").await;
        assert_eq!(lost.status, 200, "{lost}");
    }
    api.clock.advance(5);
    assert_eq!(browser.fetch("GET", ME, None).await.status, 200);
}

#[tokio::test]
async fn a_session_outlives_its_access_token_and_nobody_notices() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    for _ in 0..40 {
        api.clock.advance(2 * 3600);
        assert_eq!(browser.fetch("GET", ME, None).await.status, 200);
        assert_eq!(browser.visit("/dashboard").await.status, 200);
    }
}

#[tokio::test]
async fn ck_06_it_ends_seven_days_after_the_login_though_the_browser_keeps_the_cookie() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    api.clock.advance(7 * 86_400);
    faults.count(REFRESH);
    let answer = browser.peek(Method::GET, "/dashboard", &[("accept", "text/html")], "").await;
    assert_eq!(leads(&answer).0, StatusCode::SEE_OTHER);
    assert_eq!(faults.count(REFRESH), 0, "no call to the API");
    browser.keep(&answer);
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn ten_parallel_calls_after_expiry_make_one_refresh() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let browser = api.faulty_site(&faults).member("ada").await;
    api.clock.advance(3600);
    let answers =
        join_all((0..10).map(|_| async { browser.clone().fetch("GET", ME, None).await })).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.cookies().len() == 2));
    assert_eq!(faults.count(REFRESH), 1);
    let hints: Vec<_> = answers.iter().map(|answer| answer.cookies()[1].clone()).collect();
    assert!(
        hints.iter().all(|hint| hint.contains(&browser.jar["vestibule_hint"])),
        "constant over refreshes"
    );
}

#[tokio::test]
async fn g_4_two_gateways_that_refresh_one_session_at_once_both_go_on() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut one = api.faulty_site(&faults).member("ada").await;
    for round in 1..=3 {
        let mut other = api.faulty_site(&faults);
        other.jar = one.jar.clone();
        api.clock.advance(3600);
        let tabs = [&one, &other, &one, &other].map(|tab| {
            let mut tab = tab.clone();
            async move { (tab.fetch("GET", ME, None).await.status, tab) }
        });
        let done = join_all(tabs).await;
        assert!(done.iter().all(|(status, _)| *status == 200), "{round}");
        assert_eq!(faults.count(REFRESH), 2, "one each");
        // Either's cookie is good at either.
        let [first, last] = [&done[0].1, &done[3].1].map(|tab| tab.jar.clone());
        (one.jar, other.jar) = (last, first);
        assert_eq!(one.fetch("GET", ME, None).await.status, 200);
        assert_eq!(other.fetch("GET", ME, None).await.status, 200);
    }
}

#[tokio::test]
async fn rf_13_a_token_is_refreshed_ahead_of_time_and_not_before() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    api.clock.advance(1499);
    browser.fetch("GET", ME, None).await;
    assert_eq!(faults.count(REFRESH), 0);
    api.clock.advance(242);
    browser.fetch("GET", ME, None).await;
    assert_eq!(faults.count(REFRESH), 1);
}

#[tokio::test]
async fn rf_12_every_answer_is_that_of_its_own_cookie() {
    let api = TestApi::new().await;
    let site = api.site();
    let mut browsers = Vec::new();
    for number in 0..12 {
        browsers.push(site.clone().member(&format!("user{number}")).await);
    }
    api.clock.advance(3600);
    let calls =
        browsers.iter().flat_map(|browser| [browser.clone(), browser.clone(), browser.clone()]);
    let answers =
        join_all(calls.map(|mut browser| async move { browser.fetch("GET", ME, None).await }))
            .await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.json()["username"], format!("user{}", number / 3));
    }
}

#[tokio::test]
async fn gw_14_a_call_that_the_api_refuses_is_refreshed_and_sent_again_once() {
    let api = TestApi::new().await;
    let (faults, clock) = (Faults::default(), api.clock.clone());
    let mut browser = api.faulty_site(&faults).member("ada").await;
    faults.refuse_once(ME_ASKED);
    faults.count(ME_ASKED);
    let answer = browser.fetch("GET", ME, None).await;
    assert_eq!((answer.status, faults.count(ME_ASKED), faults.count(REFRESH)), (200, 2, 1));
    clock.advance(20);
    faults.refuse_once("/api/v1/user/ada");
    let answer =
        browser.fetch("PATCH", "/api/v1/user/ada", Some(&json!({"name": "Ada King"}))).await;
    assert_eq!((answer.status, faults.count("/api/v1/user/ada")), (200, 2), "with its body");
}

#[tokio::test]
async fn ck_09_a_401_of_one_route_alone_signs_nobody_out() {
    let api = TestApi::new().await;
    let strict = Router::new().route("/api/v1/secret", any(async || StatusCode::UNAUTHORIZED));
    let faults = Faults::default();
    let upstream = faults.around(api.router().merge(strict));
    let mut browser = api.site_over(upstream, None).member("ada").await;
    let answer = browser.fetch("GET", "/api/v1/secret", None).await;
    assert_eq!((answer.status, faults.count("/api/v1/secret"), faults.count(REFRESH)), (401, 2, 1));
    assert_eq!(browser.visit("/dashboard").await.status, 200);
}

#[tokio::test]
async fn a_deleted_account_is_signed_out_on_its_next_call() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    let elsewhere = api.log_in("ada").await;
    api.client.delete_as("/api/v1/user/ada", &elsewhere.access).await;
    assert_eq!(browser.fetch("GET", ME, None).await.status, 401);
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn rf_17_an_outage_is_never_told_as_signed_out_and_the_cookie_stays() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    faults.set_down(true);
    for advance in [0, 3600] {
        api.clock.advance(advance);
        let page = browser.visit("/dashboard").await;
        assert_eq!(page.status, 503, "{page}");
        assert!(page.body.contains("Your session is kept"), "{page}");
        let call = browser.fetch("GET", ME, None).await;
        assert!([502, 503].contains(&call.status), "{call}");
        assert_eq!(page.cookies().len() + call.cookies().len(), 0, "CK-09");
    }
    assert_eq!(browser.sign_in("ada").await.status, 503, "and never as a wrong password");
    faults.set_down(false);
    assert_eq!(browser.visit("/dashboard").await.status, 200);
}

#[tokio::test]
async fn while_a_token_lives_a_failed_refresh_is_no_reason_to_stop() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    api.clock.advance(1780);
    faults.fail(REFRESH);
    assert_eq!(browser.fetch("GET", ME, None).await.status, 200);
    assert_eq!(faults.count(REFRESH), 1);
}

#[tokio::test]
async fn er_04_an_api_that_is_not_there_is_a_503_with_retry_after() {
    let api = TestApi::new().await;
    let nowhere = Upstream::at(&Url::parse("http://127.0.0.1:1").unwrap()).unwrap();
    let mut browser = api.site_over(nowhere, None);
    let answer = browser.fetch("GET", ME, None).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"));
    assert_eq!(answer.json()["code"], "upstream_unreachable");
    assert_eq!(browser.sign_in("ada").await.status, 503);
    assert_eq!(browser.visit("/ready").await.status, 503);
    assert_eq!(browser.visit("/health").await.status, 200);
    assert_eq!(browser.visit("/login").await.status, 200);
}

#[tokio::test]
async fn a_signed_out_cookie_is_worthless_wherever_a_copy_is() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    let mut copy = browser.clone();
    browser.submit("/logout", &[]).await;
    assert_eq!(copy.clone().visit("/dashboard").await.status, 303);
    assert!(!copy.clone().visit("/").await.body.contains("Ada Lovelace"));
    assert_eq!(copy.fetch("GET", ME, None).await.status, 401);
    let mut elsewhere = Browser { jar: copy.jar.clone(), ..api.site() };
    assert_eq!(
        elsewhere.visit("/dashboard").await.status,
        303,
        "at another gateway, by the API's word"
    );
    assert!(!elsewhere.is_signed_in());
}

#[tokio::test]
async fn a_sign_out_during_a_refresh_wins() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    let copy = browser.clone();
    api.clock.advance(3600);
    let gate = faults.hold(REFRESH);
    let mut refreshing = browser.clone();
    let call = async { refreshing.fetch("GET", ME, None).await };
    let sign_out = async {
        faults.held(1).await;
        let out = browser.submit("/logout", &[]);
        // The sign-out waits for the refresh under way, whose tokens it takes along.
        gate.add_permits(100);
        out.await
    };
    let (call, out) = join(call, sign_out).await;
    assert_eq!((call.status, out.status), (401, 303), "{call}");
    assert!(call.cookies().iter().all(|line| line.contains("Max-Age=0")), "{call}");
    assert_eq!(refreshing.visit("/dashboard").await.status, 303);
    assert!(!is_open(&api, &copy).await, "no session of the browser's is left");
}

/// Whether the session is open by the word of the API: another gateway knows of no sign-out.
async fn is_open(api: &TestApi, browser: &Browser) -> bool {
    let mut elsewhere = Browser { jar: browser.jar.clone(), ..api.site() };
    elsewhere.visit("/dashboard").await.status == 200
}

#[tokio::test]
async fn signing_out_works_twice_with_an_expired_token_and_without_the_api() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    let stale = browser.clone();
    api.clock.advance(3600);
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    assert_eq!(stale.clone().submit("/logout", &[]).await.status, 303, "from a stale tab");
    let mut other = api.faulty_site(&faults);
    other.sign_in("ada").await;
    faults.set_down(true);
    let copy = other.clone();
    assert_eq!(other.submit("/logout", &[]).await.status, 303);
    assert!(!other.is_signed_in());
    faults.set_down(false);
    assert_eq!(
        copy.clone().visit("/dashboard").await.status,
        303,
        "refused here though the API did not hear"
    );
}

#[tokio::test]
async fn ck_08_a_cookie_that_comes_too_late_is_not_set() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let browser = api.faulty_site(&faults).member("ada").await;
    api.clock.advance(3600);
    let gate = faults.hold(ME_ASKED);
    let mut slow = browser.clone();
    let call = async { slow.fetch("GET", ME, None).await };
    let wait = async {
        faults.held(1).await;
        api.clock.advance(31);
        gate.add_permits(100);
    };
    let (answer, ()) = join(call, wait).await;
    assert_eq!((answer.status, answer.cookies().len()), (200, 0));
}

#[tokio::test]
async fn t1_broken_cookies_are_signed_out_and_removed_and_never_a_5xx() {
    let api = TestApi::new().await;
    let browser = api.site().member("ada").await;
    let good = browser.jar["vestibule"].clone();
    let mut flipped = good.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let huge = "x".repeat(7000);
    for value in [
        "garbage",
        "",
        "v1..",
        "eyJhbGciOiJub25lIn0.e30.",
        &good[..good.len() - 1],
        &flipped,
        &huge,
        &format!("{good}x"),
    ] {
        let mut broken = browser.clone();
        broken.jar.insert("vestibule".to_owned(), value.to_owned());
        let answer = broken.visit("/dashboard").await;
        assert_eq!(answer.status, 303, "{value}: {answer}");
        assert!(!broken.is_signed_in(), "{value}");
        assert_eq!(broken.fetch("GET", ME, None).await.status, 401);
        assert_eq!(broken.sign_in("ada").await.status, 303, "and can sign in again");
    }
    let twice = format!("vestibule={good}; vestibule={good}");
    let answer = browser
        .client
        .request("GET", "/dashboard", &[("cookie", &twice), ("accept", "text/html")], "")
        .await;
    assert_eq!(answer.status, 303, "CK-05: two are none");
}

#[tokio::test]
async fn ky_03_a_cookie_under_an_unknown_key_is_left_alone() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    let value = browser.jar["vestibule"].clone();
    let (_, rest) = value.split_once('.').unwrap();
    let (_, sealed) = rest.split_once('.').unwrap();
    browser.jar.insert("vestibule".to_owned(), format!("v1.AAAAAAAA.{sealed}"));
    let answer = browser.visit("/dashboard").await;
    assert_eq!((answer.status, answer.cookies().len()), (303, 0));
}

#[tokio::test]
async fn ck_04_tokens_that_fit_in_no_cookie_fail_the_login_with_a_clear_error() {
    let api = TestApi::new().await;
    for (size, status) in [(100, 303), (2000, 303), (2900, 303), (3000, 502), (6000, 502)] {
        let token = "t".repeat(size);
        let login = format!(r#"{{"access_token":"{token}","token_type":"bearer"}}"#);
        let foreign = Router::new()
            .route("/api/v1/login", any(async move || login))
            .route(ME, any(async || r#"{"id":1,"name":"Ada","username":"ada","email":"a@b.cd","profile_image_url":"","tier_id":null}"#));
        let mut browser = api.site_over(Upstream::in_process(foreign), None);
        let answer = browser.sign_in("ada").await;
        assert_eq!(answer.status, status, "{size}: {answer}");
        assert_eq!(browser.is_signed_in(), status == 303);
    }
}

#[tokio::test]
async fn cs_01_cs_02_cs_03_what_comes_from_elsewhere_is_refused_before_anything_happens() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let browser = api.faulty_site(&faults).member("ada").await;
    faults.count("/api/v1/login");
    let routes = [
        "/login",
        "/register",
        "/logout",
        "/dashboard/delete",
        "/dashboard/profile",
        "/api/v1/user/ada",
        "/nowhere",
    ];
    let foreign: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:3000")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:3001")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "none")],
        &[],
    ];
    for route in routes {
        for headers in foreign {
            for method in [Method::POST, Method::PATCH, Method::DELETE] {
                let answer = browser
                    .peek(method.clone(), route, headers, "username=ada&password=x&confirm=ada")
                    .await;
                assert_eq!(
                    (answer.status, answer.cookies().len()),
                    (403, 0),
                    "{method} {route} {headers:?}"
                );
            }
        }
    }
    assert_eq!(faults.count("/api/v1/login") + faults.count(REFRESH), 0);
    let form = format!("username=ada&password={PASSWORD}");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let cross = browser
        .client
        .request("POST", "/login", &[kind, ("sec-fetch-site", "cross-site")], form.clone())
        .await;
    assert_eq!((cross.status, cross.cookies().len()), (403, 0), "no cookie, still another site");
    let command_line = browser.client.request("POST", "/login", &[kind], form).await;
    assert_eq!(command_line.status, 303, "no cookie, no browser");
}

#[tokio::test]
async fn login_refresh_and_logout_of_the_api_never_pass_raw() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    for path in ["login", "refresh", "logout"] {
        let path = format!("/api/v1/{path}");
        faults.count(&path);
        for spelled in [
            path.clone(),
            format!("{path}/"),
            format!("/x/..{path}"),
            path.replace("log", "%6cog").replace("ref", "%72ef"),
        ] {
            assert_eq!(browser.fetch("POST", &spelled, None).await.status, 404, "{spelled}");
        }
        assert_eq!(faults.count(&path), 0);
    }
}

/// An upstream that answers with what it got.
fn echo() -> Router {
    Router::new().fallback(any(async |request: Request| {
        let headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let text = format!("{} {}\n{}", request.method(), request.uri(), headers.join("\n"));
        (
            [("set-cookie", "vestibule=evil"), ("set-cookie", "refresh_token=evil")],
            [("server", "echo/1.0")],
            text,
        )
            .into_response()
    }))
}

#[tokio::test]
async fn gw_01_gw_02_gw_04_what_a_client_says_of_itself_reaches_no_api() {
    let api = TestApi::new().await;
    let upstream = Upstream::in_process(api.router().route("/api/v1/echo", any(echo_handler)));
    let browser = api.site_over(upstream, None).member("ada").await;
    let forged = [
        ("authorization", "Bearer forged-token"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("x-user-id", "6666"),
        ("x-middleware-subrequest", "6666"),
        ("connection", "authorization, x-request-id, x-forwarded-proto"),
        ("te", "trailers"),
        ("x-custom", "stays"),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = browser.peek(Method::GET, "/api/v1/echo", &forged, "").await;
    for gone in ["forged", "6.6.6.6", "6666", "cookie:", "vestibule", "te:", "connection:"] {
        assert!(!answer.body.contains(gone), "{gone} in {answer}");
    }
    for there in [
        "authorization: Bearer eyJ",
        "x-custom: stays",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-request-id: ",
    ] {
        assert!(answer.body.contains(there), "{there} not in {answer}");
    }
    assert!(
        answer.cookies().is_empty() && answer.header("server").is_empty(),
        "CK-10, CK-12: {answer}"
    );
    let nobody = browser.client.request("GET", "/api/v1/echo", &forged, "").await;
    assert!(
        !nobody.body.contains("authorization"),
        "without a session there is no token: {nobody}"
    );
}

async fn echo_handler(request: Request) -> axum::response::Response {
    use tower::ServiceExt as _;
    echo().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_body_too_large_to_keep_is_streamed_with_a_token_made_fresh_beforehand() {
    let api = TestApi::new().await;
    let upload = Router::new().route(
        "/api/v1/upload",
        any(async |request: Request| {
            let bearer = request.headers().contains_key("authorization");
            let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
            format!("{bearer} {}", body.len())
        }),
    );
    let faults = Faults::default();
    let mut browser =
        api.site_over(faults.around(api.router().merge(upload)), None).member("ada").await;
    api.clock.advance(3600);
    let body = "x".repeat(3_000_000);
    let answer = browser.fetch("POST", "/api/v1/upload", Some(&json!(body))).await;
    assert_eq!(answer.says(), "200 true 3000002");
    assert_eq!(faults.count(REFRESH), 1);
}

#[tokio::test]
async fn gw_05_paths_are_normalised_before_the_guard_is_asked() {
    let api = TestApi::new().await;
    let ui = Router::new()
        .fallback(any(async |request: Request| format!("ui got {}", request.uri().path())));
    let site = api.site_over(Upstream::in_process(api.router()), Some(Upstream::in_process(ui)));
    let page = [("accept", "text/html")];
    for (path, status) in [
        ("/dashboard", 303),
        ("/dashboard/x", 303),
        ("/%64ashboard", 303),
        ("/x/../dashboard", 303),
        ("/./dashboard", 303),
        ("/dashboard;a=b", 303),
        ("/billing/2026", 303),
        ("//dashboard", 400),
        ("/%2fdashboard", 400),
        ("/x/%2e%2e/dashboard", 400),
        ("/dashboard%2f..", 400),
        ("/dashboard%5c", 400),
        ("/dashboard%00", 400),
        ("/%2564ashboard", 400),
        ("/dashboards", 200),
        ("/public", 200),
    ] {
        let answer = site.client.request("GET", path, &page, "").await;
        assert_eq!(answer.status, status, "{path}: {answer}");
    }
    let answer = site.client.request("GET", "/a/../%70ublic/%c3%a9?x=%2F", &page, "").await;
    assert_eq!(answer.says(), "200 ui got /public/%C3%A9", "what is guarded is what is sent");
}

#[tokio::test]
async fn gw_13_guarded_pages_of_the_ui_need_a_session_and_scripts_get_json() {
    let api = TestApi::new().await;
    let ui = Router::new().fallback(any(async || {
        ([("cache-control", "s-maxage=31536000"), ("etag", "\"x\"")], "private page")
    }));
    // As Next.js says it of what it builds.
    let year = "public, max-age=31536000, immutable";
    let ui = ui.route("/_next/static/a.js", any(async move || [("cache-control", year)]));
    let site = api.site_over(Upstream::in_process(api.router()), Some(Upstream::in_process(ui)));
    let mut visitor = site.clone();
    assert_eq!(visitor.visit("/dashboard").await.header("location"), "/login?next=%2Fdashboard");
    let script = visitor.fetch("GET", "/dashboard", None).await;
    assert_eq!((script.status, &script.json()["login"]), (401, &json!("/login?next=%2Fdashboard")));
    let mut member = site.clone();
    member.register("ada").await;
    member.sign_in("ada").await;
    let page = member.visit("/dashboard").await;
    assert_eq!(
        (page.says().as_str(), page.header("cache-control")),
        ("200 private page", "private, no-store")
    );
    api.clock.advance(3600);
    let renewed = member.visit("/anything").await;
    assert_eq!(renewed.cookies().len(), 2, "fresh before the page renders");
    assert_eq!(
        (renewed.header("cache-control"), renewed.header("etag")),
        ("private, no-store", "")
    );
    let asset = member.fetch("GET", "/_next/static/a.js", None).await;
    assert_eq!(asset.header("cache-control"), year, "untouched");
}

#[tokio::test]
async fn with_a_ui_its_pages_answer_and_ours_where_it_has_none() {
    let api = TestApi::new().await;
    let bare = Router::new().route("/", any(async || "their home"));
    let full = Router::new().fallback(any(async || "theirs"));
    let over = |ui: Router| {
        api.site_over(Upstream::in_process(api.router()), Some(Upstream::in_process(ui)))
    };
    let mut site = over(bare);
    assert_eq!(site.visit("/").await.body, "their home");
    assert!(site.visit("/login").await.body.contains("Sign in"), "ours");
    assert_eq!(site.visit("/nowhere").await.status, 404);
    let mut site = over(full);
    assert_eq!(site.visit("/login").await.body, "theirs");
    assert_eq!(site.visit("/health").await.says(), r#"200 {"status":"ok"}"#);
    assert_eq!(site.register("ada").await.status, 303, "the forms are always ours");
    assert_eq!(site.sign_in("ada").await.header("location"), "/dashboard");
    assert_eq!(site.submit("/logout", &[]).await.status, 303);
}

#[tokio::test]
async fn nothing_of_the_session_reaches_the_ui_and_its_cookies_cannot_replace_ours() {
    let api = TestApi::new().await;
    let site =
        api.site_over(Upstream::in_process(api.router()), Some(Upstream::in_process(echo())));
    let mut member = site.clone();
    member.register("ada").await;
    member.sign_in("ada").await;
    member.jar.insert("theme".to_owned(), "dark".to_owned());
    let answer = member.visit("/page?x=1").await;
    assert!(answer.body.starts_with("GET /page?x=1"), "{answer}");
    assert!(
        answer.body.contains("cookie: theme=dark") && answer.body.contains("host: localhost:3000"),
        "{answer}"
    );
    for ours in ["vestibule=", "vestibule_hint", "authorization"] {
        assert!(!answer.body.contains(ours), "{answer}");
    }
    assert_eq!(answer.cookies(), ["refresh_token=evil"], "a UI's own cookies are its own");
}

/// A server that answers once on each connection and then hangs up on whoever asks again.
fn forgetful() -> (Url, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, count) = (stream.unwrap(), count.clone());
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                for turn in 0.. {
                    match stream.read(&mut request) {
                        Ok(0) | Err(_) => return,
                        Ok(_) => count.fetch_add(1, Ordering::SeqCst),
                    };
                    if turn > 0 {
                        return;
                    }
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
                }
            });
        }
    });
    (url, asked)
}

#[tokio::test]
async fn a_kept_connection_that_dies_costs_a_read_nothing_and_a_write_is_never_repeated() {
    let api = TestApi::new().await;
    let (url, asked) = forgetful();
    let mut site = api.site_over(Upstream::at(&url).unwrap(), None);
    for turn in 1..=6 {
        let answer = site.fetch("GET", "/api/v1/x", None).await;
        assert_eq!(answer.says(), "200 ok", "{turn}");
    }
    let before = asked.load(Ordering::SeqCst);
    let answer = site.fetch("POST", "/api/v1/x", Some(&json!({}))).await;
    assert!([200, 502].contains(&answer.status), "{answer}");
    assert_eq!(asked.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test]
async fn gw_09_trace_and_connect_are_refused() {
    let api = TestApi::new().await;
    let site = api.site_over(Upstream::in_process(echo()), Some(Upstream::in_process(echo())));
    for path in ["/page", "/api/v1/user/me"] {
        assert_eq!(site.client.request("TRACE", path, &[], "").await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn rv_11_a_sign_out_that_the_api_missed_is_told_again_when_it_is_back() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    let copy = browser.clone();
    faults.refuse_to_run();
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    assert!(is_open(&api, &copy).await, "the API did not hear of it");
    faults.run_again();
    browser.fetch("GET", ME, None).await;
    until(async || !is_open(&api, &copy).await).await;
}

#[test]
fn rv_11_sign_outs_that_the_api_missed_are_counted() {
    let counts = Registry::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journey = async {
        let api = TestApi::new().await;
        let faults = Faults::default();
        let mut browser = api.faulty_site(&faults).member("ada").await;
        faults.refuse_to_run();
        browser.submit("/logout", &[]).await;
    };
    metrics::with_local_recorder(&counts, || runtime.block_on(journey));
    let told = counts.text();
    assert!(told.contains("vestibule_sign_outs_unconfirmed_total 1"), "{told}");
}

#[tokio::test]
async fn f12_a_clock_that_is_set_back_signs_nobody_out() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    for step in [-90, 3600, -7200, 86_400, -3600, 1800] {
        api.clock.advance(step);
        assert_eq!(browser.fetch("GET", ME, None).await.status, 200, "by {step} s");
        assert_eq!(browser.visit("/dashboard").await.status, 200, "by {step} s");
    }
}

#[tokio::test]
async fn a_sign_out_reaches_the_api_though_the_browser_has_left() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    let copy = browser.clone();
    api.clock.advance(3600);
    let gate = faults.hold(REFRESH);
    let mut refreshing = browser.clone();
    let call = tokio::spawn(async move { refreshing.fetch("GET", ME, None).await });
    faults.held(1).await;
    // The sign-out waits for that refresh; its visitor does not.
    assert!(browser.submit("/logout", &[]).now_or_never().is_none());
    gate.add_permits(100);
    assert_eq!(call.await.unwrap().status, 401);
    until(async || !is_open(&api, &copy).await).await;
}
