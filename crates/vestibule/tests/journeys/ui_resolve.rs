//! A UI in front of the gateway asks who a visitor is; and pages lead people here whose calls were told 401.

use http::Method;
use serde_json::{Value, json};
use vestibule_gateway::{NextKey, SealKeys, SessionPolicy};
use vestibule_types::Secret;

use crate::process::vestibule;
use crate::support::{Answer, Faults, Folder, TestApi, leads};
use crate::ui::{Stand, claims};

const ME: &str = "/api/v1/user/me";

/// What the site of these tests expects: its secret is fixed.
fn key() -> String {
    let keys = SealKeys::new(Secret::from_random([5; 32]), Vec::new());
    NextKey::new(&keys).reveal().to_owned()
}

async fn resolve(stand: &Stand, key: &str) -> Answer {
    let headers = [("x-vestibule-key", key), ("x-vestibule-path", "/shop/cart?x=1")];
    stand.browser.peek(Method::GET, "/api/auth/_resolve", &headers, "").await
}

#[tokio::test]
async fn a_ui_in_front_is_told_who_a_visitor_is() {
    let stand = Stand::new().await;
    let answer = resolve(&stand, &key()).await;
    let nobody = json!({"state": "signed-out", "identity": null, "ticket": null, "cookies": []});
    assert_eq!(answer.json(), nobody);
    assert_eq!(answer.header("cache-control"), "no-store");

    let stand = stand.member("ada").await;
    let answer = resolve(&stand, &key()).await;
    let told = answer.json();
    assert_eq!((&told["state"], &told["cookies"]), (&json!("signed-in"), &json!([])), "{answer}");
    assert_eq!(claims(told["identity"].as_str().unwrap())["username"], "ada");
    let me = stand.call("GET", ME, told["ticket"].as_str().unwrap()).await;
    assert_eq!(me.json()["username"], "ada");
}

#[tokio::test]
async fn the_lines_of_a_refresh_and_of_an_end_are_told_and_not_set() {
    let mut stand = Stand::new().await.member("ada").await;
    stand.api.clock.advance(1_801);
    let answer = resolve(&stand, &key()).await;
    let lines = answer.json()["cookies"].as_array().unwrap().clone();
    let names: Vec<&str> =
        lines.iter().map(|line| line.as_str().unwrap().split('=').next().unwrap()).collect();
    assert_eq!(names, ["vestibule", "vestibule_hint"]);
    assert_eq!(answer.cookies(), [""; 0]);
    let value = lines[0].as_str().unwrap().split(['=', ';']).nth(1).unwrap();
    stand.browser.jar.insert("vestibule".into(), value.into());
    assert_eq!(resolve(&stand, &key()).await.json()["cookies"], json!([]));

    stand.browser.jar.insert("vestibule".into(), "broken".into());
    let answer = resolve(&stand, &key()).await;
    assert_eq!(answer.json()["state"], "signed-out");
    let deletes = |line: &Value| line.as_str().unwrap().contains("Max-Age=0");
    assert!(answer.json()["cookies"].as_array().unwrap().iter().all(deletes), "{answer}");
}

#[tokio::test]
async fn ck_05_a_doubled_cookie_is_deleted_where_the_page_is() {
    let stand = Stand::new().await.member("ada").await;
    let twice = format!("vestibule={0}; vestibule={0}", stand.browser.jar["vestibule"]);
    let key = key();
    let headers = [
        ("cookie", twice.as_str()),
        ("x-vestibule-key", &key),
        ("x-vestibule-path", "/shop/cart?x"),
    ];
    let answer = stand.call_with("GET", "/api/auth/_resolve", &headers).await;
    assert_eq!(answer.json()["state"], "signed-out");
    let cookies = answer.json()["cookies"].to_string();
    assert!(cookies.contains("Path=/shop;") && cookies.contains("Path=/shop/cart;"), "{cookies}");
}

#[tokio::test]
async fn without_the_key_there_is_nothing_there() {
    let stand = Stand::new().await.member("ada").await;
    let right = key();
    for wrong in ["", "x", &right[..42], &format!("{right}="), &right.to_lowercase()] {
        assert_eq!(resolve(&stand, wrong).await.status, 404, "{wrong}");
    }
    let twice = [("x-vestibule-key", right.as_str()), ("x-vestibule-key", &right)];
    assert_eq!(stand.call_with("GET", "/api/auth/_resolve", &twice).await.status, 404);
    assert_eq!(stand.call_with("GET", "/api/auth/_resolve", &[]).await.status, 404);
    for (policy, status) in [(SessionPolicy::None, 404), (SessionPolicy::Identity, 200)] {
        let answer = resolve(&Stand::with(policy).await.member("ada").await, &right).await;
        assert_eq!(answer.status, status, "{policy:?}");
        assert!(status == 404 || answer.json()["ticket"].is_null(), "{answer}");
    }
}

#[tokio::test]
async fn g_5_an_outage_is_503_and_never_signed_out() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let stand = Stand::over(api, upstream, |plan| plan).member("ada").await;
    stand.api.clock.advance(1_801);
    faults.refuse_to_run();
    let answer = resolve(&stand, &key()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"), "{answer}");
    assert_eq!(answer.cookies(), [""; 0]);
    faults.run_again();
    assert_eq!(resolve(&stand, &key()).await.json()["state"], "signed-in");
}

#[tokio::test]
async fn n_8_prefetches_can_be_led_to_nothing() {
    let answer = Stand::new().await.server.get("/api/auth/_empty").await;
    assert_eq!((answer.status, answer.header("cache-control")), (204, "no-store"));
    assert_eq!(answer.body, "");
}

