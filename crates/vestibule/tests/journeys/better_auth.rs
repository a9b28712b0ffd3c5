//! The Better Auth client's calls: who comes in, who is in, and who goes.

use http::Method;
use serde_json::{Value, json};
use vestibule_api::ApiSettings;

use crate::support::{Answer, Browser, PASSWORD, TestApi};

/// What the client of a page sends along.
pub const CLIENT: [(&str, &str); 5] = [
    ("accept", "*/*"),
    ("origin", "http://localhost:3000"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
];

/// A call as the client makes it, below `/api/auth`.
pub async fn post(browser: &mut Browser, path: &str, body: Value) -> Answer {
    let mut headers = CLIENT.to_vec();
    headers.push(("content-type", "application/json"));
    let path = format!("/api/auth{path}");
    let answer = browser.peek(Method::POST, &path, &headers, body.to_string()).await;
    browser.keep(&answer);
    answer
}

pub async fn get(browser: &mut Browser, path: &str) -> Answer {
    let path = format!("/api/auth{path}");
    let answer = browser.peek(Method::GET, &path, &CLIENT, "").await;
    browser.keep(&answer);
    answer
}

/// Status and code of a refusal.
pub fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

pub fn newcomer(username: &str) -> Value {
    let email = format!("{username}@example.com");
    json!({"name": "Ada Lovelace", "email": email, "password": PASSWORD, "username": username})
}

/// A browser that signed up by the client.
pub async fn member(api: &TestApi, username: &str) -> Browser {
    let mut browser = api.site();
    let answer = post(&mut browser, "/sign-up/email", newcomer(username)).await;
    assert_eq!(answer.status, 200, "{answer}");
    browser
}

fn is_moment(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.'
}

#[tokio::test]
async fn somebody_signs_up_is_known_signs_out_and_in_again() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    let up = json!({
        "name": "Ada Lovelace", "email": "Ada@Example.com", "password": PASSWORD, "username": "AdaL",
        "emailVerified": true, "id": "7", "tierId": 9, "foo": {"a": []},
    });
    let answer = post(&mut browser, "/sign-up/email", up).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let user = answer.json()["user"].clone();
    for (field, value) in [
        ("id", json!("1")),
        ("name", json!("Ada Lovelace")),
        ("email", json!("ada@example.com")),
        ("emailVerified", json!(false)),
        ("image", json!(null)),
        ("username", json!("adal")),
        ("displayUsername", json!("adal")),
    ] {
        assert_eq!(user[field], value, "{field} of {answer}");
    }
    assert!(is_moment(&user["createdAt"]) && is_moment(&user["updatedAt"]), "{answer}");

    let answer = get(&mut browser, "/get-session").await;
    let told = answer.json();
    assert_eq!(told["user"], user);
    let session = &told["session"];
    for field in ["expiresAt", "createdAt", "updatedAt"] {
        assert!(is_moment(&session[field]), "{field} of {answer}");
    }
    assert_eq!((&session["userId"], &session["id"]), (&json!("1"), &session["token"]));
    assert_eq!(session["ipAddress"], "127.0.0.1");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));

    let answer = post(&mut browser, "/sign-out", json!({})).await;
    assert_eq!(answer.says(), r#"200 {"success":true}"#);
    assert!(!browser.is_signed_in());
    assert_eq!(get(&mut browser, "/get-session").await.says(), "200 null");

    for (path, who) in [
        ("/sign-in/email", json!({"email": "ADA@example.com"})),
        ("/sign-in/username", json!({"username": "ADAL"})),
    ] {
        let mut body = who;
        body["password"] = PASSWORD.into();
        let answer = post(&mut browser, path, body).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["redirect"], &told["url"]),
            (200, &json!(false), &Value::Null)
        );
        assert_eq!(told["user"]["id"], "1");
        let session = get(&mut browser, "/get-session").await.json();
        assert_eq!(session["session"]["token"], told["token"], "the handle is the session's");
    }
}

