//! The Better Auth client in front of the brief's FastAPI backend, which keeps no sessions and changes no passwords: each
//! call does what it can, or says in the client's words that it can't.

use serde_json::{Value, json};
use vestibule_testbed::fastapi::Options;

use crate::better_auth::{get, newcomer, post, refusal};
use crate::fastapi::Fastapi;
use crate::support::{Browser, PASSWORD, TestApi};

const DONE: &str = r#"200 {"status":true}"#;

struct Scene {
    api: TestApi,
    backend: Fastapi,
}

impl Scene {
    async fn new() -> Self {
        let api = TestApi::new().await;
        let backend = Fastapi::with(Options::default(), &api.clock);
        Self { api, backend }
    }

    fn site(&self) -> Browser {
        self.api.site_over(vestibule_gateway::Upstream::in_process(self.backend.router()), None)
    }

    async fn member(&self, username: &str) -> Browser {
        let mut browser = self.site();
        let answer = post(&mut browser, "/sign-up/email", newcomer(username)).await;
        assert_eq!(answer.status, 200, "{answer}");
        browser
    }
}

#[tokio::test]
async fn somebody_signs_up_stays_signed_in_and_signs_out() {
    let scene = Scene::new().await;
    let mut ada = scene.member("ada").await;
    let told = get(&mut ada, "/get-session").await.json();
    assert_eq!((&told["user"]["id"], &told["user"]["image"]), (&json!("1"), &Value::Null));
    let began = &told["session"]["createdAt"];
    assert_eq!((&told["user"]["createdAt"], &told["user"]["updatedAt"]), (began, began));
    for _ in 0..5 {
        scene.api.clock.advance(3_600);
        let later = get(&mut ada, "/get-session").await.json();
        assert_eq!(later["user"], told["user"]);
        assert_eq!(later["session"]["token"], told["session"]["token"], "a handle lasts");
    }
    assert_eq!(post(&mut ada, "/sign-out", json!({})).await.says(), r#"200 {"success":true}"#);
    assert_eq!(get(&mut ada, "/get-session").await.says(), "200 null");
    for (path, body) in [
        ("/sign-in/email", json!({"email": "ADA@example.com", "password": PASSWORD})),
        ("/sign-in/username", json!({"username": "ADA", "password": PASSWORD})),
    ] {
        // Twice in a second it makes the same tokens, and the first have ended.
        scene.api.clock.advance(1);
        assert_eq!(post(&mut ada, path, body).await.status, 200, "{path}");
    }
    let body = json!({"username": "ada", "password": "wrong-password"});
    let answer = post(&mut ada, "/sign-in/username", body).await;
    assert_eq!(refusal(&answer), (401, "INVALID_USERNAME_OR_PASSWORD".to_owned()));
}

#[tokio::test]
async fn its_refusals_are_told_in_the_clients_codes() {
    let scene = Scene::new().await;
    let mut ada = scene.member("ada").await;
    scene.member("bob").await;
    for (body, status, code) in [
        (
            json!({"email": "ada@example.com", "username": "eve"}),
            422,
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        ),
        (json!({"email": "eve@example.com", "username": "ada"}), 400, "USERNAME_IS_ALREADY_TAKEN"),
        (
            json!({"email": "eve@example.com", "username": "eve", "name": "E"}),
            400,
            "VALIDATION_ERROR",
        ),
    ] {
        let mut up = json!({"name": "Eve Adams", "password": PASSWORD});
        up.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let answer = post(&mut scene.site(), "/sign-up/email", up).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{body} {answer}");
    }
    for (username, told) in [("ada", false), ("grace", true)] {
        let body = json!({"username": username});
        let answer = post(&mut scene.site(), "/is-username-available", body).await;
        assert_eq!(answer.json(), json!({"available": told}));
    }
    let answer = post(&mut ada, "/update-user", json!({"username": "bob"})).await;
    assert_eq!(refusal(&answer), (400, "USERNAME_IS_ALREADY_TAKEN".to_owned()));
    let taken = json!({"newEmail": "bob@example.com"});
    assert_eq!(post(&mut ada, "/change-email", taken).await.says(), DONE);
    for body in [json!({"name": "Ada King"}), json!({"image": "https://example.com/a.png"})] {
        assert_eq!(post(&mut ada, "/update-user", body).await.says(), DONE);
    }
    let new = json!({"newEmail": "king@example.org"});
    assert_eq!(post(&mut ada, "/change-email", new).await.says(), DONE);
    let told = get(&mut ada, "/get-session").await.json()["user"].clone();
    assert_eq!((&told["name"], &told["email"]), (&json!("Ada King"), &json!("king@example.org")));
    assert_eq!(told["image"], "https://example.com/a.png");
}

#[tokio::test]
async fn what_it_can_not_do_is_said_and_never_pretended() {
    let scene = Scene::new().await;
    let mut ada = scene.member("ada").await;
    let own = get(&mut ada, "/get-session").await.json()["session"].clone();
    assert_eq!(get(&mut ada, "/list-sessions").await.json(), json!([own]));
    for path in ["/revoke-sessions", "/revoke-other-sessions"] {
        let answer = post(&mut ada, path, json!({})).await;
        assert_eq!(refusal(&answer), (400, "FAILED_TO_GET_SESSION".to_owned()), "{path}");
    }
    let body = json!({"currentPassword": PASSWORD, "newPassword": "another-password"});
    let answer = post(&mut ada, "/change-password", body).await;
    assert_eq!(refusal(&answer), (400, "CREDENTIAL_ACCOUNT_NOT_FOUND".to_owned()));
    assert_eq!(
        post(&mut ada, "/verify-password", json!({"password": PASSWORD})).await.says(),
        DONE
    );
    assert_eq!(get(&mut ada, "/list-sessions").await.json()[0]["token"], own["token"]);
    scene.api.clock.advance(60);
    assert_eq!(
        post(&mut ada, "/verify-password", json!({"password": PASSWORD})).await.says(),
        DONE
    );
    assert_eq!(get(&mut ada, "/list-sessions").await.json()[0]["token"], own["token"]);
    let unknown = json!({"token": "unknown"});
    assert_eq!(post(&mut ada, "/revoke-session", unknown).await.says(), DONE);
    assert!(ada.is_signed_in());
    let this = json!({"token": own["token"]});
    assert_eq!(post(&mut ada, "/revoke-session", this).await.says(), DONE);
    assert!(!ada.is_signed_in());
}

#[tokio::test]
async fn an_account_is_deleted_with_and_without_the_password() {
    for body in [json!({}), json!({"password": PASSWORD})] {
        let scene = Scene::new().await;
        let mut ada = scene.member("ada").await;
        let answer = post(&mut ada, "/delete-user", json!({"password": "wrong-password"})).await;
        assert_eq!(refusal(&answer), (400, "INVALID_PASSWORD".to_owned()));
        let answer = post(&mut ada, "/delete-user", body).await;
        assert_eq!(answer.says(), r#"200 {"success":true,"message":"User deleted"}"#);
        assert_eq!(get(&mut ada, "/get-session").await.says(), "200 null");
        let body = json!({"username": "ada", "password": PASSWORD});
        assert_eq!(post(&mut ada, "/sign-in/username", body).await.status, 401);
    }
}

#[tokio::test]
async fn a_stopped_backend_is_an_outage_and_never_null() {
    let scene = Scene::new().await;
    let mut ada = scene.member("ada").await;
    scene.backend.server.stop();
    let answer = get(&mut ada, "/get-session").await;
    assert_eq!(refusal(&answer), (503, "FAILED_TO_GET_SESSION".to_owned()), "{answer}");
    assert!(ada.is_signed_in());
    scene.backend.server.start_again();
    assert_eq!(get(&mut ada, "/get-session").await.json()["user"]["username"], "ada");
}