#[tokio::test]
async fn whoever_comes_with_a_dead_session_is_signed_out_and_led_to_sign_in() {
    let mut stand = Stand::new().await.member("ada").await;
    let tokens = stand.api.log_in("ada").await;
    stand.api.client.delete_as("/api/v1/user/me/sessions", &tokens.access).await;
    let answer = stand.browser.visit("/api/auth/expired?next=%2Fshop%3Fx%3D1").await;
    assert_eq!(leads(&answer), (http::StatusCode::SEE_OTHER, "/login?next=%2Fshop%3Fx%3D1"));
    assert!(!stand.browser.is_signed_in());
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let again = stand.browser.visit("/api/auth/expired?next=%2Fshop").await;
    assert_eq!(leads(&again).1, "/login?next=%2Fshop", "with no session at all");
}

#[tokio::test]
async fn a_session_that_lives_leads_back_whoever_sent_him() {
    let mut stand = Stand::new().await.member("ada").await;
    let lured =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("accept", "text/html")];
    let answer = stand.browser.peek(Method::GET, "/api/auth/expired?next=/shop", &lured, "").await;
    assert_eq!(leads(&answer).1, "/shop");
    assert_eq!((answer.cookies(), answer.header("cache-control")), (vec![], "no-store"));
    for next in ["https://evil.test", "//evil.test", "/\\evil.test", "/api/auth/expired", "/login"]
    {
        let query: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let answer = stand.browser.visit(&format!("/api/auth/expired?next={query}")).await;
        assert_eq!(leads(&answer).1, "/dashboard", "GW-11: {next}");
        stand.api.clock.advance(6);
    }
    assert_eq!(leads(&stand.browser.visit("/api/auth/expired").await).1, "/dashboard");
    assert!(stand.browser.is_signed_in());
}

/// Goes round until somebody stops it, or `most` times; answers how often.
async fn rounds(stand: &mut Stand, sent_to: &str, most: usize) -> usize {
    for round in 0..most {
        let answer = stand.browser.visit(sent_to).await;
        if answer.status == 508 {
            assert!(answer.header("content-type").starts_with("text/html"), "{answer}");
            assert!(answer.header("cache-control").ends_with("no-store"), "{answer}");
            return round;
        }
        assert_eq!(leads(&answer).1, "/shop");
    }
    most
}

#[tokio::test]
async fn t_3_a_page_that_keeps_sending_somebody_away_who_is_signed_in_is_stopped() {
    for sent_to in ["/api/auth/expired?next=/shop", "/login?next=/shop", "/register?next=/shop"] {
        let mut stand = Stand::new().await.member("ada").await;
        assert_eq!(rounds(&mut stand, sent_to, 20).await, 8, "{sent_to}");
        assert!(stand.browser.is_signed_in());
        assert_eq!(leads(&stand.browser.visit("/login?next=/other").await).1, "/other");
        assert_eq!(rounds(&mut stand, sent_to, 20).await, 0, "not until it pauses");
        stand.api.clock.advance(6);
        assert_eq!(rounds(&mut stand, sent_to, 1).await, 1, "{sent_to}");
    }
}

#[tokio::test]
async fn who_comes_now_and_then_is_never_stopped() {
    let mut stand = Stand::new().await.member("ada").await;
    for _ in 0..20 {
        assert_eq!(rounds(&mut stand, "/login?next=/shop", 1).await, 1);
        stand.api.clock.advance(6);
    }
}

#[tokio::test]
async fn n_6_a_soft_navigation_finds_its_rsc_in_the_target() {
    let stand = Stand::new().await.member("ada").await;
    let soft = [("rsc", "1"), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];
    let path = "/api/auth/expired?next=%2Fshop%3Fx%3D1&_rsc=1abc";
    let answer = stand.browser.peek(Method::GET, path, &soft, "").await;
    assert_eq!(leads(&answer).1, "/shop?x=1&_rsc=1abc");
    let path_of_form = "/login?next=%2Fshop%3Fx%3D1&_rsc=1abc";
    let answer = stand.browser.peek(Method::GET, path_of_form, &soft, "").await;
    assert_eq!(leads(&answer).1, "/shop?x=1&_rsc=1abc");
    let answer = stand.server.request("GET", path, &soft, "").await;
    assert_eq!(leads(&answer).1, "/login?next=%2Fshop%3Fx%3D1&_rsc=1abc");
}

#[tokio::test]
async fn while_the_api_is_away_he_is_told_so_by_a_page() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let mut stand = Stand::over(api, upstream, |plan| plan).member("ada").await;
    faults.refuse_to_run();
    let answer = stand.browser.visit("/api/auth/expired?next=/shop").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"));
    assert!(answer.header("content-type").starts_with("text/html"), "{answer}");
    assert!(stand.browser.is_signed_in());
}

#[test]
fn the_key_is_printed_from_the_secret_that_the_site_has() {
    let printed = |secret: &str| {
        let mut command = vestibule(&["next-key"]);
        let output = command.env("AUTH_SECRET", secret).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (old, new) = (
        "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=",
        "Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4q0=",
    );
    let expected = |secret: &str| {
        let keys = SealKeys::new(Secret::parse(secret).unwrap(), vec![]);
        format!("{}\n", NextKey::new(&keys).reveal())
    };
    assert_eq!(printed(old), expected(old));
    assert_eq!(printed(&format!("{new},{old}")), expected(new), "the first one's");
    let folder = Folder::new();
    let mut command = vestibule(&["next-key", "--data"]);
    let output = command.arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("AUTH_SECRET is missing here"));
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "and none was made");
}
