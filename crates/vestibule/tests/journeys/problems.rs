//! What people and programs are told when something is refused or fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use axum::Router;
use axum::routing::get;
use http::Method;
use serde_json::{Value, json};
use vestibule::observe::{Ids, caught, observed};
use vestibule_api::{ApiSettings, ErrorKind};
use vestibule_gateway::{Problem, Upstream};

use crate::process::Server;
use crate::support::{Answer, Browser, Client, Faults, Folder, PASSWORD, TestApi};

const PROBLEM: (&str, &str) = ("accept", "application/problem+json");

/// Status and title of each code, of gateway and API.
fn codes() -> BTreeMap<&'static str, (u16, &'static str)> {
    let gateway =
        Problem::ALL.map(|problem| (problem.code, (problem.status.as_u16(), problem.title)));
    let mut codes = BTreeMap::from(gateway);
    for kind in ErrorKind::ALL {
        let (status, title) = (kind.status.as_u16(), kind.title);
        let other = codes.insert(kind.code, (status, title));
        assert!(other.is_none_or(|other| other == (status, title)), "{}: two meanings", kind.code);
    }
    codes
}

fn pages() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let page = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files.map(page).collect()
}

#[test]
fn er_01_each_code_has_a_page_that_names_status_and_title_and_each_page_a_code() {
    let (codes, mut pages) = (codes(), pages());
    let index = pages.remove("README").unwrap();
    assert_eq!(pages.keys().collect::<Vec<_>>(), codes.keys().collect::<Vec<_>>());
    for (code, (status, title)) in codes {
        let page = &pages[code];
        assert!(page.starts_with(&format!("# `{code}`\n\n{status} {title}. From ")), "{page}");
        assert!(index.contains(&format!("| [`{code}`]({code}.md) | {status} {title} |")), "{code}");
        for part in ["**Why.**", "**Who is visiting.**", "**Who runs it.**"] {
            assert!(page.contains(part), "{code}: {part}");
        }
    }
}

#[test]
fn er_01_the_page_of_a_problem_that_passes_says_retry_after() {
    let pages = pages();
    for problem in Problem::ALL {
        let says = pages[problem.code].contains("`Retry-After`: seconds");
        assert_eq!(says, problem.retry_after.is_some(), "{}", problem.code);
    }
}

fn assert_is(answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    let kind = (answer.status, answer.header("content-type"), &body["code"]);
    assert_eq!(kind, (status, "application/problem+json", &json!(code)), "{answer}");
    assert_eq!(body["type"], format!("urn:vestibule:error:{code}"));
    assert_eq!((&body["status"], &body["title"]), (&json!(status), &json!(codes()[code].1)));
    assert!(body["detail"].is_string(), "{answer}");
    assert_eq!(body["instance"], answer.header("x-request-id"), "{answer}");
    assert!(answer.header("cache-control").contains("no-store"), "ER-06: {answer}");
}

#[tokio::test]
async fn er_01_er_06_the_gateway_tells_scripts_by_problem_details() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let browser = api.faulty_site(&faults).member("ada").await;
    let nobody = api.faulty_site(&faults);
    let script = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];
    let foreign = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")];
    let bad = nobody.peek(Method::GET, "/a%2fb", &script, "").await;
    assert_is(&bad, 400, "bad_path");
    assert_is(&nobody.peek(Method::GET, "/nowhere", &script, "").await, 404, "not_found");
    let wrong = nobody.peek(Method::DELETE, "/login", &script, "").await;
    assert_is(&wrong, 405, "method_not_allowed");
    let crossed = browser.peek(Method::POST, "/logout", &foreign, "").await;
    assert_is(&crossed, 403, "cross_site");
    let out = nobody.peek(Method::GET, "/dashboard", &script, "").await;
    assert_is(&out, 401, "signed_out");
    assert_eq!(out.json()["login"], "/login?next=%2Fdashboard");
    assert_eq!(out.header("www-authenticate"), "Cookie");

    let form = [&script[..], &[("content-type", "multipart/form-data; boundary=b")]].concat();
    let broken = nobody.peek(Method::POST, "/login", &form, "--b\r\nno part").await;
    assert_is(&broken, 400, "bad_body");
    let large = nobody.peek(Method::POST, "/login", &script, vec![b'a'; 65_537]).await;
    assert_is(&large, 413, "too_large");
}

#[tokio::test]
async fn er_01_over_the_wire_the_body_is_as_long_as_its_head_says() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &[]);
    let nowhere = server.client("Site").get("/nowhere").await;
    assert_is(&nowhere, 404, "not_found");
    assert_eq!(nowhere.header("content-length"), nowhere.body.len().to_string());
    let head = server.client("Site").request("HEAD", "/nowhere", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (404, ""));
    let nobody = server.client("API").request("GET", "/api/v1/user/me", &[PROBLEM], "").await;
    assert_is(&nobody, 401, "not_authenticated");
    assert_eq!(nobody.header("content-length"), nobody.body.len().to_string());
}

