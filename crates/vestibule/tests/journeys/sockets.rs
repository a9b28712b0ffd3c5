//! WebSockets on real sockets. What passes is compared byte for byte, so it is frames whatever they hold.

use std::time::Duration;

use http::StatusCode;
use tokio::io::AsyncWriteExt as _;
use vestibule_api::ApiSettings;
use vestibule_gateway::{PlanSettings, Upstream, UpstreamSpec};
use vestibule_types::Secret;

use crate::support::TestApi;
use crate::wire::{End, Head, ORIGIN, Site, Stub, code, plan};

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "keep-alive, Upgrade"),
    ("upgrade", "WebSocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
const GRANTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

struct Stage {
    api: TestApi,
    stub: Stub,
    site: Site,
    cookie: String,
}

/// A site with somebody signed in, a guarded API of sockets, and an open one.
async fn stage() -> Stage {
    stage_with("").await
}

async fn stage_with(settings: &str) -> Stage {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let guarded = format!("/api/live/** = {} guard=true {settings}", stub.url());
    let site = Site::new(&api, &[&guarded, &format!("/open/** = {}", stub.url())]).await;
    let site = site.with_member("ada").await;
    let cookie = site.cookie();
    Stage { api, stub, site, cookie }
}

impl Stage {
    /// Asks for a socket, with the cookie.
    async fn ask(&self, more: &[(&str, &str)]) -> End {
        let mut client = self.site.client().await;
        let fields = [&UPGRADE[..], &[("cookie", self.cookie.as_str()), ORIGIN], more].concat();
        client.request("GET", "/api/live/feed?room=1", &fields).await;
        client
    }

    /// An open socket: its client, its upstream, and what the upstream was asked.
    async fn open(&self) -> (End, End, Head) {
        let mut client = self.ask(&[]).await;
        let (mut upstream, asked) = self.stub.asked().await;
        upstream.send(format!("{GRANTED}\r\n")).await;
        assert_eq!(client.head().await.status(), 101);
        (client, upstream, asked)
    }
}

/// What no text is: every byte, in every place.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(&mut next).take(size).collect()
}

async fn talks(client: &mut End, upstream: &mut End) {
    client.send("ping").await;
    assert_eq!(upstream.take(4).await, b"ping");
    upstream.send("pong").await;
    assert_eq!(client.take(4).await, b"pong");
}

#[tokio::test]
async fn an_upgrade_carries_a_fresh_token_and_its_answer_the_new_cookie() {
    let stage = stage().await;
    let (_, _, before) = stage.open().await;
    let old = before.bearer().unwrap().to_owned();
    assert_eq!((before.text("upgrade"), before.text("connection")), ("websocket", "upgrade"));
    assert_eq!(before.line, "GET /api/live/feed?room=1 HTTP/1.1");
    assert!(!before.has("cookie"), "{before:?}");

    stage.api.clock.advance(ApiSettings::default().access_ttl + 1);
    let mut client = stage.ask(&[("authorization", "Bearer forged")]).await;
    let (mut upstream, asked) = stage.stub.asked().await;
    assert_ne!(asked.bearer().unwrap(), old, "the old one is dead");
    assert_eq!(stage.api.me(asked.bearer().unwrap()).await.status, 200);
    upstream.send(format!("{GRANTED}Set-Cookie: vestibule=theirs\r\n\r\n")).await;
    let head = client.head().await;
    assert_eq!(head.status(), 101);
    let cookies: Vec<_> = head.fields.get_all("set-cookie").iter().collect();
    assert!(
        cookies.iter().any(|line| line.to_str().unwrap().starts_with("vestibule=v1.")),
        "{head:?}"
    );
    assert!(!cookies.iter().any(|line| *line == "vestibule=theirs"), "{head:?}");
    assert_eq!(head.text("cache-control"), "private, no-store");
    talks(&mut client, &mut upstream).await;
}

