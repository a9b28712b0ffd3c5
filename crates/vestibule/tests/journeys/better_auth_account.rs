//! The Better Auth client changes an account, and deletes it.

use serde_json::{Value, json};
use vestibule_api::ApiSettings;

use crate::better_auth::{get, member, newcomer, post, refusal};
use crate::support::{Browser, Faults, PASSWORD, TestApi};

const DONE: &str = r#"200 {"status":true}"#;
const NEW_PASSWORD: &str = "another-Str1ngst!";

async fn user(browser: &mut Browser) -> Value {
    get(browser, "/get-session").await.json()["user"].clone()
}

async fn sign_in(api: &TestApi, username: &str, password: &str) -> (u16, Browser) {
    let mut browser = api.site();
    let body = json!({"username": username, "password": password});
    let answer = post(&mut browser, "/sign-in/username", body).await;
    (answer.status, browser)
}

/// An API that wants a login younger than an hour for what a stolen session must not do.
async fn strict() -> TestApi {
    let settings =
        ApiSettings { fresh_login: Some(3_600), throttle: false, ..ApiSettings::default() };
    TestApi::with(settings).await
}

#[tokio::test]
async fn name_picture_and_username_change_and_the_session_knows_at_once() {
    let api = TestApi::new().await;
    let mut ada = member(&api, "ada").await;
    for (body, field, value) in [
        (json!({"name": "Ada King"}), "name", json!("Ada King")),
        (
            json!({"image": "https://example.com/a.png"}),
            "image",
            json!("https://example.com/a.png"),
        ),
        (json!({"image": null}), "image", json!(null)),
        (json!({"username": "Countess"}), "username", json!("countess")),
        (json!({"username": "countess"}), "username", json!("countess")),
        (json!({"displayUsername": "CountesS"}), "displayUsername", json!("countess")),
        (
            json!({"username": "lovelace", "displayUsername": "Lovelace", "emailVerified": true, "id": "9"}),
            "displayUsername",
            json!("lovelace"),
        ),
    ] {
        assert_eq!(post(&mut ada, "/update-user", body.clone()).await.says(), DONE, "{body}");
        assert_eq!(user(&mut ada).await[field], value, "{body}");
    }
    let told = user(&mut ada).await;
    assert_eq!((&told["id"], &told["emailVerified"]), (&json!("1"), &json!(false)));
    assert!(ada.visit("/").await.body.contains("Ada King"), "pages of ours know it too");
}

