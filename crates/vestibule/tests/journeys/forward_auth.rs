//! Forward-auth as proxies ask for it; the real ones do so in `tests/proxies`.

use std::net::IpAddr;
use std::time::Duration;

use vestibule_gateway::{HopSettings, Upstream};

use crate::support::{Answer, Browser, Client, Faults, TestApi};

const PROXY: [u8; 4] = [10, 0, 0, 1];
const STRANGER: [u8; 4] = [203, 0, 113, 7];

/// A site with somebody signed in, and the socket that proxies ask.
struct Stage {
    api: TestApi,
    faults: Faults,
    browser: Browser,
    asked: Client,
}

impl Stage {
    async fn new() -> Self {
        let hops = HopSettings {
            trusted: [IpAddr::from(PROXY).into()].into_iter().collect(),
            also_hosts: vec![],
        };
        let (api, faults) = (TestApi::new().await, Faults::default());
        let upstream = faults.around(api.inner.router());
        let (gateway, browser) = api.gateway_behind(hops, upstream, None, Duration::from_secs(60));
        let browser = browser.member("ada").await;
        let asked = Client::of(Upstream::in_process(gateway.forward_auth())).at_address(PROXY);
        Self { api, faults, browser, asked }
    }

    fn cookie(&self) -> String {
        format!("theme=dark; vestibule={}; lang=de", self.browser.jar["vestibule"])
    }

    /// Asks as Caddy and Traefik do, on behalf of whoever is signed in.
    async fn ask(&self, method: &str, uri: &str, fields: &[(&str, &str)]) -> Answer {
        let cookie = self.cookie();
        self.ask_as(&cookie, method, uri, fields).await
    }

    async fn ask_as(
        &self,
        cookie: &str,
        method: &str,
        uri: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let said = [
            ("host", "localhost:3000"),
            ("x-forwarded-method", method),
            ("x-forwarded-uri", uri),
            ("cookie", cookie),
        ];
        self.asked.request("GET", "/forward-auth", &[&said, fields].concat(), "").await
    }

    /// Asks as nginx does.
    async fn nginx_asks(
        &self,
        cookie: &str,
        method: &str,
        uri: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let said = [
            ("host", "localhost:3000"),
            ("x-original-method", method),
            ("x-original-uri", uri),
            ("cookie", cookie),
        ];
        self.asked.request("GET", "/auth-request", &[&said, fields].concat(), "").await
    }
}

const PAGE: [(&str, &str); 3] =
    [("accept", "text/html"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

#[tokio::test]
async fn gw_18_a_session_is_answered_with_who_it_is() {
    let stage = Stage::new().await;
    let forged = [("authorization", "Bearer forged"), ("x-vestibule-username", "forged")];
    let cookie = stage.cookie();
    for answer in [
        stage.ask("GET", "/app?x=1", &forged).await,
        stage.nginx_asks(&cookie, "GET", "/app?x=1", &forged).await,
        stage
            .asked
            .request(
                "GET",
                "/forward-auth/app?x=1",
                &[("host", "localhost:3000"), ("cookie", &cookie)],
                "",
            )
            .await,
    ] {
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer}");
        assert_eq!(answer.header("x-vestibule-username"), "ada");
        assert_eq!(answer.header("x-vestibule-email"), "ada@example.com");
        assert!(answer.header("x-vestibule-user-id").parse::<i64>().is_ok(), "{answer}");
        assert_eq!(answer.header("cookie"), "theme=dark; lang=de", "GW-04");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        let bearer = answer.header("authorization").strip_prefix("Bearer ").unwrap();
        assert_eq!(stage.api.me(bearer).await.json()["username"], "ada");
    }
}

#[tokio::test]
async fn gw_02_every_header_is_there_also_when_there_is_nothing_to_say() {
    let stage = Stage::new().await;
    let only_ours = format!("vestibule={}", stage.browser.jar["vestibule"]);
    let answer = stage.ask_as(&only_ours, "GET", "/app", &[]).await;
    assert_eq!(
        (answer.status, answer.headers.get_all("cookie").iter().count()),
        (200, 1),
        "{answer}"
    );
    assert_eq!(answer.header("cookie"), "");
}

#[tokio::test]
async fn gw_18_nobody_but_a_trusted_hop_is_answered() {
    let stage = Stage::new().await;
    let stranger = stage.asked.at_address(STRANGER);
    let cookie = stage.cookie();
    for path in ["/forward-auth", "/forward-auth/app", "/auth-request"] {
        let said = [
            ("host", "localhost:3000"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-uri", "/app"),
            ("cookie", &cookie),
        ];
        let answer = stranger.request("GET", path, &said, "").await;
        assert_eq!(answer.status, 403, "{path}: {answer}");
        assert_eq!(answer.json()["code"], "untrusted_hop");
        assert!(
            answer.detail().contains("--trusted-hop") && answer.header("authorization").is_empty()
        );
    }
    let through_the_site = stage.browser.peek(http::Method::GET, "/forward-auth", &PAGE, "").await;
    assert_eq!(through_the_site.status, 404, "the site's own socket knows nothing of it");
}

#[tokio::test]
async fn gw_18_no_refusal_is_a_2xx() {
    let stage = Stage::new().await;
    let prefetches: [&[(&str, &str)]; 4] = [
        &[("next-router-prefetch", "1"), ("rsc", "1")],
        &[("sec-purpose", "prefetch")],
        &[("rsc", "1")],
        &[("next-action", "a")],
    ];
    let malformed =
        ["vestibule=", "vestibule=x", "vestibule=v1.a.b", "vestibule=a; vestibule=b", "", ";;="];
    for cookie in malformed {
        for fields in prefetches.iter().copied().chain([&PAGE[..], &[]]) {
            for answer in [
                stage.ask_as(cookie, "GET", "/app", fields).await,
                stage.nginx_asks(cookie, "GET", "/app", fields).await,
            ] {
                assert!(matches!(answer.status, 303 | 307 | 401), "{cookie} {fields:?}: {answer}");
                assert_eq!(answer.header("authorization"), "");
            }
        }
    }
    for uri in ["//app", "/a%2fb", "app", "", "/a b", "http://localhost:3000/app"] {
        assert_eq!(stage.ask("GET", uri, &[]).await.status, 400, "{uri:?}");
        assert_eq!(stage.nginx_asks(&stage.cookie(), "GET", uri, &[]).await.status, 403, "{uri:?}");
    }
    let twice = [("x-original-uri", "/other")];
    let answer = stage.ask("GET", "/app", &twice).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("bad_forwarding")));
}

