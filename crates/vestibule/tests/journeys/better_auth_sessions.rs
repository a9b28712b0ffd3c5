//! The Better Auth client lists sessions and ends them.

use serde_json::{Value, json};

use crate::better_auth::{get, member, post};
use crate::support::{Browser, PASSWORD, TestApi};

const DONE: &str = r#"200 {"status":true}"#;

/// Ada in three browsers, and Eve in one.
async fn scene() -> (TestApi, [Browser; 3], Browser) {
    let api = TestApi::new().await;
    let one = member(&api, "ada").await;
    let eve = member(&api, "eve").await;
    api.clock.advance(7_200 + 1_234);
    let mut others = [api.site(), api.site()];
    for other in &mut others {
        let body = json!({"username": "ada", "password": PASSWORD});
        assert_eq!(post(other, "/sign-in/username", body).await.status, 200);
    }
    let [two, three] = others;
    (api, [one, two, three], eve)
}

async fn own(browser: &mut Browser) -> Value {
    get(browser, "/get-session").await.json()["session"].clone()
}

async fn is_in(browser: &mut Browser) -> bool {
    get(browser, "/get-session").await.body != "null"
}

#[tokio::test]
async fn lg_07_the_list_has_every_place_and_this_one_as_get_session_shows_it() {
    let (_api, [mut one, mut two, _], mut eve) = scene().await;
    let list = get(&mut one, "/list-sessions").await.json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 3);
    assert!(list.contains(&own(&mut one).await), "{list:?}");
    let other = own(&mut two).await;
    let listed = list.iter().find(|entry| entry["token"] == other["token"]).unwrap();
    for field in ["id", "userId", "createdAt", "expiresAt", "ipAddress", "userAgent"] {
        assert_eq!(listed[field], other[field], "{field}");
    }
    for entry in list {
        assert!(entry["updatedAt"].as_str() >= entry["createdAt"].as_str(), "{entry}");
    }
    let hers = get(&mut eve, "/list-sessions").await.json();
    assert_eq!(hers.as_array().map(Vec::len), Some(1), "nobody else's");
}

#[tokio::test]
async fn rv_12_a_session_ends_by_its_handle_and_nobody_elses_does() {
    let (_api, [mut one, mut two, mut three], mut eve) = scene().await;
    let (second, hers) = (own(&mut two).await, own(&mut eve).await);
    for handle in
        [&second["token"], &hers["token"], &json!("unknown"), &json!(""), &json!("../../x")]
    {
        let answer = post(&mut one, "/revoke-session", json!({"token": handle})).await;
        assert_eq!(answer.says(), DONE, "{handle}");
    }
    assert!(is_in(&mut one).await && is_in(&mut three).await && is_in(&mut eve).await);
    assert!(!is_in(&mut two).await);
    assert!(!two.is_signed_in(), "its cookie goes as soon as it is shown");
    let missing = post(&mut one, "/revoke-session", json!({})).await;
    let message = "[body.token] Invalid input: expected string, received undefined";
    assert_eq!(missing.json(), json!({"message": message, "code": "VALIDATION_ERROR"}));
}

#[tokio::test]
async fn ending_ones_own_session_signs_out() {
    let (_api, [mut one, mut two, _], _) = scene().await;
    let handle = own(&mut one).await["token"].clone();
    let answer = post(&mut one, "/revoke-session", json!({"token": handle})).await;
    assert_eq!(answer.says(), DONE);
    assert!(!one.is_signed_in() && !is_in(&mut one).await);
    assert!(is_in(&mut two).await);
}

#[tokio::test]
async fn all_others_end_and_all_do() {
    let (_api, [mut one, mut two, mut three], mut eve) = scene().await;
    assert_eq!(post(&mut two, "/revoke-other-sessions", json!({})).await.says(), DONE);
    assert!(!is_in(&mut one).await && is_in(&mut two).await && !is_in(&mut three).await);
    let body = json!({"username": "ada", "password": PASSWORD});
    post(&mut one, "/sign-in/username", body).await;
    assert_eq!(post(&mut two, "/revoke-sessions", json!({})).await.says(), DONE);
    assert!(!two.is_signed_in() && !is_in(&mut one).await && !is_in(&mut two).await);
    assert!(is_in(&mut eve).await, "hers is hers");
}
