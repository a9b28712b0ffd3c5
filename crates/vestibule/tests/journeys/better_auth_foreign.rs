//! The Better Auth client in front of an API that is not ours: what it lacks is refused in the client's words, and what it
//! tells in its own way is read.

use std::time::Duration;

use axum::routing::{get as on_get, post as on_post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use vestibule_gateway::{Dialect, PlanSettings, Upstream};

use crate::better_auth::{get, newcomer, post, refusal};
use crate::support::{Browser, PASSWORD, TestApi};

/// An API with opaque tokens, identities that are no numbers, times in microseconds, and nothing to change.
fn foreign() -> Router {
    let me = async || {
        Json(json!({
            "id": "0199e7f2-6f3b", "username": "ada", "email": "Ada@Example.com", "name": "Ada Lovelace",
            "created_at": "2026-01-02T03:04:05.526123+00:00", "updated_at": "2026-01-02T03:04:05",
            "email_verified": true, "tier_id": 3, "is_superuser": false,
            "hashed_password": "canary", "profile_image_url": null,
        }))
    };
    let login = async || Json(json!({"access_token": "opaque", "refresh_token": "opaque-too"}));
    let register = async || {
        let detail = json!({"message": ["We take nobody called that.", "Really."]});
        (StatusCode::BAD_REQUEST, Json(detail))
    };
    let refuses = async || (StatusCode::UNAUTHORIZED, Json(json!({"detail": "Not authenticated"})));
    Router::new()
        .route("/api/v1/login", on_post(login))
        .route("/api/v1/user", on_post(register))
        .route("/api/v1/user/me/", on_get(me))
        .route("/api/v1/user/{name}", on_get(refuses))
}

fn site(api: &TestApi, without: &str) -> Browser {
    let dialect: Dialect = serde_json::from_value(json!({ "without": [without] })).unwrap();
    let plan = PlanSettings { dialect, ..PlanSettings::new(Upstream::in_process(foreign())) };
    api.gateway_by(plan, Duration::from_secs(60)).1
}

async fn signed_in(api: &TestApi, without: &str) -> (Browser, Value) {
    let mut browser = site(api, without);
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let answer = post(&mut browser, "/sign-in/email", body).await;
    assert_eq!(answer.status, 200, "{answer}");
    (browser, answer.json())
}

#[tokio::test]
async fn a_user_is_read_as_the_api_tells_it_and_nothing_more() {
    let api = TestApi::new().await;
    let (mut ada, told) = signed_in(&api, "logout").await;
    let session = get(&mut ada, "/get-session").await.json();
    let began = &session["session"]["createdAt"];
    let user = json!({
        "id": "0199e7f2-6f3b", "name": "Ada Lovelace", "email": "ada@example.com", "emailVerified": true,
        "image": null, "createdAt": "2026-01-02T03:04:05.526Z", "updatedAt": began,
        "username": "ada", "displayUsername": "ada", "tierId": 3, "isSuperuser": false,
    });
    assert_eq!((&told["user"], &session["user"]), (&user, &user));
    assert_eq!(told["token"].as_str().map(str::len), Some(22), "a handle of ours: {told}");
}

#[tokio::test]
async fn an_api_that_does_not_say_who_has_a_session_all_the_same() {
    let api = TestApi::new().await;
    let (mut ada, _) = signed_in(&api, "me").await;
    let user = get(&mut ada, "/get-session").await.json()["user"].clone();
    assert_eq!((&user["id"], &user["emailVerified"]), (&json!("ada@example.com"), &json!(false)));
}

#[tokio::test]
async fn what_an_api_lacks_is_refused_in_the_clients_words() {
    let api = TestApi::new().await;
    let (mut ada, _) = signed_in(&api, "logout").await;
    let passwords = json!({"currentPassword": PASSWORD, "newPassword": "another-password"});
    for (path, body, status, code) in [
        ("/change-email", json!({"newEmail": "king@example.org"}), 400, "CHANGE_EMAIL_DISABLED"),
        ("/change-password", passwords, 400, "CREDENTIAL_ACCOUNT_NOT_FOUND"),
        ("/revoke-other-sessions", json!({}), 400, "FAILED_TO_GET_SESSION"),
        ("/is-username-available", json!({"username": "bob"}), 400, "UNEXPECTED_ERROR"),
        ("/update-user", json!({"name": "Ada King"}), 400, "BAD_REQUEST"),
        ("/delete-user", json!({}), 400, "BAD_REQUEST"),
    ] {
        let answer = post(&mut ada, path, body).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{path} {answer}");
        assert!(ada.is_signed_in(), "{path}");
    }
    let mut nobody = site(&api, "logout");
    let answer = post(&mut nobody, "/sign-up/email", newcomer("bob")).await;
    let told = json!({"message": "We take nobody called that.", "code": "BAD_REQUEST"});
    assert_eq!((answer.status, answer.json()), (400, told));
    let answer = post(&mut site(&api, "register"), "/sign-up/email", newcomer("bob")).await;
    assert_eq!(refusal(&answer), (400, "EMAIL_PASSWORD_SIGN_UP_DISABLED".to_owned()));
}