#[tokio::test]
async fn cs_06_a_socket_is_opened_by_our_own_pages_alone() {
    let stage = stage().await;
    let cookie = ("cookie", stage.cookie.as_str());
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let cases: [Case<'_>; 10] = [
        (&[cookie, ("origin", "https://evil.test")], 403, "cross_site"),
        (&[cookie, ("origin", "http://localhost:3001")], 403, "cross_site"),
        (&[cookie, ("origin", "https://localhost:3000")], 403, "cross_site"),
        (&[cookie, ("origin", "null")], 403, "cross_site"),
        (&[cookie, ORIGIN, ORIGIN], 403, "cross_site"),
        (&[cookie, ORIGIN, ("sec-fetch-site", "cross-site")], 403, "cross_site"),
        (&[cookie, ORIGIN, ("sec-fetch-site", "same-site")], 403, "cross_site"),
        (&[cookie], 403, "cross_site"),
        (&[cookie, ("sec-fetch-site", "same-origin")], 403, "cross_site"),
        (&[ORIGIN], 401, "signed_out"),
    ];
    for (fields, status, why) in cases {
        let mut client = stage.site.client().await;
        client.request("GET", "/api/live/feed", &[&UPGRADE[..], fields].concat()).await;
        assert_eq!(code(&client.answer().await), (status, why.to_owned()), "{fields:?}");
    }
    let mut client = stage.site.client().await;
    let broken = [&UPGRADE[..], &[("cookie", "vestibule=v1.x.y"), ORIGIN]].concat();
    client.request("GET", "/api/live/feed", &broken).await;
    assert_eq!(code(&client.answer().await), (401, "signed_out".to_owned()));
    assert!(stage.stub.is_left_alone().await, "none of them got through");

    // Who has no session has nothing to lose: a script of somebody's own, without an origin.
    let mut client = stage.site.client().await;
    client.request("GET", "/open/feed", &UPGRADE).await;
    let (mut upstream, asked) = stage.stub.asked().await;
    assert!(!asked.has("authorization"));
    upstream.send(format!("{GRANTED}\r\n")).await;
    assert_eq!(client.head().await.status(), 101);
    talks(&mut client, &mut upstream).await;
}