#[tokio::test]
async fn what_a_sign_up_lacks_or_may_not_have_is_told_in_the_clients_codes() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    let answer = post(&mut browser, "/sign-up/email", json!({})).await;
    let missing =
        |field: &str| format!("[body.{field}] Invalid input: expected string, received undefined");
    let message = ["name", "email", "password"].map(missing).join("; ");
    assert_eq!(answer.json(), json!({"message": message, "code": "VALIDATION_ERROR"}));
    member(&api, "ada").await;
    let with = |field: &str, value: Value| {
        let mut body = newcomer("bob");
        body[field] = value;
        body
    };
    for (body, status, code) in [
        (with("email", json!("ada@example.com")), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        (with("email", json!("ADA@Example.com")), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        (with("email", json!("nope")), 400, "VALIDATION_ERROR"),
        (with("email", json!("bob@host.test")), 400, "VALIDATION_ERROR"),
        (with("username", json!("ADA")), 400, "USERNAME_IS_ALREADY_TAKEN"),
        (with("username", json!("ab")), 400, "USERNAME_TOO_SHORT"),
        (with("username", json!("a".repeat(21))), 400, "USERNAME_TOO_LONG"),
        (with("username", json!("a_b")), 400, "INVALID_USERNAME"),
        (with("username", json!("login")), 400, "USERNAME_IS_ALREADY_TAKEN"),
        (with("username", json!(7)), 400, "VALIDATION_ERROR"),
        (with("password", json!("1234567")), 400, "PASSWORD_TOO_SHORT"),
        (with("password", json!("x".repeat(129))), 400, "PASSWORD_TOO_LONG"),
        (with("password", json!("")), 400, "VALIDATION_ERROR"),
        (with("name", json!("")), 400, "VALIDATION_ERROR"),
        (with("name", json!("a\0b")), 400, "VALIDATION_ERROR"),
        (with("image", json!("javascript:alert(1)")), 400, "VALIDATION_ERROR"),
        (with("rememberMe", json!("yes")), 400, "VALIDATION_ERROR"),
        (with("callbackURL", json!("https://evil.test")), 403, "INVALID_CALLBACK_URL"),
    ] {
        let answer = post(&mut browser, "/sign-up/email", body.clone()).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{body} {answer}");
        assert!(!browser.is_signed_in() && answer.cookies().is_empty(), "{body}");
    }
    let answer = post(&mut browser, "/sign-up/email", newcomer("bob")).await;
    assert_eq!(answer.json()["user"]["username"], "bob", "nothing of it left a trace");
}

#[tokio::test]
async fn whoever_chooses_no_username_gets_one() {
    let api = TestApi::new().await;
    for (email, shown, expected) in [
        ("grace.hopper@example.com", None, Some("gracehopper")),
        ("grace@example.com", Some("Hopper"), Some("hopper")),
        ("ab@example.com", Some("not one"), None),
        ("grace.hopper@example.org", None, None),
        ("login@example.com", None, None),
    ] {
        let mut browser = api.site();
        let mut body = json!({"name": "Grace", "email": email, "password": PASSWORD});
        if let Some(shown) = shown {
            body["displayUsername"] = shown.into();
        }
        body["username"] = Value::Null;
        let told = post(&mut browser, "/sign-up/email", body).await.json();
        let username = told["user"]["username"].as_str().unwrap().to_owned();
        match expected {
            Some(expected) => assert_eq!(username, expected),
            None => assert!((3..=20).contains(&username.len()), "{username}"),
        }
        assert_eq!(get(&mut browser, "/get-session").await.json()["user"], told["user"]);
    }
}

#[tokio::test]
async fn a_picture_is_there_from_the_start_and_none_is_null() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    let mut body = newcomer("ada");
    body["image"] = "https://example.com/ada.png".into();
    let told = post(&mut browser, "/sign-up/email", body).await.json();
    assert_eq!(told["user"]["image"], "https://example.com/ada.png");
    assert_eq!(get(&mut browser, "/get-session").await.json()["user"], told["user"]);
}

