//! General rules of the wire: methods, paths, headers, documents.

use serde_json::Value;
use vestibule_api::{Api, ApiSettings};

use crate::support::TestApi;

#[tokio::test]
async fn paths_and_methods_that_are_not_there_say_so_in_json() {
    let api = TestApi::new().await;
    for (method, path, says) in [
        ("GET", "/", r#"404 {"detail":"Not Found"}"#),
        ("GET", "/api/v1/LOGIN", r#"404 {"detail":"Not Found"}"#),
        ("GET", "/api/v1//user/me", r#"404 {"detail":"Not Found"}"#),
        ("GET", "/api/v1/login", r#"405 {"detail":"Method Not Allowed"}"#),
        ("PUT", "/api/v1/user/ada", r#"405 {"detail":"Method Not Allowed"}"#),
        ("OPTIONS", "/api/v1/user", r#"405 {"detail":"Method Not Allowed"}"#),
        ("TRACE", "/api/v1/user/me", r#"405 {"detail":"Method Not Allowed"}"#),
    ] {
        let answer = api.client.request(method, path, &[], "").await;
        assert_eq!(answer.says(), says, "{method} {path}");
        assert_eq!(answer.header("allow").is_empty(), answer.status == 404, "{method} {path}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn every_answer_but_the_public_keys_is_uncacheable_and_has_an_id() {
    let api = TestApi::new().await;
    for path in ["/api/v1/user/me", "/health", "/ready", "/openapi.json", "/nowhere"] {
        let answer = api.client.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-request-id").len(), 16, "{path}");
    }
    let keys = "/.well-known/jwks.json";
    let answer = api.client.get(keys).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.says(), r#"200 {"keys":[]}"#, "JW-09: the HS256 key is not in it");
    let refused = api.client.request("POST", keys, &[], "").await;
    assert_eq!((refused.status, refused.header("cache-control")), (405, "no-store"));
    let given = api.client.request("GET", "/health", &[("x-request-id", "abc-12345678")], "").await;
    assert_eq!(given.header("x-request-id"), "abc-12345678");
    let forged =
        api.client.request("GET", "/health", &[("x-request-id", "a b\" level=error")], "").await;
    assert_eq!(forged.header("x-request-id").len(), 16);
}

#[tokio::test]
async fn head_is_like_get_without_a_body() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    let bearer = format!("Bearer {}", tokens.access);
    let answer =
        api.client.request("HEAD", "/api/v1/user/me", &[("authorization", &bearer)], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

#[tokio::test]
async fn probes_are_answered() {
    let api = TestApi::new().await;
    assert_eq!(api.client.get("/health").await.says(), r#"200 {"status":"ok"}"#);
    assert_eq!(
        api.client.get("/ready").await.says(),
        r#"200 {"status":"ready","revocations":"followed"}"#
    );
    api.inner.close().await;
    assert_eq!(api.client.get("/health").await.status, 200);
    let answer = api.client.get("/ready").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
}

#[tokio::test]
async fn er_04_without_a_database_the_answer_is_503_never_401() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    api.inner.close().await;
    for answer in [
        api.me(&tokens.access).await,
        api.refresh(&tokens.refresh).await,
        api.client.log_in("ada", "x").await,
        api.client.post_json("/api/v1/user", &crate::support::person("bob")).await,
    ] {
        assert_eq!(answer.status, 503, "{answer}");
        assert!(!answer.body.to_lowercase().contains("pool"), "ER-02: {answer}");
    }
}

#[tokio::test]
async fn every_documented_operation_is_there_and_its_document_is_whole() {
    let api = TestApi::new().await;
    let document = Api::openapi();
    assert_eq!(api.client.get("/openapi.json").await.json(), document);
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{username}", "ada").replace("{id}", "x");
        for method in ["get", "post", "put", "patch", "delete"]
            .into_iter()
            .filter(|method| item[*method].is_object())
        {
            let answer = api.client.request(&method.to_uppercase(), &path, &[], "").await;
            let documented = &item[method]["responses"][answer.status.to_string()];
            assert!(
                documented.is_object(),
                "{method} {path} answers {} undocumented",
                answer.status
            );
            operations += 1;
        }
    }
    assert_eq!(operations, 17);
    each_reference(&document, &mut |target| {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    });
}

fn each_reference(value: &Value, check: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(target)) => check(target),
                (_, value) => each_reference(value, check),
            })
        }
        Value::Array(list) => list.iter().for_each(|value| each_reference(value, check)),
        _ => {}
    }
}

#[tokio::test]
async fn the_reference_is_a_page_that_loads_nothing_from_elsewhere() {
    let api = TestApi::new().await;
    let page = api.client.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.body.contains("/api/v1/user/{username}"), "{page}");
    assert!(!page.body.contains("src=\"http") && !page.body.contains("href=\"http"), "{page}");
    let style = page
        .body
        .split("href=\"")
        .find_map(|part| part.split('"').next().filter(|link| link.contains(".css")))
        .unwrap();
    assert_eq!(api.client.get(style).await.header("content-type"), "text/css; charset=utf-8");
}

#[tokio::test]
async fn without_docs_there_is_neither_page_nor_document() {
    let api = TestApi::with(ApiSettings { docs: false, ..ApiSettings::default() }).await;
    assert_eq!(api.client.get("/docs").await.status, 404);
    assert_eq!(api.client.get("/openapi.json").await.status, 404);
}

#[tokio::test]
async fn cs_07_cors_is_off_and_when_set_admits_exactly_the_listed_origins() {
    let preflight = |origin: &'static str| {
        [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization"),
        ]
    };
    let off = TestApi::new().await;
    let answer = off
        .client
        .request("OPTIONS", "/api/v1/user/ada", &preflight("https://app.example.com"), "")
        .await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, ""));

    let settings = ApiSettings {
        cors_origins: vec!["https://app.example.com".to_owned()],
        ..ApiSettings::default()
    };
    let on = TestApi::with(settings).await;
    for (origin, allowed) in [
        ("https://app.example.com", "https://app.example.com"),
        ("https://evil.example.com", ""),
        ("https://app.example.com.evil.example", ""),
        ("null", ""),
    ] {
        let answer = on.client.request("OPTIONS", "/api/v1/user/ada", &preflight(origin), "").await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
        let answer = on.client.request("GET", "/api/v1/user/me", &[("origin", origin)], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
    }
}
