//! Uploads and downloads on real sockets: limits, back pressure, `100-continue`, and clients that leave.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use vestibule_gateway::{PlanSettings, Size};

use crate::support::TestApi;
use crate::wire::{End, HOST, ORIGIN, Site, Stub, code, nowhere, plan};

const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

/// A site with somebody signed in, an open route and one with a token, each with these settings.
async fn stage(settings: &str) -> (TestApi, Stub, Site) {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let routes = [
        format!("/open/** = {} {settings}", stub.url()),
        format!("/api/x/** = {} {settings}", stub.url()),
    ];
    let site = Site::new(&api, &[&routes[0], &routes[1]]).await.with_member("ada").await;
    (api, stub, site)
}

#[tokio::test]
async fn rl_01_a_body_over_the_limit_is_413_before_the_upstream_hears_of_it() {
    let (_api, stub, site) = stage("body-limit=10").await;
    let cookie = site.cookie();
    for path in ["/open/x", "/api/x/y"] {
        let mut client = site.client().await;
        let fields = [ORIGIN, ("cookie", &*cookie)];
        client.request("POST", path, &[&fields[..], &[("content-length", "11")]].concat()).await;
        assert_eq!(code(&client.answer().await), (413, "body_too_large".to_owned()), "{path}");
        assert!(stub.is_left_alone().await);

        let mut client = site.client().await;
        client.request("POST", path, &[&fields[..], &[("content-length", "10")]].concat()).await;
        client.send("0123456789").await;
        let (mut upstream, head) = stub.asked().await;
        assert_eq!(head.text("content-length"), "10");
        assert_eq!(upstream.take(10).await, b"0123456789");
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200, "{path}: exactly at the limit");
    }
}