#[tokio::test]
async fn lg_12_a_wrong_password_and_nobody_look_the_same() {
    let api = TestApi::new().await;
    let mut browser = member(&api, "ada").await;
    browser.jar.clear();
    for (path, field, known, unknown, code) in [
        (
            "/sign-in/email",
            "email",
            "ada@example.com",
            "eve@example.com",
            "INVALID_EMAIL_OR_PASSWORD",
        ),
        ("/sign-in/username", "username", "ada", "eve", "INVALID_USERNAME_OR_PASSWORD"),
    ] {
        let mut told = Vec::new();
        for who in [known, unknown] {
            let body = json!({field: who, "password": "canary-password"});
            let answer = post(&mut browser, path, body).await;
            assert_eq!(refusal(&answer), (401, code.to_owned()));
            assert!(!answer.body.contains("canary"), "ER-03");
            told.push(answer.body);
        }
        assert_eq!(told[0], told[1]);
    }
    for (path, body, status, code) in [
        ("/sign-in/email", json!({"email": "nope", "password": "x"}), 400, "INVALID_EMAIL"),
        (
            "/sign-in/email",
            json!({"email": "ada@example.com", "password": ""}),
            401,
            "INVALID_EMAIL_OR_PASSWORD",
        ),
        (
            "/sign-in/email",
            json!({"email": "ada@example.com", "password": "x".repeat(257)}),
            400,
            "PASSWORD_TOO_LONG",
        ),
        (
            "/sign-in/username",
            json!({"username": "", "password": "x"}),
            401,
            "INVALID_USERNAME_OR_PASSWORD",
        ),
        (
            "/sign-in/username",
            json!({"username": "ab", "password": "x"}),
            422,
            "USERNAME_TOO_SHORT",
        ),
        ("/sign-in/username", json!({"username": "a b", "password": "x"}), 422, "INVALID_USERNAME"),
        (
            "/sign-in/username",
            json!({"username": "a".repeat(21), "password": "x"}),
            422,
            "USERNAME_TOO_LONG",
        ),
        (
            "/sign-in/username",
            json!({"username": ["ada"], "password": "x"}),
            400,
            "VALIDATION_ERROR",
        ),
    ] {
        let answer = post(&mut browser, path, body.clone()).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{path} {body}");
    }
}

#[tokio::test]
async fn gw_11_a_sign_in_leads_to_this_site_or_nowhere() {
    let api = TestApi::new().await;
    let mut browser = member(&api, "ada").await;
    let body = |address: Value| json!({"email": "ada@example.com", "password": PASSWORD, "callbackURL": address});
    for address in ["/dashboard?tab=2", "http://localhost:3000/dashboard"] {
        let answer = post(&mut browser, "/sign-in/email", body(address.into())).await;
        let told = answer.json();
        assert_eq!((&told["redirect"], &told["url"]), (&json!(true), &json!(address)));
        assert_eq!((answer.status, answer.header("location")), (200, address));
    }
    let answer = post(&mut browser, "/sign-in/email", body("".into())).await;
    assert_eq!((&answer.json()["redirect"], answer.header("location")), (&json!(false), ""));
    for address in ["https://evil.test", "//evil.test", "/\\evil.test", "/%2fevil.test", "evil"] {
        for path in ["/sign-in/email", "/sign-in/email?callbackURL=/"] {
            let answer = post(&mut browser, path, body(address.into())).await;
            assert_eq!(refusal(&answer), (403, "INVALID_CALLBACK_URL".to_owned()), "{address}");
            assert!(answer.cookies().is_empty() && answer.header("location").is_empty());
        }
    }
    let answer =
        post(&mut browser, "/sign-in/email?callbackURL=//evil.test", body("/".into())).await;
    assert_eq!(refusal(&answer), (403, "INVALID_CALLBACK_URL".to_owned()));
}