#[tokio::test]
async fn er_01_the_api_tells_as_its_contract_has_it_and_by_problem_details_on_request() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    api.register("bob").await;
    let bearer = format!("Bearer {}", tokens.access);
    let (json_body, as_ada) = (("content-type", "application/json"), ("authorization", &*bearer));
    let login = format!("username=ada&password={PASSWORD}x");
    let form = ("content-type", "application/x-www-form-urlencoded");
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);
    let cases: [Case<'_>; 11] = [
        ("GET", "/nowhere", &[], "", 404, "not_found"),
        ("GET", "/api/v1/login", &[], "", 405, "method_not_allowed"),
        ("POST", "/api/v1/login", &[form], &login, 401, "wrong_credentials"),
        ("POST", "/api/v1/login", &[form], "", 422, "fields_invalid"),
        ("POST", "/api/v1/refresh", &[], "", 401, "refresh_token_missing"),
        (
            "POST",
            "/api/v1/refresh",
            &[("cookie", "refresh_token=x")],
            "",
            401,
            "refresh_token_invalid",
        ),
        ("GET", "/api/v1/user/me", &[], "", 401, "not_authenticated"),
        ("GET", "/api/v1/user/me", &[("authorization", "Bearer x")], "", 401, "token_invalid"),
        ("POST", "/api/v1/user", &[json_body], "{", 422, "fields_invalid"),
        ("DELETE", "/api/v1/user/bob", &[as_ada], "", 403, "not_owner"),
        ("PATCH", "/api/v1/user/ada", &[as_ada, json_body], r#"{"username":"bob"}"#, 422, "taken"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let plain = api.client.request(method, path, headers, body.to_owned()).await;
        let contract = plain.json();
        assert_eq!((plain.status, plain.header("content-type")), (status, "application/json"));
        let members: Vec<_> = contract.as_object().unwrap().keys().collect();
        assert_eq!(members, ["detail"], "{method} {path}: {plain}");

        let asked = [headers, &[PROBLEM]].concat();
        let told = api.client.request(method, path, &asked, body.to_owned()).await;
        assert_is(&told, status, code);
        match &contract["detail"] {
            Value::String(detail) => assert_eq!(told.json()["detail"], **detail),
            fields => assert_eq!(told.json()["errors"], *fields),
        }
        assert_eq!(told.cookies().len(), plain.cookies().len());
        assert_eq!(told.header("www-authenticate"), plain.header("www-authenticate"));
    }
    api.inner.close().await;
    let down = api.client.request("POST", "/api/v1/login", &[form, PROBLEM], login).await;
    assert_is(&down, 503, "database_unavailable");
    assert_eq!(down.header("retry-after"), "1");
}

/// What another part of a site goes by when it puts a refusal into words of its own.
#[tokio::test]
async fn er_01_refusals_of_a_change_are_told_apart_by_code_and_field_as_the_document_says() {
    let settings =
        ApiSettings { throttle: false, fresh_login: Some(600), ..ApiSettings::default() };
    let api = TestApi::with(settings).await;
    let stale = api.member("ada").await;
    api.register("bob").await;
    api.clock.advance(600);
    let fresh = api.log_in("ada").await;
    let document = include_str!("../../../../docs/contract.md");
    let (ada, bob) = ("/api/v1/user/ada", "/api/v1/user/bob");
    let (password, elsewhere) = ("/api/v1/user/me/password", "/api/v1/user/me/sessions/elsewhere");
    let to = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let long = "x".repeat(257);
    type Case<'a> = (&'a str, &'a str, &'a str, Value, u16, &'a str, &'a str, &'a str);
    let cases: [Case<'_>; 11] = [
        ("PATCH", ada, &stale.access, json!({"username": "eve"}), 403, "login_too_old", "", ""),
        ("DELETE", ada, &stale.access, json!({}), 403, "login_too_old", "", ""),
        ("DELETE", elsewhere, &stale.access, json!({}), 403, "login_too_old", "", ""),
        ("DELETE", elsewhere, &fresh.access, json!({}), 404, "not_found", "", ""),
        ("PATCH", bob, &fresh.access, json!({"name": "Eve"}), 403, "not_owner", "", ""),
        (
            "PUT",
            password,
            &stale.access,
            to("wrong", "another one"),
            422,
            "fields_invalid",
            "current_password",
            "value_error",
        ),
        (
            "PUT",
            password,
            &stale.access,
            to("wrong", "short"),
            422,
            "fields_invalid",
            "new_password",
            "string_too_short",
        ),
        (
            "PUT",
            password,
            &stale.access,
            to(PASSWORD, &long),
            422,
            "fields_invalid",
            "new_password",
            "string_too_long",
        ),
        (
            "PATCH",
            ada,
            &fresh.access,
            json!({"username": "bob"}),
            422,
            "taken",
            "username",
            "taken",
        ),
        (
            "PATCH",
            ada,
            &fresh.access,
            json!({"email": "BOB@example.com"}),
            422,
            "taken",
            "email",
            "taken",
        ),
        (
            "PATCH",
            ada,
            &fresh.access,
            json!({"username": "login"}),
            422,
            "fields_invalid",
            "username",
            "value_error",
        ),
    ];
    for (method, path, access, body, status, code, field, kind) in cases {
        let bearer = format!("Bearer {access}");
        let headers = [("authorization", &*bearer), ("content-type", "application/json"), PROBLEM];
        let told = api.client.request(method, path, &headers, body.to_string()).await;
        assert_is(&told, status, code);
        let errors = told.json()["errors"].clone();
        let expected = match field {
            "" => Value::Null,
            field => json!([[["body", field], kind]]),
        };
        let places = errors.as_array().map_or(Value::Null, |errors| {
            errors.iter().map(|error| json!([error["loc"], error["type"]])).collect()
        });
        assert_eq!(places, expected, "{method} {path} {body}: {told}");

        let plain = api.client.request(method, path, &headers[..2], body.to_string()).await;
        let detail = plain.json()["detail"].clone();
        let said = match &detail {
            Value::String(sentence) => sentence.clone(),
            list => list[0]["type"].as_str().unwrap().to_owned(),
        };
        let parts = [&said, code, field, &status.to_string()];
        let has_row = document.lines().any(|line| parts.iter().all(|part| line.contains(*part)));
        assert!(has_row, "docs/contract.md has no row with {parts:?}");
    }
}