#[tokio::test]
async fn rl_01_a_body_of_unknown_length_is_413_and_never_a_shorter_one() {
    let (_api, stub, site) = stage("body-limit=10").await;
    let cookie = site.cookie();
    for path in ["/open/x", "/api/x/y"] {
        let mut client = site.client().await;
        client.request("POST", path, &[ORIGIN, ("cookie", &*cookie), CHUNKED]).await;
        client.send_chunk("01234567").await;
        let (mut upstream, _) = stub.asked().await;
        assert_eq!(upstream.chunk().await, "01234567");
        client.send_chunk("89x").await;
        assert_eq!(code(&client.answer().await), (413, "body_too_large".to_owned()), "{path}");
        upstream.is_closed().await;

        let mut client = site.client().await;
        client.request("POST", path, &[ORIGIN, ("cookie", &*cookie), CHUNKED]).await;
        client.send("4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n").await;
        let (mut upstream, _) = stub.asked().await;
        assert_eq!(upstream.chunks().await, b"0123456789", "{path}: exactly at the limit");
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn rl_01_the_limit_holds_over_http_2_as_well() {
    let (_api, stub, site) = stage("body-limit=10").await;
    let stream = TokioIo::new(TcpStream::connect(site.at).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = |body| {
        let request =
            http::Request::post(format!("http://{HOST}/open/x")).header(ORIGIN.0, ORIGIN.1);
        request.body(body).unwrap()
    };
    let answer = client.send_request(request(Body::from("0123456789x"))).await.unwrap();
    assert_eq!(answer.status().as_u16(), 413, "its length is known");
    assert!(stub.is_left_alone().await);
    let pieces =
        ["01234567", "89x"].map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
    let asking = client.send_request(request(Body::new(StreamBody::new(stream::iter(pieces)))));
    let (answer, mut upstream) = tokio::join!(asking, stub.next());
    assert_eq!(answer.unwrap().status().as_u16(), 413);
    let seen = String::from_utf8(upstream.rest().await).unwrap();
    assert!(!seen.contains("0\r\n\r\n"), "{seen:?}");
}

#[tokio::test]
async fn rl_01_where_a_route_says_nothing_the_sites_limit_holds() {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let plan = plan(&api, &[&format!("/open/** = {}", stub.url())]);
    let site = Site::by(&api, PlanSettings { body_limit: Size(100), ..plan }).await;
    for (path, size, status) in
        [("/open/x", "101", 413), ("/api/v1/user", "101", 413), ("/api/v1/user", "100", 422)]
    {
        let mut client = site.client().await;
        let kind = ("content-type", "application/json");
        client.request("POST", path, &[ORIGIN, kind, ("content-length", size)]).await;
        if status != 413 {
            client.send("[]".repeat(50)).await;
        }
        assert_eq!(client.answer().await.status, status, "{path} {size}");
    }
}

#[tokio::test]
async fn a_body_is_asked_for_only_when_it_is_wanted() {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let dead = nowhere().await;
    let routes = [
        format!("/open/** = {} body-limit=10", stub.url()),
        format!("/mine/** = {} guard=true", stub.url()),
        format!("/tier/** = {} tiers=7", stub.url()),
        format!("/dead/** = http://{dead}"),
        format!("/read/** = {} methods=GET", stub.url()),
    ];
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let site = Site::new(&api, &routes).await.with_member("ada").await;
    let cookie = site.cookie();
    let (cookie, expect) = (("cookie", cookie.as_str()), ("expect", "100-continue"));
    let (short, long) = (("content-length", "4"), ("content-length", "11"));
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);
    let cases: [Case<'_>; 6] = [
        ("/open/x", &[ORIGIN, expect, long], 413),
        ("/open/x", &[("origin", "https://evil.test"), expect, short], 403),
        ("/mine/x", &[ORIGIN, expect, short], 401),
        ("/tier/x", &[ORIGIN, cookie, expect, short], 403),
        ("/dead/x", &[ORIGIN, expect, short], 503),
        ("/read/x", &[ORIGIN, expect, short], 405),
    ];
    for (path, fields, status) in cases {
        let mut client = site.client().await;
        client.request("POST", path, fields).await;
        let head = client.head().await;
        assert_eq!(head.status(), status, "{path} {fields:?}");
        if status == 405 {
            assert_eq!(head.text("allow"), "GET");
        }
    }
    assert!(stub.is_left_alone().await);
    for fields in
        [&[ORIGIN, expect, short][..], &[ORIGIN, cookie, ("expect", "100-Continue"), short]]
    {
        for path in ["/open/x", "/mine/x"] {
            if path == "/mine/x" && !fields.contains(&cookie) {
                continue;
            }
            let mut client = site.client().await;
            client.request("POST", path, fields).await;
            let (mut upstream, head) = stub.asked().await;
            assert!(!head.has("expect"), "we have answered it: {head:?}");
            assert_eq!(client.head().await.line, "HTTP/1.1 100 Continue");
            client.send("body").await;
            assert_eq!(upstream.take(4).await, b"body");
            upstream
                .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .await;
            assert_eq!(client.answer().await.status, 200);
        }
    }
}

#[tokio::test]
async fn nobody_whose_session_is_over_is_asked_for_a_body() {
    let (api, stub, site) = stage("").await;
    // The access token has run out, and the refresh token is dead.
    assert_eq!(site.browser.clone().submit("/logout", &[]).await.status, 303);
    let other = Site::new(&api, &[&format!("/api/x/** = {}", stub.url())]).await;
    api.clock.advance(1801);
    let mut client = other.client().await;
    let cookie = site.cookie();
    client
        .request(
            "POST",
            "/api/x/y",
            &[ORIGIN, ("cookie", &*cookie), ("content-length", "4"), ("expect", "100-continue")],
        )
        .await;
    assert_eq!(client.head().await.status(), 401);
    assert!(stub.is_left_alone().await);
}

#[tokio::test]
async fn a_read_may_have_a_body_and_keeps_it() {
    let (_api, stub, site) = stage("").await;
    let cookie = site.cookie();
    for path in ["/open/x", "/api/x/y"] {
        let mut client = site.client().await;
        client.request("GET", path, &[("cookie", &*cookie), CHUNKED]).await;
        client.send("5\r\nquery\r\n0\r\n\r\n").await;
        let (mut upstream, _) = stub.asked().await;
        assert_eq!(upstream.chunks().await, b"query");
        upstream.answer_with("found").await;
        assert_eq!(client.answer().await.body, "found");
        client.request("GET", path, &[("cookie", &*cookie), ("content-length", "5")]).await;
        client.send("query").await;
        assert_eq!(upstream.head().await.text("content-length"), "5");
        assert_eq!(upstream.take(5).await, b"query");
        upstream
            .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nfound")
            .await;
        assert_eq!(client.answer().await.body, "found");
    }
}

#[tokio::test]
async fn f13_a_long_upload_may_take_as_long_as_it_moves() {
    let (_api, stub, site) = stage("head-timeout=5").await;
    let mut client = site.client().await;
    client.request("POST", "/open/x", &[ORIGIN, CHUNKED]).await;
    let (mut upstream, _) = stub.asked().await;
    // Two seconds are left for a busy machine each time; all of it stays below what a client may take.
    for _ in 0..8 {
        client.send_chunk("piece").await;
        assert_eq!(upstream.chunk().await, "piece");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3)).await;
        tokio::time::resume();
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(upstream.chunk().await, "");
    upstream.answer_with("all of it").await;
    assert_eq!(client.answer().await.body, "all of it");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_has_ended_is_passed_on() {
    let (_api, stub, site) = stage("").await;
    let mut client = site.client().await;
    client.request("POST", "/open/x", &[ORIGIN, CHUNKED]).await;
    client.send_chunk("first").await;
    let (mut upstream, _) = stub.asked().await;
    assert_eq!(upstream.chunk().await, "first");
    upstream.send("HTTP/1.1 422 No\r\nConnection: close\r\nContent-Length: 7\r\n\r\nrefused").await;
    assert_eq!(client.answer().await.says(), "422 refused");
    // A conversation both ways at once.
    let mut client = site.client().await;
    client.request("POST", "/open/x", &[ORIGIN, CHUNKED]).await;
    let (mut upstream, _) = stub.asked().await;
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
    for word in ["one", "two", "three"] {
        client.send_chunk(word).await;
        assert_eq!(upstream.chunk().await, word);
        upstream.send_chunk(word).await;
        assert_eq!(client.chunk().await, word);
    }
}

/// Sends until nothing more is taken for a while; how much it was, in MiB.
async fn sends_until_stuck(end: &mut End) -> usize {
    let piece = vec![b'x'; 1 << 20];
    let mut sent = 0;
    let stuck = Duration::from_millis(700);
    while sent < 512 {
        match timeout(stuck, end.stream.write_all(&piece)).await {
            Ok(written) => written.unwrap(),
            Err(_) => break,
        }
        sent += 1;
    }
    sent
}

#[tokio::test]
async fn rl_07_whoever_reads_slowly_slows_the_other_side_down() {
    let (_api, stub, site) = stage("").await;
    let size = (1 << 30).to_string();
    let mut client = site.client().await;
    client.request("POST", "/open/x", &[ORIGIN, ("content-length", &size)]).await;
    let (mut upstream, _) = stub.asked().await;
    let sent = sends_until_stuck(&mut client).await;
    assert!((1..64).contains(&sent), "{sent} MiB are more than what sockets hold");
    // Not for ever: as one reads, the other may go on.
    upstream.take(sent << 20).await;
    assert_ne!(sends_until_stuck(&mut client).await, 0);

    let mut client = site.client().await;
    client.request("GET", "/open/x", &[]).await;
    let (mut upstream, _) = stub.asked().await;
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")).await;
    let sent = sends_until_stuck(&mut upstream).await;
    assert!((1..64).contains(&sent), "{sent} MiB");
    client.head().await;
    client.take(sent << 20).await;
    assert_ne!(sends_until_stuck(&mut upstream).await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    let (_api, stub, site) = stage("").await;
    let cookie = site.cookie();
    for path in ["/open/x", "/api/x/y"] {
        for crashes in [false, true] {
            let leave = |client: End| if crashes { client.reset() } else { drop(client) };
            let fields = [ORIGIN, ("cookie", &*cookie)];
            // While it sends.
            let mut client = site.client().await;
            client.request("POST", path, &[&fields[..], &[CHUNKED]].concat()).await;
            client.send_chunk("half").await;
            let (mut upstream, _) = stub.asked().await;
            assert_eq!(upstream.chunk().await, "half");
            leave(client);
            upstream.is_closed().await;
            // While it waits.
            let mut client = site.client().await;
            client.request("GET", path, &fields).await;
            let (mut upstream, _) = stub.asked().await;
            leave(client);
            upstream.is_closed().await;
            // While it reads.
            let mut client = site.client().await;
            client.request("GET", path, &fields).await;
            let (mut upstream, _) = stub.asked().await;
            upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").await;
            assert_eq!(client.head().await.status(), 200);
            client.take(4).await;
            leave(client);
            upstream.is_closed().await;
        }
    }
}

#[tokio::test]
async fn a_client_of_http_2_that_leaves_takes_its_request_along() {
    let (_api, stub, site) = stage("").await;
    let stream = TokioIo::new(TcpStream::connect(site.at).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{HOST}/open/x")).body(Body::empty()).unwrap();
    let mut asking = Box::pin(client.send_request(request));
    let mut upstream = tokio::select! {
        (upstream, _) = stub.asked() => upstream,
        _ = &mut asking => panic!("nobody has answered"),
    };
    drop(asking);
    upstream.is_closed().await;
}

#[tokio::test]
async fn an_upstream_that_refuses_a_large_body_and_hangs_up_is_heard() {
    let (_api, stub, site) = stage("").await;
    for _ in 0..10 {
        let mut client = site.client().await;
        let headers = [ORIGIN, ("content-length", "8388608"), ("connection", "close")];
        client.request("POST", "/open/x", &headers).await;
        let (mut upstream, _) = stub.asked().await;
        let (mut reader, mut writer) = client.stream.into_split();
        let sending = tokio::spawn(async move {
            for _ in 0..128 {
                let _ = writer.write_all(&[b'x'; 65536]).await;
            }
            writer
        });
        upstream.take(1 << 20).await;
        upstream
            .send("HTTP/1.1 413 Theirs\r\nConnection: close\r\nContent-Length: 6\r\n\r\ntheirs")
            .await;
        drop(upstream);
        let mut seen = String::new();
        let read = timeout(Duration::from_secs(10), reader.read_to_string(&mut seen)).await;
        sending.abort();
        assert!(seen.ends_with("theirs"), "{read:?} {seen}");
    }
}