#[tokio::test]
async fn what_both_sides_agree_on_passes_and_so_does_every_byte() {
    let stage = stage().await;
    let mut client = stage
        .ask(&[
            ("sec-websocket-protocol", "chat, superchat"),
            ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ])
        .await;
    let (mut upstream, asked) = stage.stub.asked().await;
    assert_eq!(asked.text("sec-websocket-key"), "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(asked.text("sec-websocket-version"), "13");
    assert_eq!(asked.text("sec-websocket-protocol"), "chat, superchat");
    assert_eq!(
        asked.text("sec-websocket-extensions"),
        "permessage-deflate; client_max_window_bits"
    );
    assert_eq!(asked.text("origin"), ORIGIN.1);
    let agreed = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    upstream.send(format!("{GRANTED}{agreed}Server: secret\r\n\r\n")).await;
    let head = client.head().await;
    assert_eq!((head.text("upgrade"), head.text("connection")), ("websocket", "upgrade"));
    assert_eq!(head.text("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(head.text("sec-websocket-protocol"), "chat");
    assert_eq!(head.text("sec-websocket-extensions"), "permessage-deflate");
    assert!(!head.has("server"));

    // Text in two fragments, a ping in between, binary of an 8-byte length, close: masked one way.
    let frames: [&[u8]; 5] = [
        &[0x01, 0x83, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, b'c' ^ 3],
        &[0x89, 0x80, 9, 9, 9, 9],
        &[0x80, 0x81, 0, 0, 0, 0, b'd'],
        &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 7, 7, 7, 7],
        &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8],
    ];
    for frame in frames {
        client.send(frame).await;
        assert_eq!(upstream.take(frame.len()).await, frame);
        upstream.send(frame).await;
        assert_eq!(client.take(frame.len()).await, frame);
    }
    let large = noise(3 << 20);
    let (mut from_client, mut from_upstream) = (client, upstream);
    let (sent, back) = (large.clone(), large.clone());
    let echo = tokio::spawn(async move {
        let taken = from_upstream.take(sent.len()).await;
        from_upstream.send(&taken).await;
        taken
    });
    from_client.send(&large).await;
    assert!(from_client.take(back.len()).await == back, "it comes back changed");
    assert!(echo.await.unwrap() == back, "it arrives changed");
}

#[tokio::test]
async fn gw_15_what_either_side_says_early_is_neither_lost_nor_read_as_http() {
    let stage = stage().await;
    let mut client = stage.ask(&[]).await;
    let smuggled = "GET /api/live/admin HTTP/1.1\r\nHost: localhost:3000\r\n\r\n";
    client.send(smuggled).await;
    let (mut upstream, _) = stage.stub.asked().await;
    upstream.send(format!("{GRANTED}\r\nearly")).await;
    assert_eq!(client.head().await.status(), 101);
    assert_eq!(client.take(5).await, b"early");
    assert_eq!(upstream.take(smuggled.len()).await, smuggled.as_bytes());
    talks(&mut client, &mut upstream).await;
    assert!(stage.stub.is_left_alone().await);
}

#[tokio::test]
async fn gw_15_a_refused_upgrade_passes_the_answer_on_and_closes() {
    let stage = stage().await;
    let mut client = stage.ask(&[]).await;
    client.send("GET /api/live/admin HTTP/1.1\r\nHost: localhost:3000\r\n\r\n").await;
    let (mut upstream, _) = stage.stub.asked().await;
    upstream
        .send("HTTP/1.1 426 Upgrade Required\r\nConnection: x-strip, Upgrade\r\nUpgrade: websocket\r\nX-Strip: 1\r\nContent-Length: 2\r\n\r\nno")
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (426, "no"));
    assert!(
        answer.header("x-strip").is_empty() && answer.header("upgrade").is_empty(),
        "GW-03: {answer}"
    );
    client.is_closed().await;
    assert!(stage.stub.is_left_alone().await, "what came after the request is no request");
}

#[tokio::test]
async fn gw_15_only_the_protocol_that_was_asked_for_is_changed_to() {
    let stage = stage().await;
    for upgrade in ["h2c", "websocket2", ""] {
        let mut client = stage.ask(&[]).await;
        let (mut upstream, _) = stage.stub.asked().await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
        upstream.send(format!("{head}Upgrade: {upgrade}\r\n\r\nbytes")).await;
        assert_eq!(code(&client.answer().await), (502, "upstream_broken".to_owned()), "{upgrade}");
        upstream.is_closed().await;
    }
    // Nobody asked for one at all.
    let mut client = stage.site.client().await;
    client.request("GET", "/open/x", &[]).await;
    let (mut upstream, _) = stage.stub.asked().await;
    upstream.send(format!("{GRANTED}\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")).await;
    assert_eq!(code(&client.answer().await), (502, "upstream_broken".to_owned()));
    upstream.is_closed().await;
}

#[tokio::test]
async fn gw_15_no_other_protocol_is_offered_to_an_upstream() {
    let stage = stage().await;
    let cookie = ("cookie", stage.cookie.as_str());
    let cases: [&[(&str, &str)]; 5] = [
        &[
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        ],
        &[("connection", "upgrade"), ("upgrade", "tls/1.2")],
        &[("upgrade", "websocket")],
        &[("connection", "websocket"), ("upgrade", "websocket")],
        &[("connection", "upgrade"), ("upgrade", "websocket"), ("content-length", "3")],
    ];
    for fields in cases {
        let mut client = stage.site.client().await;
        client.request("GET", "/open/x", &[&[cookie, ORIGIN], fields].concat()).await;
        client.send("abc").await;
        let (mut upstream, asked) = stage.stub.asked().await;
        for name in ["upgrade", "connection", "http2-settings"] {
            assert!(!asked.has(name), "{fields:?} {asked:?}");
        }
        upstream.answer_with("plain").await;
        assert_eq!(client.answer().await.body, "plain", "{fields:?}");
    }
}

