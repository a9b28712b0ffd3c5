//! The edges of the Better Auth client's wire: paths, types, other sites, hostile input, and apps with a server of their
//! own.

use axum::Router;
use http::Method;
use serde_json::{Value, json};
use vestibule_gateway::{PlanSettings, Upstream};

use crate::better_auth::{CLIENT, get, member, newcomer, post, refusal};
use crate::support::{Answer, Browser, PASSWORD, TestApi};
use crate::wire::Site;

const JSON: (&str, &str) = ("content-type", "application/json");
const OURS: (&str, &str) = ("origin", "http://localhost:3000");
const EVIL: (&str, &str) = ("origin", "https://evil.test");

async fn send(browser: &Browser, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let path = format!("/api/auth{path}");
    browser.peek(Method::POST, &path, headers, body.to_owned()).await
}

#[tokio::test]
async fn what_is_no_call_is_404_with_nothing_in_it() {
    let api = TestApi::new().await;
    let browser = member(&api, "ada").await;
    for (method, path) in [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/nope"),
        ("HEAD", "/ok"),
        ("OPTIONS", "/ok"),
        ("POST", "/ok"),
        ("GET", "/ok/"),
        ("GET", "/sign-out"),
        ("PUT", "/sign-out"),
        ("DELETE", "/sign-out"),
        ("GET", "/update-user"),
        ("POST", "/sign-out/"),
        ("POST", "/set-password"),
        ("GET", "/error/"),
        ("HEAD", "/error"),
        ("POST", "/error"),
        ("GET", "/callback/google/x"),
    ] {
        let (method, path) = (method.parse().unwrap(), format!("/api/auth{path}"));
        let answer = browser.peek(method, &path, &CLIENT, "").await;
        assert_eq!((answer.status, &*answer.body), (404, ""), "{path} {answer}");
        assert!(answer.cookies().is_empty());
    }
    let ok = browser.peek(Method::GET, "/api/auth/ok", &[], "").await;
    assert_eq!(ok.says(), r#"200 {"ok":true}"#);
}

#[tokio::test]
async fn cs_08_a_body_is_json_or_where_forms_are_taken_a_form() {
    let api = TestApi::new().await;
    let browser = member(&api, "ada").await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let fields = format!("email=ada%40example.com&password={PASSWORD}&callbackURL=/a");
    let answer = send(&api.site(), "/sign-in/email", &[OURS, form], &fields).await;
    assert_eq!((answer.status, answer.header("location")), (200, "/a"), "{answer}");
    for (path, kind, body, status, code) in [
        ("/sign-in/username", form.1, "username=ada", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("/sign-out", "text/plain", "{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("/update-user", "multipart/form-data; boundary=x", "--x--", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("/update-user", "application/json", "{", 400, "BAD_REQUEST"),
        ("/update-user", "application/json", "", 400, "VALIDATION_ERROR"),
        ("/sign-out", "application/json", "[]", 400, "VALIDATION_ERROR"),
    ] {
        let answer = send(&browser, path, &[OURS, ("content-type", kind)], body).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{path} {kind} {body}");
    }
    let still = get(&mut browser.clone(), "/get-session").await;
    assert_eq!(still.json()["user"]["username"], "ada");
}

/// Headers of a page elsewhere, or of nobody knows whom.
const STRANGERS: [(&[(&str, &str)], &str); 7] = [
    (&[EVIL, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")], "INVALID_ORIGIN"),
    (&[EVIL], "INVALID_ORIGIN"),
    (&[OURS, ("sec-fetch-site", "same-site")], "INVALID_ORIGIN"),
    (&[OURS, OURS], "INVALID_ORIGIN"),
    (&[("origin", "null")], "MISSING_OR_NULL_ORIGIN"),
    (&[("referer", "https://evil.test/")], "INVALID_ORIGIN"),
    (&[("sec-fetch-site", "same-origin")], "MISSING_OR_NULL_ORIGIN"),
];

#[tokio::test]
async fn cs_01_cs_03_another_site_calls_nothing_with_or_without_a_session() {
    let api = TestApi::new().await;
    let (member, nobody) = (member(&api, "ada").await, api.site());
    let up = newcomer("bob").to_string();
    let who = json!({"email": "ada@example.com", "username": "ada", "password": PASSWORD});
    let who = who.to_string();
    for browser in [&member, &nobody] {
        for (headers, code) in STRANGERS {
            for (path, body) in [
                ("/sign-up/email", &*up),
                ("/sign-in/email", &*who),
                ("/sign-in/username", &*who),
                ("/sign-out", "{}"),
                ("/update-user", r#"{"name":"Eve Adams"}"#),
                ("/is-username-available", r#"{"username":"bob"}"#),
                ("/delete-user", "{}"),
            ] {
                let headers = [headers, &[JSON]].concat();
                let answer = send(browser, path, &headers, body).await;
                assert_eq!(refusal(&answer), (403, code.to_owned()), "{path} {headers:?}");
                assert!(answer.cookies().is_empty(), "{path}");
            }
        }
        let told = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), EVIL, JSON];
        let answer = send(browser, "/sign-in/email", &told, &who).await;
        assert_eq!(answer.status, 403, "{answer}");
    }
    for (headers, status) in [([EVIL, JSON], 403), ([("sec-fetch-site", "same-origin"), JSON], 404)]
    {
        assert_eq!(send(&member, "/nothing", &headers, "{}").await.status, status);
    }
    let answer = send(&nobody, "/sign-in/username", &[JSON], &who).await;
    assert_eq!(answer.status, 200, "a command-line client says nothing and has no cookie");
    let answer = send(&member, "/sign-out", &[JSON], "{}").await;
    assert_eq!(refusal(&answer), (403, "MISSING_OR_NULL_ORIGIN".to_owned()), "CS-02");
    let host = [("host", "evil.test"), EVIL, JSON];
    assert_eq!(send(&nobody, "/sign-in/username", &host, &who).await.status, 421, "CS-10");
}

#[tokio::test]
async fn cs_05_another_site_reads_nothing_of_a_session() {
    let api = TestApi::new().await;
    let browser = member(&api, "ada").await;
    for path in ["/get-session", "/list-sessions", "/list-accounts", "/account-info?accountId=1"] {
        for site in ["cross-site", "same-site"] {
            for mode in ["no-cors", "navigate"] {
                let headers = [("sec-fetch-site", site), ("sec-fetch-mode", mode)];
                let path = format!("/api/auth{path}");
                let answer = browser.peek(Method::GET, &path, &headers, "").await;
                assert_eq!(refusal(&answer), (403, "INVALID_ORIGIN".to_owned()), "{path} {site}");
            }
        }
    }
}

#[tokio::test]
async fn rl_01_hostile_bodies_are_refused_and_change_nothing() {
    let api = TestApi::new().await;
    let mut browser = member(&api, "ada").await;
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(64 * 1024));
    for (body, status, code) in [
        (deep.as_str(), 400, "BAD_REQUEST"),
        (huge.as_str(), 413, "PAYLOAD_TOO_LARGE"),
        (r#"{"name":"a\u0000b"}"#, 400, "VALIDATION_ERROR"),
        (r#"{"name":"\ud800x"}"#, 400, "BAD_REQUEST"),
        (r#"{"name":["a","b"]}"#, 400, "VALIDATION_ERROR"),
        (r#"{"name":{"$ne":null}}"#, 400, "VALIDATION_ERROR"),
        (r#"{"constructor":{"name":"Eve"},"__proto__":{"name":"Eve"}}"#, 400, ""),
        (r#"[{"name":"Eve Adams"}]"#, 400, "VALIDATION_ERROR"),
        (r#"{"name":1e999}"#, 400, "BAD_REQUEST"),
        ("nul", 400, "BAD_REQUEST"),
    ] {
        let answer = send(&browser, "/update-user", &[OURS, JSON], body).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{answer}");
    }
    let twice = r#"{"name":"Eve Adams","name":"Ada King"}"#;
    assert_eq!(send(&browser, "/update-user", &[OURS, JSON], twice).await.status, 200);
    let told = get(&mut browser, "/get-session").await.json();
    assert_eq!(told["user"]["name"], "Ada King", "the last counts, as in JavaScript");
    let injected = json!({"username": {"toString": "ada"}, "password": {"length": 1}});
    let answer = post(&mut browser, "/sign-in/username", injected).await;
    assert_eq!(refusal(&answer), (400, "VALIDATION_ERROR".to_owned()));
}

#[tokio::test]
async fn the_error_page_is_ours_and_shows_only_what_is_shaped_like_a_code() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    let page = browser.visit("/api/auth/error?error=INVALID_TOKEN").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"), "{page}");
    assert!(page.header("content-security-policy").contains("default-src 'none'"), "CS-12");
    assert!(page.body.contains("<code>INVALID_TOKEN</code>"), "{page}");
    let page = browser.visit("/api/auth/error?error=%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(page.body.contains("<code>UNKNOWN</code>") && !page.body.contains("alert(1)"));
}

fn own_server() -> Upstream {
    Upstream::in_process(Router::new().fallback(async |request: axum::extract::Request| {
        format!("theirs {} {}", request.method(), request.uri())
    }))
}

#[tokio::test]
async fn an_app_with_a_better_auth_of_its_own_keeps_it_by_a_route() {
    let api = TestApi::new().await;
    let plan = |routes: &[&str]| PlanSettings {
        ui: Some(own_server()),
        routes: routes.iter().map(|route| (route.parse().unwrap(), own_server())).collect(),
        private: true,
        ..PlanSettings::new(Upstream::in_process(api.router()))
    };
    let ok = "/api/auth/ok";
    let mut with = api.gateway_by(plan(&["/api/auth/** = ui"]), std::time::Duration::MAX).1;
    let without = api.gateway_by(plan(&["/api/** = ui"]), std::time::Duration::MAX).1;
    let answer = without.peek(Method::GET, ok, &[], "").await;
    assert_eq!(answer.says(), r#"200 {"ok":true}"#, "also in a private site");
    assert_eq!(with.peek(Method::GET, ok, &[], "").await.status, 401, "it is guarded as any route");
    with.register("ada").await;
    with.sign_in("ada").await;
    assert_eq!(with.fetch("GET", ok, None).await.body, "theirs GET /api/auth/ok");
    let answer = with.peek(Method::POST, ok, &[EVIL], "").await;
    assert_eq!(answer.json()["code"], "cross_site", "and refused in the site's words");
}

/// The client's own words for a body, over a real socket.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_over_a_socket_too() {
    let api = TestApi::new().await;
    let site = Site::new(&api, &[]).await;
    let mut client = site.client().await;
    let body = "x".repeat(70 * 1024);
    let length = body.len().to_string();
    let fields = [OURS, JSON, ("content-length", length.as_str())];
    client.request("POST", "/api/auth/sign-out", &fields).await;
    client.send(body).await;
    let head = client.head().await;
    assert_eq!(head.status(), 413);
    let body = client.take(head.text("content-length").parse().unwrap()).await;
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["code"], "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn g8_forms_under_the_names_of_calls_lead_on_and_json_is_answered_with_json() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    let person = [
        ("name", "Ada Lovelace"),
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("password", PASSWORD),
    ];
    let answer = browser.submit("/api/auth/sign-up", &person).await;
    assert_eq!(answer.status, 303, "{answer}");
    assert!(answer.header("location").starts_with("/login?notice=registered"), "{answer}");
    let fields = [("username", "ada"), ("password", PASSWORD), ("next", "/dashboard?tab=one")];
    let answer = browser.submit("/api/auth/sign-in", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/dashboard?tab=one"), "{answer}");
    assert_eq!(get(&mut browser, "/get-session").await.json()["user"]["username"], "ada");
    let answer = browser.submit("/api/auth/sign-out", &[]).await;
    assert_eq!(answer.status, 303, "{answer}");
    assert_eq!(get(&mut browser, "/get-session").await.body, "null");

    for who in [json!({"username": "ada"}), json!({"email": "ada@example.com"})] {
        let mut fields = who.clone();
        fields["password"] = PASSWORD.into();
        let answer = send(&browser, "/sign-in", &[OURS, JSON], &fields.to_string()).await;
        assert_eq!(answer.status, 200, "{who} {answer}");
        assert_eq!(answer.json()["user"]["username"], "ada", "{who}");
    }
    let foreign = send(&browser, "/sign-in", &[EVIL, JSON], "{}").await;
    assert_eq!((foreign.status, &foreign.json()["code"]), (403, &json!("INVALID_ORIGIN")));
    let answer = browser.peek(Method::GET, "/api/auth/sign-in", &CLIENT, "").await;
    assert_eq!((answer.status, &*answer.body), (404, ""), "{answer}");
}