#[tokio::test]
async fn what_may_not_be_changed_is_refused_and_nothing_is() {
    let api = TestApi::new().await;
    let (mut ada, _) = (member(&api, "ada").await, member(&api, "bob").await);
    let before = user(&mut ada).await;
    for (body, status, code) in [
        (json!({"email": "x@example.com"}), 400, "EMAIL_CAN_NOT_BE_UPDATED"),
        (json!({"name": "Eve", "email": "x@example.com"}), 400, "EMAIL_CAN_NOT_BE_UPDATED"),
        (json!({"username": "ab"}), 400, "USERNAME_TOO_SHORT"),
        (json!({"username": "a".repeat(21)}), 400, "USERNAME_TOO_LONG"),
        (json!({"username": "a_b"}), 400, "INVALID_USERNAME"),
        (json!({"username": "BOB"}), 400, "USERNAME_IS_ALREADY_TAKEN"),
        (json!({"username": "me"}), 400, "USERNAME_TOO_SHORT"),
        (json!({"username": "logout"}), 400, "USERNAME_IS_ALREADY_TAKEN"),
        (json!({"username": null}), 400, "VALIDATION_ERROR"),
        (json!({"username": 5}), 400, "VALIDATION_ERROR"),
        (json!({"displayUsername": "Somebody"}), 400, "INVALID_DISPLAY_USERNAME"),
        (json!({"name": 5}), 400, "VALIDATION_ERROR"),
        (json!({"name": "A"}), 400, "VALIDATION_ERROR"),
        (json!({"image": "javascript:alert(1)"}), 400, "VALIDATION_ERROR"),
        (json!({"image": 7}), 400, "VALIDATION_ERROR"),
        (json!([]), 400, "VALIDATION_ERROR"),
        (json!({}), 400, ""),
        (json!({"email": ""}), 400, ""),
        (json!({"isSuperuser": true, "tierId": 1, "__proto__": {"name": "Eve"}}), 400, ""),
    ] {
        let answer = post(&mut ada, "/update-user", body.clone()).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{body} {answer}");
    }
    let answer = post(&mut ada, "/update-user", json!({})).await;
    assert_eq!(answer.says(), r#"400 {"message":"No fields to update"}"#);
    assert_eq!(user(&mut ada).await, before);
}

#[tokio::test]
async fn lg_15_an_address_changes_at_once_and_one_that_somebody_has_is_not_told() {
    let api = TestApi::new().await;
    let (mut ada, _) = (member(&api, "ada").await, member(&api, "bob").await);
    let answer = post(&mut ada, "/change-email", json!({"newEmail": "Bob@Example.com"})).await;
    assert_eq!(answer.says(), DONE);
    assert_eq!(user(&mut ada).await["email"], "ada@example.com");
    let answer = post(&mut ada, "/change-email", json!({"newEmail": "ADA@example.com"})).await;
    assert_eq!(answer.says(), r#"400 {"message":"Email is the same"}"#);
    let answer = post(&mut ada, "/change-email", json!({"newEmail": "nope"})).await;
    let message = "[body.newEmail] Invalid email address";
    assert_eq!(answer.json(), json!({"message": message, "code": "VALIDATION_ERROR"}));
    let answer = post(&mut ada, "/change-email", json!({"newEmail": "King@Example.org"})).await;
    assert_eq!(answer.says(), DONE);
    assert_eq!(user(&mut ada).await["email"], "king@example.org");
    let body = json!({"email": "king@example.org", "password": PASSWORD});
    assert_eq!(post(&mut api.site(), "/sign-in/email", body).await.status, 200);
}

#[tokio::test]
async fn lg_06_a_new_password_takes_the_old_one_and_ends_all_other_sessions() {
    let api = TestApi::new().await;
    let mut ada = member(&api, "ada").await;
    let (_, mut other) = sign_in(&api, "ada", PASSWORD).await;
    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    for (body, status, code) in [
        (change("wrong-password", NEW_PASSWORD), 400, "INVALID_PASSWORD"),
        (change("", NEW_PASSWORD), 400, "INVALID_PASSWORD"),
        (change(PASSWORD, "short"), 400, "PASSWORD_TOO_SHORT"),
        (change(PASSWORD, &"x".repeat(129)), 400, "PASSWORD_TOO_LONG"),
        (json!({"newPassword": NEW_PASSWORD}), 400, "VALIDATION_ERROR"),
        (
            json!({"currentPassword": 1, "newPassword": null, "revokeOtherSessions": "x"}),
            400,
            "VALIDATION_ERROR",
        ),
    ] {
        let answer = post(&mut ada, "/change-password", body.clone()).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{body} {answer}");
    }
    let told = post(&mut ada, "/change-password", change(PASSWORD, NEW_PASSWORD)).await.json();
    assert_eq!((&told["token"], &told["user"]["id"]), (&Value::Null, &json!("1")));
    assert_eq!(get(&mut other, "/get-session").await.says(), "200 null");
    assert_eq!(sign_in(&api, "ada", PASSWORD).await.0, 401);

    let mut body = change(NEW_PASSWORD, PASSWORD);
    body["revokeOtherSessions"] = true.into();
    let told = post(&mut ada, "/change-password", body).await.json();
    let session = get(&mut ada, "/get-session").await.json()["session"].clone();
    assert_eq!(told["token"], session["token"], "the session goes on, under its handle");
}

#[tokio::test]
async fn verifying_a_password_leaves_no_session_behind() {
    let api = TestApi::new().await;
    let mut ada = member(&api, "ada").await;
    assert_eq!(
        post(&mut ada, "/verify-password", json!({"password": PASSWORD})).await.says(),
        DONE
    );
    let answer = post(&mut ada, "/verify-password", json!({"password": "wrong-one"})).await;
    assert_eq!(refusal(&answer), (400, "INVALID_PASSWORD".to_owned()));
    let list = get(&mut ada, "/list-sessions").await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
}

#[tokio::test]
async fn rv_08_a_deleted_account_is_gone_with_all_its_sessions() {
    for body in [json!({}), json!({"password": PASSWORD}), json!({"callbackURL": "/bye"})] {
        let api = TestApi::new().await;
        let mut ada = member(&api, "ada").await;
        let (_, mut other) = sign_in(&api, "ada", PASSWORD).await;
        let answer = post(&mut ada, "/delete-user", body.clone()).await;
        assert_eq!(answer.says(), r#"200 {"success":true,"message":"User deleted"}"#, "{body}");
        assert!(!ada.is_signed_in());
        assert_eq!(get(&mut ada, "/get-session").await.says(), "200 null");
        assert_eq!(get(&mut other, "/get-session").await.says(), "200 null");
        assert_eq!(sign_in(&api, "ada", PASSWORD).await.0, 401);
    }
}

#[tokio::test]
async fn a_deletion_that_is_refused_leaves_everything_as_it_was() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut ada = api.faulty_site(&faults);
    post(&mut ada, "/sign-up/email", newcomer("ada")).await;
    for (body, status, code) in [
        (json!({"password": "wrong-password"}), 400, "INVALID_PASSWORD"),
        (json!({"password": "x".repeat(257)}), 400, "PASSWORD_TOO_LONG"),
        (json!({"password": 5}), 400, "VALIDATION_ERROR"),
        (json!({"token": "abc"}), 404, "INVALID_TOKEN"),
        (json!({"callbackURL": "//evil.test"}), 403, "INVALID_CALLBACK_URL"),
    ] {
        let answer = post(&mut ada, "/delete-user", body.clone()).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{body} {answer}");
    }
    faults.fail("/api/v1/user/ada");
    let answer = post(&mut ada, "/delete-user", json!({"password": PASSWORD})).await;
    assert_eq!(refusal(&answer), (503, "UPSTREAM_FAILING".to_owned()));
    assert!(ada.is_signed_in() && answer.cookies().is_empty());
    let list = get(&mut ada, "/list-sessions").await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "the proof's session has ended: {list}");
}

#[tokio::test]
async fn lg_05_an_old_session_does_what_matters_only_with_the_password() {
    let api = strict().await;
    let mut ada = member(&api, "ada").await;
    api.clock.advance(3_601);
    for (path, body, status, code) in [
        ("/change-email", json!({"newEmail": "king@example.org"}), 403, "SESSION_NOT_FRESH"),
        ("/update-user", json!({"username": "countess"}), 403, "SESSION_NOT_FRESH"),
        ("/revoke-other-sessions", json!({}), 403, "SESSION_NOT_FRESH"),
        ("/revoke-sessions", json!({}), 403, "SESSION_NOT_FRESH"),
        ("/delete-user", json!({}), 400, "SESSION_EXPIRED"),
    ] {
        let answer = post(&mut ada, path, body).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{path} {answer}");
        assert!(ada.is_signed_in(), "{path}");
    }
    assert_eq!(post(&mut ada, "/update-user", json!({"name": "Ada King"})).await.says(), DONE);
    let answer = post(&mut ada, "/delete-user", json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(sign_in(&api, "ada", PASSWORD).await.0, 401);
}

#[tokio::test]
async fn what_is_not_set_up_is_refused_as_a_better_auth_without_it_does() {
    let api = TestApi::new().await;
    let mut ada = member(&api, "ada").await;
    for (path, body, status, code) in [
        (
            "/request-password-reset",
            json!({"email": "ada@example.com"}),
            400,
            "RESET_PASSWORD_DISABLED",
        ),
        ("/request-password-reset", json!({"email": "nope"}), 400, "VALIDATION_ERROR"),
        (
            "/request-password-reset",
            json!({"email": "a@b.cd", "redirectTo": "//evil.test"}),
            403,
            "INVALID_REDIRECT_URL",
        ),
        (
            "/reset-password",
            json!({"newPassword": NEW_PASSWORD, "token": "x"}),
            400,
            "INVALID_TOKEN",
        ),
        ("/reset-password", json!({"newPassword": NEW_PASSWORD}), 400, "INVALID_TOKEN"),
        ("/reset-password", json!({"newPassword": "x", "token": "x"}), 400, "PASSWORD_TOO_SHORT"),
        (
            "/send-verification-email",
            json!({"email": "ada@example.com"}),
            400,
            "VERIFICATION_EMAIL_NOT_ENABLED",
        ),
        ("/sign-in/social", json!({"provider": "google"}), 404, "PROVIDER_NOT_FOUND"),
        ("/sign-in/social", json!({}), 400, "VALIDATION_ERROR"),
        ("/link-social", json!({"provider": "google"}), 404, "PROVIDER_NOT_FOUND"),
        ("/unlink-account", json!({"accountId": "1"}), 400, "FAILED_TO_UNLINK_LAST_ACCOUNT"),
        ("/get-access-token", json!({"providerId": "credential"}), 400, "VALIDATION_ERROR"),
        ("/get-access-token", json!({"accountId": "1"}), 400, "ACCOUNT_NOT_FOUND"),
        ("/refresh-token", json!({"providerId": "credential"}), 400, "VALIDATION_ERROR"),
        ("/update-session", json!({"userId": "2"}), 400, ""),
        ("/get-session", json!({}), 405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"),
    ] {
        let answer = post(&mut ada, path, body.clone()).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{path} {body} {answer}");
    }
    for (path, status, code) in [
        ("/verify-email?token=abc", 401, "INVALID_TOKEN"),
        ("/verify-email", 400, "VALIDATION_ERROR"),
        ("/verify-email?token=abc&callbackURL=//evil.test", 403, "INVALID_CALLBACK_URL"),
        ("/reset-password/abc", 400, "VALIDATION_ERROR"),
        ("/reset-password/abc?callbackURL=//evil.test", 403, "INVALID_CALLBACK_URL"),
        ("/delete-user/callback?token=abc", 404, "INVALID_TOKEN"),
        ("/account-info", 400, "VALIDATION_ERROR"),
        ("/account-info?accountId=1", 400, "ACCOUNT_NOT_FOUND"),
    ] {
        let answer = get(&mut ada, path).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{path} {answer}");
    }
    for (path, location) in [
        ("/verify-email?token=abc&callbackURL=/x", "/x?error=INVALID_TOKEN"),
        ("/verify-email?token=abc&callbackURL=/x%3Fy=1%23z", "/x?y=1&error=INVALID_TOKEN#z"),
        ("/reset-password/abc?callbackURL=/x", "/x?error=INVALID_TOKEN"),
    ] {
        let answer = get(&mut ada, path).await;
        assert_eq!((answer.status, answer.header("location")), (302, location), "{path}");
    }
    let told = get(&mut ada, "/list-accounts").await.json();
    let (account, user) = (&told[0], user(&mut ada).await);
    assert_eq!((&account["providerId"], &account["scopes"]), (&json!("credential"), &json!([])));
    assert_eq!((&account["userId"], &account["accountId"]), (&user["id"], &user["id"]));
    assert_eq!(account["createdAt"], user["createdAt"]);
    assert_eq!(told.as_array().map(Vec::len), Some(1));
}