#[tokio::test]
async fn a_socket_to_an_upstream_of_http_2_is_refused_by_the_upstream() {
    let api = TestApi::new().await;
    let stub =
        crate::wire::h2c(axum::Router::new().fallback(async |request: axum::extract::Request| {
            assert!(!request.headers().contains_key("upgrade"));
            (StatusCode::BAD_REQUEST, "no sockets here")
        }))
        .await;
    let site = Site::new(&api, &[&format!("/open/** = h2c://{stub}")]).await;
    for _ in 0..5 {
        let mut client = site.client().await;
        client.request("GET", "/open/x", &[&UPGRADE[..], &[ORIGIN]].concat()).await;
        assert_eq!(client.answer().await.says(), "400 no sockets here");
    }
}

#[tokio::test]
async fn rv_10_a_socket_is_closed_when_its_session_ends_and_no_other() {
    let stage = stage().await;
    let mut stranger = stage.site.client().await;
    stranger.request("GET", "/open/feed", &[&UPGRADE[..], &[ORIGIN]].concat()).await;
    let (mut other, _) = stage.stub.asked().await;
    other.send(format!("{GRANTED}\r\n")).await;
    assert_eq!(stranger.head().await.status(), 101);
    let (mut client, mut upstream, _) = stage.open().await;
    talks(&mut client, &mut upstream).await;

    let mut other_tab = stage.site.browser.clone();
    assert_eq!(other_tab.submit("/logout", &[]).await.status, 303);
    client.is_closed().await;
    upstream.is_closed().await;
    talks(&mut stranger, &mut other).await;
}

#[tokio::test]
async fn rv_10_a_socket_is_closed_when_the_feed_says_that_its_session_is_over() {
    let key = || Secret::from_random([9; 32]);
    let settings =
        ApiSettings { throttle: false, feed_keys: vec![key()], ..ApiSettings::default() };
    let (api, stub) = (TestApi::with(settings).await, Stub::new().await);
    let elsewhere = Site::new(&api, &[]).await;
    let site = Site::new(&api, &[&format!("/api/live/** = {}", stub.url())]).await;
    assert_eq!(site.gateway.follow_revocations(&key()).await, Ok(true));
    let site = site.with_member("ada").await;
    let stage = Stage { cookie: site.cookie(), api, stub, site };
    let (mut client, mut upstream, _) = stage.open().await;
    talks(&mut client, &mut upstream).await;

    let mut browser = elsewhere.browser.clone();
    browser.jar = stage.site.browser.jar.clone();
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    client.is_closed().await;
    upstream.is_closed().await;
}

#[tokio::test]
async fn f26_sockets_are_closed_when_the_server_is_told_to_stop() {
    let stage = stage().await;
    let (mut client, mut upstream, _) = stage.open().await;
    talks(&mut client, &mut upstream).await;
    stage.site.begin_to_stop();
    client.is_closed().await;
    upstream.is_closed().await;
    tokio::time::timeout(Duration::from_secs(5), stage.site.stop()).await.expect("nothing is left");
}

#[tokio::test]
async fn whoever_leaves_a_socket_is_followed_by_the_other_side() {
    let stage = stage().await;
    for (leaves, crashes) in
        [("client", false), ("client", true), ("upstream", false), ("upstream", true)]
    {
        let (client, upstream, _) = stage.open().await;
        let (gone, mut left) =
            if leaves == "client" { (client, upstream) } else { (upstream, client) };
        if crashes {
            gone.reset();
        } else {
            drop(gone);
        }
        left.is_closed().await;
    }
}

