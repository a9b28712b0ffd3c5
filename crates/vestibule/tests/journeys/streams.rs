//! Server-sent events and other answers that come piece by piece, on real sockets.

use std::time::Duration;

use tokio::time::Instant;
use vestibule_api::ApiSettings;
use vestibule_types::Secret;

use crate::support::{NOW, TestApi};
use crate::wire::{End, Head, Site, Stub};

const EVENTS: (&str, &str) = ("accept", "text/event-stream");
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// A site with somebody signed in, and an API of streams.
async fn stage(settings: &str) -> (TestApi, Stub, Site) {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let site = Site::new(&api, &[&format!("/api/chat/** = {} {settings}", stub.url())]).await;
    let site = site.with_member("ada").await;
    (api, stub, site)
}

/// A client that follows events, the upstream's end, and what the client was told.
async fn follow(site: &Site, stub: &Stub, fields: &[(&str, &str)]) -> (End, End, Head) {
    let cookie = site.cookie();
    let mut client = site.client().await;
    let fields = [&[("cookie", cookie.as_str()), EVENTS, SAME_ORIGIN], fields].concat();
    client.request("GET", "/api/chat/1", &fields).await;
    let (mut upstream, asked) = stub.asked().await;
    assert!(asked.bearer().is_some(), "{asked:?}");
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n").await;
    upstream.send("Transfer-Encoding: chunked\r\n\r\n").await;
    let head = client.head().await;
    (client, upstream, head)
}

#[tokio::test]
async fn an_event_is_at_the_client_before_the_next_one_is_made() {
    let (_api, stub, site) = stage("").await;
    for fields in [&[][..], &[("accept-encoding", "gzip, br")]] {
        let (mut client, mut upstream, head) = follow(&site, &stub, fields).await;
        assert_eq!((head.status(), head.text("content-encoding")), (200, ""), "{head:?}");
        for number in 0..100 {
            let event = format!("data: {number}\n\n");
            upstream.send_chunk(&event).await;
            // The next one is not sent before.
            assert_eq!(client.chunk().await, event);
        }
        upstream.send("0\r\n\r\n").await;
        assert_eq!(client.chunk().await, "");
    }
}

#[tokio::test]
async fn a_compressed_stream_passes_byte_for_byte_and_at_once() {
    let (_api, stub, site) = stage("").await;
    let cookie = site.cookie();
    let mut client = site.client().await;
    let fields = [("cookie", &*cookie), EVENTS, SAME_ORIGIN, ("accept-encoding", "gzip")];
    client.request("GET", "/api/chat/1", &fields).await;
    let (mut upstream, asked) = stub.asked().await;
    assert_eq!(asked.text("accept-encoding"), "gzip");
    upstream
        .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n")
        .await;
    upstream.send("Vary: Accept-Encoding\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.text("content-encoding"), head.text("vary")), ("gzip", "Accept-Encoding"));
    for piece in [&[0x1f, 0x8b, 8, 0][..], &[0, 0, 0, 0, 0, 0xff], &[0x4b]] {
        upstream.send(piece).await;
        assert_eq!(client.chunk().await, piece);
    }
}

#[tokio::test]
async fn f13_a_stream_of_events_may_be_silent_where_another_answer_may_not() {
    // However it was asked for: chats are posted by scripts that take anything.
    for (kind, may) in
        [("text/event-stream", true), ("Text/Event-Stream;x=y", true), ("text/plain", false)]
    {
        let (_api, stub, site) = stage("").await;
        let cookie = site.cookie();
        let mut client = site.client().await;
        let fields =
            [("cookie", &*cookie), ("accept", "*/*"), SAME_ORIGIN, ("content-length", "2")];
        client.request("POST", "/api/chat/1", &fields).await;
        client.send("{}").await;
        let (mut upstream, _) = stub.asked().await;
        upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\nfirst")).await;
        assert_eq!(client.head().await.status(), 200);
        assert_eq!(client.chunk().await, "first");
        // The limit is a minute.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3600)).await;
        tokio::time::resume();
        if may {
            upstream.send("second").await;
            assert_eq!(client.chunk().await, "second");
        } else {
            client.is_closed().await;
            upstream.is_closed_after("{}").await;
        }
    }
}

#[tokio::test]
async fn f13_a_stream_is_broken_off_after_the_silence_that_its_route_sets() {
    let (_api, stub, site) = stage("idle-timeout=1").await;
    let (mut client, mut upstream, _) = follow(&site, &stub, &[]).await;
    upstream.send_chunk("data: 1\n\n").await;
    assert_eq!(client.chunk().await, "data: 1\n\n");
    let began = Instant::now();
    client.is_closed().await;
    upstream.is_closed().await;
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

#[tokio::test]
async fn f13_each_piece_of_a_stream_begins_its_silence_anew() {
    let (_api, stub, site) = stage("idle-timeout=30").await;
    let (mut client, mut upstream, _) = follow(&site, &stub, &[]).await;
    for piece in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        upstream.send_chunk(piece).await;
        assert_eq!(client.chunk().await, piece);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(20)).await;
        tokio::time::resume();
    }
    upstream.send_chunk("data: 4\n\n").await;
    assert_eq!(client.chunk().await, "data: 4\n\n");
}