#[tokio::test]
async fn er_02_what_is_not_expected_says_internal_and_the_request_and_no_more() {
    let api = TestApi::new().await;
    let hostile = "panicked at /srv/app.rs:7: SELECT password_hash FROM users, v1.2.3";
    let broken =
        Router::new().route("/panic", get(async move || -> String { panic!("{hostile}") }));
    let (gateway, _) =
        api.gateway_over(Upstream::in_process(Router::new()), None, std::time::Duration::ZERO);
    let router = caught(broken, || Problem::INTERNAL);
    let router = vestibule_ui::with_error_pages(&gateway, router);
    let router = observed(router, "gateway", Ids::Own);
    let mut browser = Browser::of(Upstream::in_process(router));

    let told = browser.client.get("/panic").await;
    assert_is(&told, 500, "internal");
    let shown = browser.visit("/panic").await;
    assert_eq!((shown.status, shown.header("content-type")), (500, "text/html; charset=utf-8"));
    assert!(shown.body.contains("Something broke on our side"), "{shown}");
    assert!(shown.body.contains(&format!("<code>{}</code>", shown.header("x-request-id"))));
    for answer in [&told, &shown] {
        for secret in ["srv", "SELECT", "password_hash", "v1.2", "panic!", "panicked"] {
            assert!(!answer.body.contains(secret), "{secret} in {answer}");
        }
    }
}

#[tokio::test]
async fn er_02_with_each_dependency_broken_no_answer_tells_of_the_inside() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    let client = Client::clone(&api.client);
    let mut answers = Vec::new();
    faults.refuse_to_run();
    api.clock.advance(1750);
    answers.push(browser.visit("/dashboard").await);
    answers.push(browser.fetch("GET", "/dashboard", None).await);
    answers.push(browser.fetch("GET", "/api/v1/user/me", None).await);
    answers.push(browser.client.get("/ready").await);
    faults.run_again();
    api.inner.close().await;
    answers.push(browser.visit("/dashboard").await);
    answers.push(browser.fetch("GET", "/api/v1/user/me", None).await);
    for (path, headers) in [("/ready", &[][..]), ("/api/v1/user/nobody", &[PROBLEM][..])] {
        answers.push(client.request("GET", path, headers, "").await);
    }
    answers.push(client.log_in("ada", PASSWORD).await);
    for answer in answers {
        let text = answer.body.to_lowercase();
        for inside in
            ["sqlx", "sqlite", "postgres", "select ", "pool", ".rs", "/tmp", "hyper", "axum"]
        {
            assert!(!text.contains(inside), "{inside} in {answer}");
        }
        assert!(!text.contains(env!("CARGO_PKG_VERSION")), "{answer}");
    }
}

#[tokio::test]
async fn er_04_people_get_a_page_with_cause_mend_and_request_and_keep_their_session() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults).member("ada").await;
    api.clock.advance(1900);
    faults.refuse_to_run();
    let page = browser.visit("/dashboard?tab=1").await;
    assert_eq!((page.status, page.header("retry-after")), (503, "2"), "{page}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for part in [
        "We&#39;ll be right back",
        "Your session is kept: you are still signed in.",
        "Try again in 2 seconds.",
        r#"href="/dashboard?tab=1">Try again</a>"#,
        &format!("<code>{}</code>", page.header("x-request-id")),
    ] {
        assert!(page.body.contains(part), "{part} not in {}", page.body);
    }
    assert!(browser.is_signed_in());
    let nowhere = browser.visit("/nowhere").await;
    assert_eq!(nowhere.status, 404);
    assert!(
        nowhere.body.contains("There&#39;s no page here")
            && !nowhere.body.contains("name this request")
    );
}
