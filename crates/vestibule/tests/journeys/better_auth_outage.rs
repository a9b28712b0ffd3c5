//! The Better Auth client while the API is away, slow, or says that a session is over.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::better_auth::{CLIENT, get, member, newcomer, post, refusal};
use crate::support::{Browser, Faults, PASSWORD, TestApi};

const GET_SESSION: &str = "/api/auth/get-session";

async fn scene() -> (TestApi, Faults, Browser) {
    let (api, faults) = (TestApi::new().await, Faults::default());
    let mut browser = api.faulty_site(&faults);
    let answer = post(&mut browser, "/sign-up/email", newcomer("ada")).await;
    assert_eq!(answer.status, 200, "{answer}");
    (api, faults, browser)
}

#[tokio::test]
async fn er_04_ck_09_an_outage_is_never_null_and_the_session_goes_on_after_it() {
    let (api, faults, mut browser) = scene().await;
    for seconds in [0, 3_600] {
        api.clock.advance(seconds);
        faults.refuse_to_run();
        let answer = get(&mut browser, "/get-session").await;
        assert_eq!(refusal(&answer), (503, "FAILED_TO_GET_SESSION".to_owned()), "{answer}");
        assert!(!answer.header("retry-after").is_empty() && answer.cookies().is_empty());
        assert!(browser.is_signed_in());
        faults.run_again();
        let answer = get(&mut browser, "/get-session").await;
        assert_eq!(answer.json()["user"]["username"], "ada", "{answer}");
    }
}

#[tokio::test]
async fn er_04_every_call_tells_an_outage_as_one_and_does_nothing_else() {
    let (_api, faults, mut browser) = scene().await;
    faults.refuse_to_run();
    for (path, body) in [
        ("/sign-in/email", json!({"email": "ada@example.com", "password": PASSWORD})),
        ("/sign-in/username", json!({"username": "ada", "password": PASSWORD})),
        ("/sign-up/email", newcomer("bob")),
        ("/is-username-available", json!({"username": "bob"})),
        ("/update-user", json!({"name": "Ada King"})),
        ("/change-email", json!({"newEmail": "ada@example.org"})),
        ("/change-password", json!({"currentPassword": PASSWORD, "newPassword": "new-password"})),
        ("/verify-password", json!({"password": PASSWORD})),
        ("/delete-user", json!({"password": PASSWORD})),
        ("/delete-user", json!({})),
        ("/revoke-session", json!({"token": "x"})),
        ("/revoke-sessions", json!({})),
        ("/revoke-other-sessions", json!({})),
        ("/update-session", json!({"a": 1})),
    ] {
        let answer = post(&mut browser, path, body).await;
        assert_eq!(refusal(&answer), (503, "UPSTREAM_FAILING".to_owned()), "{path} {answer}");
        assert!(!answer.header("retry-after").is_empty() && answer.cookies().is_empty(), "{path}");
    }
    for path in ["/list-sessions", "/list-accounts"] {
        assert_eq!(get(&mut browser, path).await.status, 503, "{path}");
    }
    faults.run_again();
    let told = get(&mut browser, "/get-session").await.json();
    assert_eq!((&told["user"]["name"], &told["user"]["id"]), (&json!("Ada Lovelace"), &json!("1")));
}