#[tokio::test]
async fn rv_10_a_sign_out_in_another_tab_ends_the_stream_and_the_request_behind_it() {
    let (_api, stub, mut site) = stage("").await;
    let (mut client, mut upstream, _) = follow(&site, &stub, &[]).await;
    upstream.send_chunk("data: 1\n\n").await;
    assert_eq!(client.chunk().await, "data: 1\n\n");
    assert_eq!(site.browser.submit("/logout", &[]).await.status, 303);
    assert_eq!(
        client.chunk().await,
        "",
        "it ends as a stream ends: the browser asks anew, and is told 401"
    );
    upstream.is_closed().await;
}

#[tokio::test]
async fn rv_10_a_stream_ends_when_the_feed_says_that_its_session_is_over() {
    let key = || Secret::from_random([9; 32]);
    let settings =
        ApiSettings { throttle: false, feed_keys: vec![key()], ..ApiSettings::default() };
    let (api, stub) = (TestApi::with(settings).await, Stub::new().await);
    let route = format!("/api/chat/** = {}", stub.url());
    let (site, elsewhere) = (Site::new(&api, &[&route]).await, Site::new(&api, &[]).await);
    assert_eq!(site.gateway.follow_revocations(&key()).await, Ok(true));
    let site = site.with_member("ada").await;
    let (mut client, mut upstream, _) = follow(&site, &stub, &[]).await;
    upstream.send_chunk("data: 1\n\n").await;
    assert_eq!(client.chunk().await, "data: 1\n\n");

    // Another gateway with the same keys: this one learns of it from the API alone.
    let mut browser = elsewhere.browser.clone();
    browser.jar = site.browser.jar.clone();
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    assert_eq!(client.chunk().await, "");
    upstream.is_closed().await;
}

#[tokio::test]
async fn rv_10_a_stream_ends_with_the_last_second_of_its_session() {
    let settings = ApiSettings {
        throttle: false,
        access_ttl: 2,
        refresh_ttl: 2,
        short_ttl: 2,
        ..ApiSettings::default()
    };
    let (api, stub) = (TestApi::with(settings).await, Stub::new().await);
    assert_eq!(api.clock.now(), NOW);
    let site = Site::new(&api, &[&format!("/api/chat/** = {}", stub.url())]).await;
    let site = site.with_member("ada").await;
    let (mut client, mut upstream, _) = follow(&site, &stub, &[]).await;
    let began = Instant::now();
    assert_eq!(client.chunk().await, "");
    assert!(began.elapsed() > Duration::from_millis(1500), "{:?}", began.elapsed());
    upstream.is_closed().await;
}

#[tokio::test]
async fn f26_streams_end_when_the_server_is_told_to_stop() {
    let (_api, stub, site) = stage("").await;
    let (mut client, mut upstream, _) = follow(&site, &stub, &[]).await;
    let (mut stranger, mut other, _) = {
        let mut client = site.client().await;
        client.request("GET", "/api/chat/1", &[EVENTS]).await;
        let (mut upstream, _) = stub.asked().await;
        upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
        let head = client.head().await;
        (client, upstream, head)
    };
    site.begin_to_stop();
    for (client, upstream) in [(&mut client, &mut upstream), (&mut stranger, &mut other)] {
        assert_eq!(client.chunk().await, "");
        upstream.is_closed().await;
    }
    tokio::time::timeout(Duration::from_secs(5), site.stop())
        .await
        .expect("nothing is left to wait for");
}

#[tokio::test]
async fn a_stream_that_its_client_leaves_is_left_by_the_gateway() {
    let (_api, stub, site) = stage("").await;
    for crashes in [false, true] {
        let (mut client, mut upstream, _) = follow(&site, &stub, &[]).await;
        upstream.send_chunk("data: 1\n\n").await;
        assert_eq!(client.chunk().await, "data: 1\n\n");
        if crashes {
            client.reset();
        } else {
            drop(client);
        }
        upstream.is_closed().await;
    }
}

#[tokio::test]
async fn trailers_of_a_stream_pass_if_they_were_announced_and_are_harmless() {
    let (_api, stub, site) = stage("").await;
    let cookie = site.cookie();
    let mut client = site.client().await;
    let fields = [("cookie", &*cookie), EVENTS, SAME_ORIGIN, ("te", "trailers")];
    client.request("GET", "/api/chat/1", &fields).await;
    let (mut upstream, _) = stub.asked().await;
    upstream
        .send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n",
        )
        .await;
    upstream.send("Trailer: x-sum, set-cookie, content-length\r\n\r\n").await;
    upstream.send_chunk("data: 1\n\n").await;
    upstream
        .send("0\r\nx-sum: 7\r\nset-cookie: vestibule=evil\r\ncontent-length: 3\r\nx-other: 1\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.until("0\r\n").await, "9\r\ndata: 1\n\n\r\n0\r\n");
    assert_eq!(client.until("\r\n\r\n").await, "x-sum: 7\r\n\r\n");

    // Trailers that nobody announced are dropped, and the answer ends all the same.
    client.request("GET", "/api/chat/1", &fields).await;
    let _asked_on_the_same_connection = upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    upstream.send_chunk("whole").await;
    upstream.send("0\r\nx-sum: 7\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "whole");
    client.request("GET", "/api/chat/1", &fields).await;
    upstream.head().await;
    upstream.answer_with("next").await;
    assert_eq!(client.answer().await.body, "next");
}
