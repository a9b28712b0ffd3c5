//! What Next.js and its client need of a gateway in front of it, beyond what every upstream needs (contract: Next.js,
//! sections 2 and 4).

use std::time::Duration;

use http::Method;
use vestibule_gateway::{PlanSettings, SessionPolicy, Upstream, UpstreamSpec};

use crate::support::{Answer, TestApi};
use crate::ui::Stand;
use crate::wire::{End, Site, Stub, plan};

const SOFT: [(&str, &str); 3] =
    [("accept", "*/*"), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];
const ACTION: [(&str, &str); 2] = [("next-action", "7f"), ("origin", "http://localhost:3000")];

async fn asks(stand: &Stand, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    stand.browser.peek(method, path, &[&SOFT, headers].concat(), "").await
}

#[tokio::test]
async fn g_10_each_kind_of_request_without_a_session_is_told_in_its_own_way() {
    let mut stand = Stand::new().await.member("ada").await;
    let tokens = stand.api.log_in("ada").await;
    for signed_in in [true, false] {
        // Its session has ended elsewhere, which is found out when it is to be refreshed.
        stand.api.client.delete_as("/api/v1/user/me/sessions", &tokens.access).await;
        stand.api.clock.advance(1_801);
        let rsc = asks(&stand, Method::GET, "/dashboard/x?a=1&_rsc=1abc", &[("rsc", "1")]).await;
        assert_eq!(
            (rsc.status, rsc.header("location")),
            (307, "/login?next=%2Fdashboard%2Fx%3Fa%3D1&_rsc=1abc")
        );
        let prefetch = [("rsc", "1"), ("next-router-prefetch", "1")];
        let prefetch = asks(&stand, Method::GET, "/dashboard?_rsc=1abc", &prefetch).await;
        assert_eq!((prefetch.status, prefetch.body.as_str()), (204, ""));
        let action = asks(&stand, Method::POST, "/dashboard/x", &ACTION).await;
        assert_eq!((action.status, action.header("location")), (303, ""));
        assert_eq!(action.header("content-type"), "text/plain");
        assert_eq!(action.header("x-action-redirect"), "/login?next=%2Fdashboard%2Fx;push");
        assert_eq!(action.body, "");
        for answer in [rsc, prefetch, action] {
            assert_eq!(answer.header("cache-control"), "private, no-store");
            let deleted = answer.cookies().iter().any(|line| line.starts_with("vestibule=;"));
            assert_eq!(deleted, signed_in, "{answer}");
        }
        stand.browser.jar.clear();
    }
}

#[tokio::test]
async fn a_server_action_is_for_our_own_pages_and_has_a_live_token() {
    let mut stand = Stand::new().await.member("ada").await;
    stand.api.clock.advance(1_801);
    let answer = asks(&stand, Method::POST, "/dashboard", &ACTION).await;
    assert_eq!(answer.body, "a page");
    stand.browser.keep(&answer);
    let ticket = stand.ui.asked().ticket().unwrap().to_owned();
    assert_eq!(stand.call("GET", "/api/v1/user/me", &ticket).await.status, 200);
    for elsewhere in
        [("origin", "http://localhost:3001"), ("origin", "https://evil.test"), ("x", "y")]
    {
        let headers = [("next-action", "7f"), elsewhere];
        let answer = stand.browser.peek(Method::POST, "/dashboard", &headers, "").await;
        assert_eq!(answer.status, 403, "G12: {elsewhere:?}");
    }
}

