//! Proxies in front of the site: which are believed, what of, and by which name one gets in.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use http::{HeaderMap, StatusCode};
use vestibule::wiring::{self, SiteParts};
use vestibule_gateway::{HopSettings, Upstream};
use vestibule_types::AddressRange;

use crate::support::{Answer, Browser, TestApi, leads};

const PROXY: [u8; 4] = [10, 0, 0, 1];
const STRANGER: [u8; 4] = [203, 0, 113, 7];

/// Answers with the headers that it got.
fn echo() -> Router {
    Router::new().fallback(async |request: Request| told(request.headers()))
}

fn told(headers: &HeaderMap) -> String {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}

async fn site(trusted: &[&str], also: &[&str]) -> Browser {
    let hops = HopSettings {
        trusted: trusted.iter().map(|range| range.parse::<AddressRange>().unwrap()).collect(),
        also_hosts: also.iter().map(|host| host.parse().unwrap()).collect(),
    };
    let echo = || Upstream::in_process(echo());
    let api = TestApi::new().await;
    api.gateway_behind(hops, echo(), Some(echo()), Duration::from_secs(60)).1
}

async fn asked(site: &Browser, from: [u8; 4], path: &str, fields: &[(&str, &str)]) -> Answer {
    site.client.at_address(from).request("GET", path, fields, "").await
}

#[tokio::test]
async fn gw_16_upstreams_are_told_the_client_and_not_the_proxy() {
    let site = site(&["10.0.0.0/8"], &[]).await;
    for path in ["/page", "/api/v1/thing"] {
        for (from, fields, client) in [
            (PROXY, &[("x-forwarded-for", "203.0.113.9")][..], "203.0.113.9"),
            (PROXY, &[("forwarded", "for=\"[2001:db8::9]:80\"")], "2001:db8::9"),
            (PROXY, &[("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.2.2.2")], "203.0.113.9"),
            (PROXY, &[("x-forwarded-for", "203.0.113.9, unknown")], "10.0.0.1"),
            (
                STRANGER,
                &[("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=6.6.6.6")],
                "203.0.113.7",
            ),
        ] {
            let answer = asked(&site, from, path, fields).await;
            let lines: Vec<_> =
                answer.body.lines().filter(|line| line.starts_with("x-forwarded-for")).collect();
            assert_eq!(lines, [format!("x-forwarded-for: {client}")], "{fields:?} {path}");
        }
    }
}

#[tokio::test]
async fn gw_16_by_default_nobody_is_believed() {
    let site = site(&[], &[]).await;
    for from in [PROXY, [127, 0, 0, 1]] {
        let fields = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "http")];
        let answer = asked(&site, from, "/page", &fields).await;
        assert!(!answer.body.contains("6.6.6.6"), "{answer}");
    }
}

#[tokio::test]
async fn gw_10_a_request_for_another_host_is_misdirected() {
    let site = site(&["10.0.0.0/8"], &["vestibule.internal"]).await;
    for (host, status) in [
        ("localhost:3000", 200),
        ("127.0.0.1:3000", 200),
        ("[::1]:3000", 200),
        ("vestibule.internal", 200),
        ("evil.test", 421),
        ("localhost", 421),
        ("localhost:3000:3000", 421),
        ("localhost:3000/../x", 421),
        ("localhost:3000@evil.test", 421),
        ("", 421),
    ] {
        for path in ["/page", "/api/v1/thing", "/healthy", "//health", "/ready/"] {
            let forged = [("host", host), ("x-forwarded-host", "localhost:3000")];
            let answer = asked(&site, PROXY, path, &forged).await;
            let status = if status == 200 && path == "//health" { 400 } else { status };
            assert_eq!(answer.status, status, "{host} {path}: {answer}");
            if status == 421 {
                assert_eq!(answer.json()["code"], "misdirected", "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn gw_10_whether_a_node_lives_is_told_under_any_well_formed_name() {
    let site = site(&["10.0.0.0/8"], &[]).await;
    for (host, status) in [("10.0.0.7:3000", 200), ("evil.test", 200), ("a b", 421), ("", 421)] {
        let answer = asked(&site, PROXY, "/health", &[("host", host)]).await;
        assert_eq!(answer.status, status, "{host}: {answer}");
    }
    let answer = asked(&site, PROXY, "/ready", &[("host", "10.0.0.7")]).await;
    assert_eq!(answer.status, 200, "{answer}");
}

const PAGE: (&str, &str) = ("accept", "text/html");

/// The site over https, behind a proxy that is trusted.
async fn https_site() -> Browser {
    let hops = HopSettings {
        trusted: std::iter::once(std::net::IpAddr::from(PROXY).into()).collect(),
        also_hosts: vec![],
    };
    let api = TestApi::new().await;
    let echo = || Upstream::in_process(echo());
    let parts = SiteParts {
        site: "https://app.example.com".parse().unwrap(),
        ..api.site_parts(hops, echo(), Some(echo()), Duration::from_secs(60))
    };
    Browser::of(Upstream::in_process(wiring::site(parts, echo(), api.clock.clone()).1))
}

#[tokio::test]
async fn tl_03_over_http_pages_lead_to_https_and_calls_are_refused() {
    let site = https_site().await;
    let ask = async |method: &str, path: &str, fields: &[(&str, &str)]| {
        let fields = [fields, &[("host", "app.example.com")]].concat();
        site.client.at_address(PROXY).request(method, path, &fields, "").await
    };
    let http = ("x-forwarded-proto", "http");
    for over_http in [http, ("forwarded", "for=203.0.113.7;proto=http"), ("x-forwarded-proto", "")]
    {
        let answer = ask("GET", "/a/../page?x=1", &[PAGE, over_http]).await;
        assert_eq!(
            leads(&answer),
            (StatusCode::TEMPORARY_REDIRECT, "https://app.example.com/page?x=1")
        );
        let refused = [
            ask("GET", "/api/v1/user/me", &[PAGE, over_http]).await,
            ask("GET", "/data", &[over_http]).await,
            ask("POST", "/login", &[PAGE, over_http]).await,
        ];
        for answer in refused {
            assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer}");
        }
        assert_eq!(ask("GET", "/data", &[over_http]).await.json()["code"], "https_required");
        assert_eq!(ask("GET", "/health", &[over_http]).await.status, 200, "a probe");
    }
    assert_eq!(ask("GET", "//page", &[PAGE, http]).await.status, 400, "GW-05");
    for fields in [&[PAGE, ("x-forwarded-proto", "https")][..], &[PAGE]] {
        assert_eq!(ask("GET", "/page", fields).await.status, 200, "{fields:?}");
    }
}

#[tokio::test]
async fn tl_03_who_is_not_trusted_says_nothing_of_the_scheme() {
    let site = https_site().await;
    let fields = [("host", "app.example.com"), PAGE, ("x-forwarded-proto", "http")];
    assert_eq!(asked(&site, STRANGER, "/page", &fields).await.status, 200);
}
