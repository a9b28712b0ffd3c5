//! What is counted, as whoever collects it reads it.

use crate::process::Server;
use crate::support::{Folder, PASSWORD, Tokens, person};

#[tokio::test]
async fn logins_refreshes_and_requests_are_counted_and_nothing_secret_is_told() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &["--metrics-listen", "127.0.0.1:0"]);
    let (api, metrics) = (server.client("API"), server.client("Metrics"));
    api.post_json("/api/v1/user", &person("canary")).await;
    assert_eq!(api.log_in("canary", "canary-wrong").await.status, 401);
    let tokens = Tokens::of(&api.log_in("canary@example.com", PASSWORD).await);
    let next = Tokens::of(&api.post_cookie("/api/v1/refresh", &tokens.refresh).await);
    api.post_cookie("/api/v1/refresh", &tokens.refresh).await;
    api.post_cookie("/api/v1/logout", &next.refresh).await;
    assert_eq!(api.post_cookie("/api/v1/refresh", &next.refresh).await.status, 401);
    assert_eq!(api.post_cookie("/api/v1/refresh", "no.such.token").await.status, 401);
    assert_eq!(server.client("Site").get("/login?next=/canary").await.status, 200);

    let text = metrics.get("/metrics").await;
    assert_eq!((text.status, text.header("content-type")), (200, "text/plain; version=0.0.4"));
    for line in [
        "# TYPE vestibule_logins_total counter",
        r#"vestibule_logins_total{outcome="wrong"} 1"#,
        r#"vestibule_logins_total{outcome="ok"} 1"#,
        r#"vestibule_refreshes_total{outcome="next"} 1"#,
        r#"vestibule_refreshes_total{outcome="again"} 1"#,
        r#"vestibule_refreshes_total{outcome="refused"} 2"#,
        r#"vestibule_http_requests_total{role="api",status="201"} 1"#,
        r#"vestibule_http_requests_total{role="api",status="200"} 4"#,
        r#"vestibule_http_requests_total{role="api",status="401"} 3"#,
        r#"vestibule_http_requests_total{role="gateway",status="200"} 1"#,
    ] {
        assert!(text.body.lines().any(|found| found == line), "{line} not in {}", text.body);
    }
    for secret in ["canary", PASSWORD, "127.0.0.1", &tokens.access, &tokens.refresh, "eyJ"] {
        assert!(!text.body.contains(secret), "{secret} in {}", text.body);
    }
    assert_eq!(metrics.get("/api/v1/user/me").await.status, 404);
    for name in ["API", "Site"] {
        assert_eq!(server.client(name).get("/metrics").await.status, 404, "{name}");
    }
}

#[tokio::test]
async fn each_part_alone_counts_too_and_without_the_setting_none_does() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let any = "127.0.0.1:0";
    let api = ["api", "--api-listen", any, "--data", data];
    assert!(!Server::start(&api).said.contains("etrics"));

    let counting = ["--metrics-listen", any];
    let api = Server::start(&[&api[..], &counting].concat());
    let url = api.url("API");
    let gateway = ["gateway", "--api", &url, "--site-listen", any, "--data", data];
    let gateway = Server::start(&[&gateway[..], &counting].concat());
    gateway.client("Site").get("/login").await;
    for (server, role) in [(api, "api"), (gateway, "gateway")] {
        let text = server.client("Metrics").get("/metrics").await;
        let line = format!(r#"vestibule_http_requests_total{{role="{role}",status="200"}} "#);
        let count = text.body.lines().find_map(|text| text.strip_prefix(&line));
        assert!(count.is_some_and(|count| count != "0"), "{line} not in {}", text.body);
    }
}