#[tokio::test]
async fn who_goes_on_talking_to_nobody_is_cut_off() {
    let stage = stage().await;
    for leaves in ["client", "upstream"] {
        let (client, upstream, _) = stage.open().await;
        let (gone, mut talker) =
            if leaves == "client" { (client, upstream) } else { (upstream, client) };
        drop(gone);
        let talking = async { while talker.stream.write_all(&[0; 1024]).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(10), talking).await.expect("it is cut off");
    }
}

#[tokio::test]
async fn one_side_may_close_first_and_still_listen() {
    let stage = stage().await;
    let (mut client, mut upstream, _) = stage.open().await;
    client.send("last words").await;
    client.half_close().await;
    assert_eq!(upstream.rest().await, b"last words");
    upstream.send("and the answer").await;
    upstream.half_close().await;
    assert_eq!(client.rest().await, b"and the answer");
}

#[tokio::test]
async fn a_silent_socket_stays_open_unless_its_route_says_otherwise() {
    let stage = stage_with("idle-timeout=1").await;
    let (mut client, mut upstream, _) = stage.open().await;
    talks(&mut client, &mut upstream).await;
    client.is_closed().await;
    upstream.is_closed().await;

    let mut client = stage.site.client().await;
    client.request("GET", "/open/feed", &UPGRADE).await;
    let (mut upstream, _) = stage.stub.asked().await;
    upstream.send(format!("{GRANTED}\r\n")).await;
    assert_eq!(client.head().await.status(), 101);
    talks(&mut client, &mut upstream).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(24 * 3600)).await;
    tokio::time::resume();
    talks(&mut client, &mut upstream).await;
}

#[tokio::test]
async fn n11_hot_reload_of_next_passes_through_the_route_of_the_ui() {
    let (api, ui) = (TestApi::new().await, Stub::new().await);
    let to_ui = Upstream::new("ui", &UpstreamSpec::at(&ui.url())).unwrap();
    let site = Site::by(&api, PlanSettings { ui: Some(to_ui), ..plan(&api, &[]) }).await;
    let site = site.with_member("ada").await;
    for path in ["/_next/hmr", "/_next/webpack-hmr?id=1"] {
        let mut client = site.client().await;
        let cookie = format!("{}; theme=dark", site.cookie());
        let fields = [&UPGRADE[..], &[("cookie", cookie.as_str()), ORIGIN]].concat();
        client.request("GET", path, &fields).await;
        let (mut upstream, asked) = ui.asked().await;
        assert_eq!(asked.line, format!("GET {path} HTTP/1.1"));
        assert_eq!((asked.text("host"), asked.text("origin")), ("localhost:3000", ORIGIN.1));
        assert_eq!((asked.text("cookie"), asked.has("authorization")), ("theme=dark", false));
        upstream.send(format!("{GRANTED}\r\n")).await;
        assert_eq!(client.head().await.status(), 101);
        talks(&mut client, &mut upstream).await;
    }
}

#[tokio::test]
async fn sockets_count_where_the_least_busy_address_is_looked_for() {
    let (api, one, other) = (TestApi::new().await, Stub::new().await, Stub::new().await);
    let spec = UpstreamSpec { addresses: vec![one.url(), other.url()], ..UpstreamSpec::at("") };
    let site = Site::by(&api, crate::wire::plan_over(&api, "/open/** = stub", &spec)).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        // In turn, as both have as much to do.
        for stub in [&one, &other] {
            let mut client = site.client().await;
            client.request("GET", "/open/x", &UPGRADE).await;
            let (mut upstream, _) = stub.asked().await;
            upstream.send(format!("{GRANTED}\r\n")).await;
            assert_eq!(client.head().await.status(), 101);
            open.push((client, upstream));
        }
    }
    let of_one: Vec<_> = open.into_iter().step_by(2).collect();
    for _ in 0..2 {
        // The other's are closed: it gets all that comes.
        let mut client = site.client().await;
        client.request("GET", "/open/x", &[]).await;
        let (mut upstream, _) = other.asked().await;
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
    }
    drop(of_one);
}