#[tokio::test]
async fn a_sign_out_works_for_nobody_and_while_the_api_is_away() {
    let (api, faults, mut browser) = scene().await;
    let copy = Browser { jar: browser.jar.clone(), ..browser.clone() };
    faults.refuse_to_run();
    let answer = post(&mut browser, "/sign-out", json!({})).await;
    assert_eq!(answer.says(), r#"200 {"success":true}"#);
    assert_eq!(answer.header("clear-site-data"), r#""cache""#, "CK-13");
    assert!(!browser.is_signed_in());
    faults.run_again();
    assert_eq!(get(&mut copy.clone(), "/get-session").await.says(), "200 null");
    let answer = post(&mut api.site(), "/sign-out", json!({})).await;
    assert_eq!(answer.says(), r#"200 {"success":true}"#);
    let bare = browser.peek(Method::POST, "/api/auth/sign-out", &CLIENT, "").await;
    assert_eq!(bare.says(), r#"200 {"success":true}"#, "no body needs no type");
}

#[tokio::test]
async fn an_account_that_was_made_is_told_of_though_nobody_could_be_signed_in() {
    let (api, faults) = (TestApi::new().await, Faults::default());
    let mut browser = api.faulty_site(&faults);
    faults.fail("/api/v1/login");
    let told = post(&mut browser, "/sign-up/email", newcomer("ada")).await.json();
    assert_eq!((&told["token"], &told["user"]["username"]), (&json!(null), &json!("ada")));
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn rf_04_many_tabs_come_back_after_half_an_hour_with_one_refresh() {
    let (api, faults, browser) = scene().await;
    api.clock.advance(3_600);
    faults.count("/api/v1/refresh");
    let tabs = join_all((0..8).map(|_| browser.peek(Method::GET, GET_SESSION, &CLIENT, "")));
    for answer in tabs.await {
        assert_eq!(answer.json()["user"]["username"], "ada", "{answer}");
    }
    assert_eq!(faults.count("/api/v1/refresh"), 1);
    // A tab whose answers were all lost goes on too.
    api.clock.advance(600);
    let answer = browser.peek(Method::GET, GET_SESSION, &CLIENT, "").await;
    assert_eq!(answer.json()["user"]["username"], "ada", "{answer}");
}

#[tokio::test]
async fn a_session_goes_on_for_its_week_and_keeps_its_handle() {
    let (api, _, mut browser) = scene().await;
    let first = get(&mut browser, "/get-session").await.json();
    for _ in 0..40 {
        api.clock.advance(4 * 3_600);
        let told = get(&mut browser, "/get-session").await.json();
        assert_eq!(told["session"]["token"], first["session"]["token"]);
        assert_eq!(told["session"]["createdAt"], first["session"]["createdAt"]);
        assert_ne!(told["session"]["updatedAt"], first["session"]["updatedAt"]);
    }
    api.clock.advance(8 * 3_600);
    assert_eq!(get(&mut browser, "/get-session").await.says(), "200 null");
}

/// Every call that asks for a session, and something to send.
const GUARDED: [(&str, &str); 14] = [
    ("/update-user", r#"{"name":"Eve Adams"}"#),
    ("/update-session", "{}"),
    ("/change-email", r#"{"newEmail":"eve@example.com"}"#),
    ("/change-password", r#"{"currentPassword":"Str1ngst!","newPassword":"new-password"}"#),
    ("/verify-password", r#"{"password":"Str1ngst!"}"#),
    ("/delete-user", "{}"),
    ("/delete-user", r#"{"password":"Str1ngst!"}"#),
    ("/revoke-session", r#"{"token":"x"}"#),
    ("/revoke-sessions", "{}"),
    ("/revoke-other-sessions", "{}"),
    ("/link-social", r#"{"provider":"google"}"#),
    ("/unlink-account", r#"{"accountId":"1"}"#),
    ("/get-access-token", r#"{"accountId":"1"}"#),
    ("/refresh-token", r#"{"accountId":"1"}"#),
];

#[tokio::test]
async fn rv_12_a_session_that_was_revoked_elsewhere_is_dead_in_every_call() {
    let api = TestApi::new().await;
    let mut ada = member(&api, "ada").await;
    let stale = {
        let mut other = api.site();
        let body = json!({"username": "ada", "password": PASSWORD});
        post(&mut other, "/sign-in/username", body).await;
        other
    };
    assert_eq!(post(&mut ada, "/revoke-other-sessions", json!({})).await.status, 200);
    for (path, body) in GUARDED {
        let body = serde_json::from_str(body).unwrap();
        let answer = post(&mut stale.clone(), path, body).await;
        assert_eq!(refusal(&answer), (401, "UNAUTHORIZED".to_owned()), "{path} {answer}");
        assert!(!answer.header("www-authenticate").is_empty(), "ER-06");
    }
    for path in ["/list-sessions", "/list-accounts", "/account-info?accountId=1"] {
        assert_eq!(get(&mut stale.clone(), path).await.status, 401, "{path}");
    }
    let mut told = stale.clone();
    assert_eq!(get(&mut told, "/get-session").await.says(), "200 null");
    assert!(!told.is_signed_in(), "its cookie is gone");
    let told = get(&mut ada, "/get-session").await.json();
    assert_eq!(told["user"]["name"], "Ada Lovelace", "nothing was done");
}

#[tokio::test]
async fn whoever_is_not_signed_in_gets_401_where_a_session_is_needed() {
    let api = TestApi::new().await;
    let mut nobody = api.site();
    for (path, body) in GUARDED {
        let body = serde_json::from_str(body).unwrap();
        let answer = post(&mut nobody, path, body).await;
        assert_eq!(refusal(&answer), (401, "UNAUTHORIZED".to_owned()), "{path} {answer}");
    }
}