#[tokio::test]
async fn lg_01_a_sign_in_ends_the_session_that_was_there_and_makes_a_new_handle() {
    let api = TestApi::new().await;
    let mut browser = member(&api, "ada").await;
    let before = Browser { jar: browser.jar.clone(), ..api.site() };
    let first = get(&mut browser, "/get-session").await.json()["session"]["token"].clone();
    let body = json!({"username": "ada", "password": PASSWORD});
    let told = post(&mut browser, "/sign-in/username", body).await.json();
    assert_ne!(told["token"], first);
    let answer = get(&mut before.clone(), "/get-session").await;
    assert_eq!(answer.says(), "200 null", "the old cookie opens nothing");
}

#[tokio::test]
async fn who_is_not_to_be_remembered_has_a_cookie_for_as_long_as_the_browser_runs() {
    let api = TestApi::new().await;
    member(&api, "ada").await;
    for (remember, is_kept) in [(json!(false), false), (json!(true), true)] {
        let mut browser = api.site();
        let body = json!({"username": "ada", "password": PASSWORD, "rememberMe": remember});
        let answer = post(&mut browser, "/sign-in/username", body).await;
        let line =
            answer.cookies().into_iter().find(|line| line.starts_with("vestibule=")).unwrap();
        assert_eq!(line.contains("Max-Age"), is_kept, "{line}");
    }
}

#[tokio::test]
async fn ck_03_no_token_reaches_the_client_and_its_handle_opens_nothing() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    let mut told = vec![post(&mut browser, "/sign-up/email", newcomer("ada")).await];
    for path in ["/get-session", "/list-sessions", "/list-accounts"] {
        told.push(get(&mut browser, path).await);
    }
    for answer in &told {
        assert!(!answer.body.contains("eyJ"), "{answer}");
    }
    let handle = told[0].json()["token"].as_str().unwrap().to_owned();
    assert_eq!(api.me(&handle).await.status, 401);
    let cookie = [("cookie", handle.as_str())];
    let thief = api.site().peek(Method::GET, "/api/auth/get-session", &cookie, "").await;
    assert_eq!(thief.says(), "200 null");
}

#[tokio::test]
async fn th_09_guessing_is_429_with_both_headers_that_say_when_to_come_back() {
    let api = TestApi::with(ApiSettings::default()).await;
    let mut browser = member(&api, "ada").await;
    browser.jar.clear();
    let body = json!({"username": "ada", "password": "wrong-password"});
    let mut answer = post(&mut browser, "/sign-in/username", body.clone()).await;
    for _ in 0..100 {
        if answer.status == 429 {
            break;
        }
        assert_eq!(answer.status, 401, "{answer}");
        answer = post(&mut browser, "/sign-in/username", body.clone()).await;
    }
    let sentence = json!({"message": "Too many requests. Please try again later."});
    assert_eq!((answer.status, answer.json()), (429, sentence));
    let wait = answer.header("retry-after");
    assert!(wait.parse::<u64>().is_ok_and(|wait| wait > 0), "{answer}");
    assert_eq!(answer.header("x-retry-after"), wait);
}

#[tokio::test]
async fn whether_a_name_is_to_be_had_is_told_to_anybody() {
    let api = TestApi::new().await;
    let mut browser = member(&api, "ada").await;
    browser.jar.clear();
    for (username, told) in [
        (json!("ADA"), r#"200 {"available":false}"#),
        (json!("grace"), r#"200 {"available":true}"#),
        (json!("login"), r#"200 {"available":false}"#),
        (json!(""), r#"422 {"message":"Username is invalid","code":"INVALID_USERNAME"}"#),
        (json!("ab"), r#"422 {"message":"Username is too short","code":"USERNAME_TOO_SHORT"}"#),
        (json!("a/../me"), r#"422 {"message":"Username is invalid","code":"INVALID_USERNAME"}"#),
    ] {
        let answer =
            post(&mut browser, "/is-username-available", json!({"username": username})).await;
        assert_eq!(answer.says(), told, "{username}");
    }
}