#[tokio::test]
async fn a_server_action_of_the_uis_own_login_page_is_the_uis_and_a_form_of_ours_is_ours() {
    let stand = Stand::new().await;
    let action = [("next-action", "a"), ("origin", "http://localhost:3000")];
    for path in ["/login", "/register", "/logout"] {
        let answer = asks(&stand, Method::POST, path, &action).await;
        assert_eq!((answer.status, &*answer.body), (200, "a page"), "{path}: {answer}");
        let answer = asks(&stand, Method::POST, path, &action[1..]).await;
        assert_ne!(answer.body, "a page", "{path}: {answer}");
        let foreign = [("next-action", "a"), ("origin", "https://evil.test")];
        assert_eq!(asks(&stand, Method::POST, path, &foreign).await.status, 403, "{path}");
    }
    for path in ["/health", "/_vestibule/x", "/api/auth/sign-out"] {
        let answer = asks(&stand, Method::POST, path, &action).await;
        assert_ne!(answer.body, "a page", "{path}: {answer}");
    }
    let none = Stand::with(SessionPolicy::None).await;
    assert_ne!(asks(&none, Method::POST, "/login", &action).await.body, "a page");
}

#[tokio::test]
async fn n_10_next_compares_the_origin_with_the_sites_own_host() {
    let stand = Stand::new().await;
    let forged = [
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "6.6.6.6"),
    ];
    stand.browser.peek(Method::GET, "/", &forged, "").await;
    let asked = stand.ui.asked();
    for (name, value) in [
        ("host", "localhost:3000"),
        ("x-forwarded-host", "localhost:3000"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn g_14_pages_that_say_nothing_of_it_are_framed_by_nobody_else() {
    let mut stand = Stand::new().await;
    let page = stand.browser.visit("/").await;
    let names = ["x-frame-options", "x-content-type-options", "referrer-policy"];
    let told = |page: &Answer| names.map(|name| page.header(name).to_owned());
    assert_eq!(told(&page), ["SAMEORIGIN", "nosniff", "same-origin"]);
    let own = [("x-frame-options", "DENY"), ("referrer-policy", "origin")];
    stand.ui.says("/own", 200, &own);
    assert_eq!(told(&stand.browser.visit("/own").await), ["DENY", "nosniff", "origin"]);
    let embedded =
        ("content-security-policy", "default-src 'self'; Frame-Ancestors https://partner.test");
    stand.ui.says("/embedded", 200, &[embedded]);
    assert_eq!(told(&stand.browser.visit("/embedded").await)[0], "");
}

/// A site in front of a UI that the test plays, over TCP.
async fn over_tcp() -> (TestApi, Stub, Site) {
    let (api, ui) = (TestApi::new().await, Stub::new().await);
    let to_ui = Upstream::new("ui", &UpstreamSpec::at(&ui.url())).unwrap();
    let site = Site::by(&api, PlanSettings { ui: Some(to_ui), ..plan(&api, &[]) }).await;
    let site = site.with_member("ada").await;
    (api, ui, site)
}

async fn page_asked(site: &Site, ui: &Stub) -> (End, End) {
    let mut client = site.client().await;
    client.request("GET", "/shop", &[("cookie", &site.cookie()), ("accept", "text/html")]).await;
    let (upstream, asked) = ui.asked().await;
    assert!(asked.has("x-vestibule-identity"));
    (client, upstream)
}

#[tokio::test]
async fn n_12_a_page_streams_piece_by_piece_compressed_or_not() {
    let (_api, ui, site) = over_tcp().await;
    let (mut client, mut upstream) = page_asked(&site, &ui).await;
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
    upstream.send(head).await;
    upstream.send_chunk("fallback").await;
    let answer = client.head().await;
    assert_eq!((answer.status(), answer.text("content-encoding")), (200, "gzip"));
    assert_eq!(client.chunk().await, "fallback");
    upstream.send_chunk("the rest").await;
    assert_eq!(client.chunk().await, "the rest");
}

#[tokio::test]
async fn n_14_a_connection_that_next_is_about_to_close_is_not_used_again() {
    let (_api, ui, site) = over_tcp().await;
    let (mut client, mut upstream) = page_asked(&site, &ui).await;
    upstream.answer_with("one").await;
    assert_eq!(client.answer().await.body, "one");
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(4_500)).await;
    tokio::time::resume();
    let (mut client, mut other) = page_asked(&site, &ui).await;
    other.answer_with("two").await;
    assert_eq!(client.answer().await.body, "two");
    drop(upstream);
}