#[tokio::test]
async fn gw_13_people_are_sent_to_sign_in_and_nginx_is_told_where() {
    let stage = Stage::new().await;
    let place = "http://localhost:3000/login?next=%2Fapp%3Fx%3D1";
    let answer = stage.ask_as("", "GET", "/app?x=1", &PAGE).await;
    assert_eq!((answer.status, answer.header("location")), (303, place));
    let answer = stage.nginx_asks("", "GET", "/app?x=1", &PAGE).await;
    assert_eq!((answer.status, answer.header("location")), (401, ""));
    assert_eq!(answer.header("x-vestibule-login"), place);
    for answer in
        [stage.ask_as("", "GET", "/app", &[]).await, stage.nginx_asks("", "GET", "/app", &[]).await]
    {
        assert_eq!((answer.status, answer.header("x-vestibule-login")), (401, ""), "{answer}");
        assert_eq!(answer.json()["login"], "/login?next=%2Fapp");
    }
}

#[tokio::test]
async fn cs_01_cs_05_what_counts_is_what_the_browser_did_and_from_where() {
    let stage = Stage::new().await;
    let ours = [("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")];
    let theirs = [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")];
    let link = [&PAGE[..], &[("sec-fetch-site", "cross-site")]].concat();
    for (method, fields, status) in [
        ("GET", &link[..], 200),
        ("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], 403),
        ("GET", &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], 403),
        ("POST", &ours, 200),
        ("POST", &theirs, 403),
        ("DELETE", &theirs, 403),
        ("POST", &[], 403),
        ("POST", &[("origin", "null")], 403),
        ("TRACE", &ours, 405),
    ] {
        let answer = stage.ask(method, "/app", fields).await;
        assert_eq!(answer.status, status, "{method} {fields:?}: {answer}");
        let answer = stage.nginx_asks(&stage.cookie(), method, "/app", fields).await;
        assert_eq!(answer.status, if status == 405 { 403 } else { status }, "{method} {fields:?}");
    }
}

#[tokio::test]
async fn cs_06_a_socket_is_opened_by_the_sites_own_pages_alone() {
    let stage = Stage::new().await;
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let upgrade = ("upgrade", "WebSocket");
    for handshake in [key, upgrade] {
        for (origin, status) in [
            (Some("http://localhost:3000"), 200),
            (Some("https://evil.test"), 403),
            (Some("null"), 403),
            (None, 403),
        ] {
            let mut fields = vec![handshake];
            fields.extend(origin.map(|origin| ("origin", origin)));
            let answer = stage.ask("GET", "/socket", &fields).await;
            assert_eq!(answer.status, status, "{handshake:?} {origin:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_refreshed_cookie_comes_along_in_lines_of_their_own() {
    let stage = Stage::new().await;
    assert!(stage.ask("GET", "/app", &[]).await.cookies().is_empty());
    stage.api.clock.advance(1790);
    let answer = stage.ask("GET", "/app", &[]).await;
    let lines = answer.cookies();
    assert_eq!((answer.status, lines.len()), (200, 2), "{answer}");
    assert_eq!(answer.header("x-vestibule-set-session"), lines[0]);
    assert_eq!(answer.header("x-vestibule-set-hint"), lines[1]);
    let mut browser = stage.browser.clone();
    browser.keep(&answer);
    assert_ne!(browser.jar["vestibule"], stage.browser.jar["vestibule"]);
    assert_eq!(browser.visit("/dashboard").await.status, 200);
}

#[tokio::test]
async fn rv_02_a_session_that_was_ended_is_refused_and_its_cookie_goes() {
    let mut stage = Stage::new().await;
    let cookie = stage.cookie();
    assert_eq!(stage.ask("GET", "/app", &[]).await.status, 200);
    stage.browser.submit("/logout", &[]).await;
    let answer = stage.ask_as(&cookie, "GET", "/app", &PAGE).await;
    assert_eq!(answer.status, 303, "{answer}");
    assert!(answer.header("x-vestibule-set-session").contains("Max-Age=0"), "{answer}");
    assert!(!answer.headers.contains_key("authorization"));
}

#[tokio::test]
async fn rf_17_an_outage_is_never_a_401() {
    let stage = Stage::new().await;
    stage.api.clock.advance(1801);
    stage.faults.refuse_to_run();
    for answer in [
        stage.ask("GET", "/app", &PAGE).await,
        stage.nginx_asks(&stage.cookie(), "GET", "/app", &PAGE).await,
    ] {
        assert!(answer.status >= 500 && answer.cookies().is_empty(), "{answer}");
    }
    stage.faults.run_again();
    assert_eq!(stage.ask("GET", "/app", &PAGE).await.status, 200);
}
