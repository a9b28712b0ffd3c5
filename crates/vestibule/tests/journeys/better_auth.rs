//! The Better Auth client's calls: who comes in, who is in, and who goes.

use http::Method;
use serde_json::{Value, json};

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
