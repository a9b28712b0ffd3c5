//! What is spoken to upstreams and by clients: HTTP/1.1 and HTTP/2, with TLS and without, over TCP and Unix sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http::{HeaderMap, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::Semaphore;
use vestibule_gateway::UpstreamSpec;

use crate::authority::Authority;
use crate::support::{Folder, TestApi, until};
use crate::wire::{HOST, ORIGIN, Site, Stub, code, h2c, plan_over};

/// Says what it was asked in.
fn mirror() -> Router {
    Router::new().fallback(async |request: Request| {
        let (head, body) = request.into_parts();
        let host = head.headers.get("host").map(|host| host.to_str().unwrap().to_owned());
        let authority = head.uri.authority().map(|authority| authority.to_string());
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        assert!(trailers.keys().all(|name| name == "x-sum"), "{trailers:?}");
        let sum = trailers.get("x-sum").map_or("", |sum| sum.to_str().unwrap()).to_owned();
        let host = host.or(authority).unwrap_or_default();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        format!("{:?} {} {} {host} {text}{sum}", head.version, head.method, head.uri.path())
    })
}

/// A site in front of one upstream.
async fn site_over(spec: UpstreamSpec) -> (TestApi, Site) {
    let api = TestApi::new().await;
    let site =
        Site::by(&api, plan_over(&api, "/api/x/** = stub", &spec)).await.with_member("ada").await;
    (api, site)
}

fn https(port: u16, ca: Option<std::path::PathBuf>) -> UpstreamSpec {
    UpstreamSpec { ca, ..UpstreamSpec::at(&format!("https://localhost:{port}")) }
}

#[tokio::test]
async fn an_upstream_is_spoken_to_in_what_it_speaks_best() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let ca = authority.file(&folder, "ca.pem");
    let signed = authority.sign("localhost");
    let both = signed.serve(mirror(), &["h2", "http/1.1"], None).await;
    let old = signed.serve(mirror(), &["http/1.1"], None).await;
    let silent = signed.serve(mirror(), &[], None).await;
    let plain = h2c(mirror()).await;
    for (spec, version, host) in [
        (https(both.port(), Some(ca.clone())), "HTTP/2.0", format!("localhost:{}", both.port())),
        (https(old.port(), Some(ca.clone())), "HTTP/1.1", format!("localhost:{}", old.port())),
        (https(silent.port(), Some(ca)), "HTTP/1.1", format!("localhost:{}", silent.port())),
        (UpstreamSpec::at(&format!("h2c://{plain}")), "HTTP/2.0", plain.to_string()),
        (UpstreamSpec::at(&format!("http://{plain}")), "HTTP/1.1", plain.to_string()),
    ] {
        let (_api, mut site) = site_over(spec.clone()).await;
        let answer = site.browser.fetch("GET", "/api/x/1", None).await;
        assert_eq!(answer.says(), format!("200 {version} GET /api/x/1 {host} "), "{spec:?}");
        let answer = site.browser.fetch("POST", "/api/x/2", Some(&"body".into())).await;
        assert_eq!(
            answer.says(),
            format!("200 {version} POST /api/x/2 {host} \"body\""),
            "{spec:?}"
        );
        let cookie = site.cookie();
        let mut client = site.client().await;
        client
            .request(
                "POST",
                "/api/x/3",
                &[
                    ("cookie", &cookie),
                    ("transfer-encoding", "chunked"),
                    ("origin", "http://localhost:3000"),
                    ("trailer", "x-sum"),
                ],
            )
            .await;
        client.send("3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!(answer.says(), format!("200 {version} POST /api/x/3 {host} abc6"), "{spec:?}");
    }
}

#[tokio::test]
async fn tl_02_an_upstream_that_cannot_prove_its_name_is_an_outage_and_gets_nothing() {
    let (folder, authority, other) = (Folder::new(), Authority::new(), Authority::new());
    let (ca, others) = (authority.file(&folder, "ca.pem"), other.file(&folder, "other.pem"));
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let counts = Router::new().fallback(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { "reached" }
    });
    let cases = [
        ("the right one", authority.sign("localhost"), Some(&ca), true),
        ("wrong name", authority.sign("localhost.evil.test"), Some(&ca), false),
        ("expired", authority.sign_until("localhost", 2020), Some(&ca), false),
        ("wrong authority", authority.sign("localhost"), Some(&others), false),
        ("unknown to the system", authority.sign("localhost"), None, false),
    ];
    for (what, signed, ca, works) in cases {
        let at = signed.serve(counts.clone(), &["h2", "http/1.1"], None).await;
        let (_api, mut site) = site_over(https(at.port(), ca.cloned())).await;
        let answer = site.browser.fetch("GET", "/api/x/1", None).await;
        if works {
            assert_eq!(answer.says(), "200 reached", "{what}");
        } else {
            assert_eq!(code(&answer), (503, "upstream_unreachable".to_owned()), "{what}");
        }
        assert!(site.browser.is_signed_in(), "{what}: an outage signs nobody out");
        assert_eq!(asked.swap(0, Ordering::SeqCst), u32::from(works), "{what}");
    }
}

#[tokio::test]
async fn tl_02_a_certificate_for_an_address_is_checked_as_one() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let ca = authority.file(&folder, "ca.pem");
    for (name, works) in [("127.0.0.1", true), ("localhost", false)] {
        let at = authority.sign(name).serve(mirror(), &["h2"], None).await;
        let spec =
            UpstreamSpec { ca: Some(ca.clone()), ..UpstreamSpec::at(&format!("https://{at}")) };
        let (_api, mut site) = site_over(spec).await;
        let status = if works { 200 } else { 503 };
        assert_eq!(site.browser.fetch("GET", "/api/x/1", None).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn an_upstream_that_asks_for_a_certificate_is_shown_ours() {
    let (folder, authority, clients) = (Folder::new(), Authority::new(), Authority::new());
    let ca = Some(authority.file(&folder, "ca.pem"));
    let at = authority.sign("localhost").serve(mirror(), &["h2", "http/1.1"], Some(&clients)).await;
    let spec = |signed: Option<(std::path::PathBuf, std::path::PathBuf)>| {
        let (client_cert, client_key) = signed.unzip();
        UpstreamSpec { client_cert, client_key, ..https(at.port(), ca.clone()) }
    };
    for (files, works) in [
        (Some(clients.sign("gateway").files(&folder)), true),
        (None, false),
        (Some(authority.sign("gateway").files(&Folder::new())), false),
    ] {
        if files.as_ref().is_some_and(|(certificate, _)| !certificate.exists()) {
            // Files that have gone are told at the start, not at the first request.
            let error =
                vestibule_gateway::Upstream::new("x", &spec(files)).unwrap_err().to_string();
            assert!(error.contains("client.pem"), "{error}");
            continue;
        }
        let (_api, mut site) = site_over(spec(files)).await;
        let answer = site.browser.fetch("GET", "/api/x/1", None).await;
        // With TLS 1.3 a client learns only from the first answer that it is refused.
        let is_outage = matches!(answer.status, 502 | 503);
        assert!(if works { answer.status == 200 } else { is_outage }, "{answer}");
        assert!(site.browser.is_signed_in());
    }
}

#[tokio::test]
async fn a_socket_to_an_upstream_that_prefers_http_2_is_asked_for_in_http_1_1() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let router = Router::new().fallback(async |mut request: Request| {
        let version = request.version();
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
                tokio::io::copy(&mut reader, &mut writer).await
            } else {
                Ok(0)
            }
        });
        let head = [("upgrade", "websocket"), ("connection", "upgrade")];
        let status = if version == Version::HTTP_11 {
            StatusCode::SWITCHING_PROTOCOLS
        } else {
            StatusCode::OK
        };
        (status, head)
    });
    let at = authority.sign("localhost").serve(router, &["h2", "http/1.1"], None).await;
    let (_api, mut site) =
        site_over(https(at.port(), Some(authority.file(&folder, "ca.pem")))).await;
    // There is a connection of HTTP/2 already.
    assert_eq!(site.browser.fetch("GET", "/api/x/1", None).await.status, 200);
    let (mut client, cookie) = (site.client().await, site.cookie());
    let upgrade =
        [("connection", "upgrade"), ("upgrade", "websocket"), ("cookie", &*cookie), ORIGIN];
    client.request("GET", "/api/x/socket", &upgrade).await;
    assert_eq!(client.head().await.status(), 101);
    client.send("there and back").await;
    assert_eq!(client.take(14).await, b"there and back");
}

#[tokio::test]
async fn an_upstream_may_listen_on_a_socket_of_this_machine() {
    let folder = Folder::new();
    let path = folder.path().join("app.sock");
    let spec = UpstreamSpec::at(&format!("unix:{}", path.display()));
    let (_api, mut site) = site_over(spec).await;
    let absent = site.browser.fetch("GET", "/api/x/1", None).await;
    assert_eq!(code(&absent), (503, "upstream_unreachable".to_owned()));

    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move { axum::serve(listener, mirror()).await });
    let answer = site.browser.fetch("PUT", "/api/x/1", Some(&1.into())).await;
    assert_eq!(answer.says(), "200 HTTP/1.1 PUT /api/x/1 localhost 1");
}

/// A client of HTTP/2 without TLS.
async fn h2_client(site: &Site) -> http2::SendRequest<Body> {
    let stream = TokioIo::new(TcpStream::connect(site.at).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn clients_of_http_2_are_served_alike_whatever_the_upstream_speaks() {
    let at = h2c(mirror()).await;
    let api = TestApi::new().await;
    let routes = [format!("/one/** = http://{at}"), format!("/two/** = h2c://{at}")];
    let site = Site::new(&api, &[&routes[0], &routes[1]]).await.with_member("ada").await;
    let mut client = h2_client(&site).await;
    for (path, spoken) in [("/one/a", "HTTP/1.1"), ("/two/a", "HTTP/2.0")] {
        let trailers = [("x-sum", "9"), ("x-forwarded-for", "1.2.3.4"), ("authorization", "x")];
        let trailers =
            trailers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let trailers = HeaderMap::from_iter(trailers);
        let frames = [Frame::data(Bytes::from("abc")), Frame::trailers(trailers)];
        let frames = stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
        let request = http::Request::post(format!("http://{HOST}{path}"))
            .header("cookie", site.cookie())
            .header("origin", "http://localhost:3000")
            .header("trailer", "x-sum, x-forwarded-for, authorization")
            .body(Body::new(StreamBody::new(frames)));
        let answer = client.send_request(request.unwrap()).await.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("{spoken} POST {path} {HOST} abc9"));
    }
}

#[tokio::test]
async fn trailers_of_an_upstream_reach_clients_of_http_2_without_what_only_a_head_may_say() {
    let router = Router::new().fallback(async |request: Request| {
        let te = request.headers().get("te").map(|te| te.to_str().unwrap().to_owned());
        let trailers =
            [("grpc-status", "0"), ("set-cookie", "vestibule=evil"), ("x-vestibule-user", "x")];
        let trailers: HeaderMap = trailers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let frames = [Frame::data(Bytes::from(te.unwrap_or_default())), Frame::trailers(trailers)];
        let frames = stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
        Body::new(StreamBody::new(frames))
    });
    let at = h2c(router).await;
    let api = TestApi::new().await;
    let site = Site::new(&api, &[&format!("/grpc/** = h2c://{at}")]).await;
    let mut client = h2_client(&site).await;
    let request = http::Request::get(format!("http://{HOST}/grpc/x")).header("te", "trailers");
    let answer = client.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap();
    let trailers = body.trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers.len(), 1, "{trailers:?}");
    assert_eq!(body.to_bytes(), "trailers");
}

#[tokio::test]
async fn cs_06_a_stream_over_http_2_is_opened_by_our_own_pages_alone() {
    let api = TestApi::new().await;
    let at = h2c(mirror()).await;
    let site =
        Site::new(&api, &[&format!("/api/x/** = http://{at}")]).await.with_member("ada").await;
    let mut client = h2_client(&site).await;
    for (name, value, status) in [
        ("origin", "http://localhost:3000", 200),
        ("sec-fetch-site", "same-origin", 200),
        ("origin", "https://evil.test", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("x-none", "1", 403),
    ] {
        let request = http::Request::get(format!("http://{HOST}/api/x/events"))
            .header("cookie", site.cookie())
            .header("accept", "text/event-stream")
            .header(name, value);
        let answer = client.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{name}: {value}");
    }
}

#[tokio::test]
async fn more_requests_than_one_connection_of_http_2_takes_go_on_another() {
    let (gate, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
    let router = {
        let (gate, waiting) = (gate.clone(), waiting.clone());
        Router::new().fallback(move || async move {
            waiting.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
        })
    };
    let at = h2c(router).await;
    let api = TestApi::new().await;
    let site = Site::new(&api, &[&format!("/open/** = h2c://{at}")]).await;
    let asking = join_all((0..250).map(|_| site.ask("GET", "/open/x", &[])));
    let freeing = async {
        until(async || waiting.load(Ordering::SeqCst) == 250).await;
        gate.add_permits(250);
    };
    let (answers, ()) = tokio::join!(asking, freeing);
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn f29_no_connection_takes_requests_for_more_than_a_minute_so_names_are_looked_up_again() {
    let (api, old) = (TestApi::new().await, Stub::new().await);
    let site = Site::new(&api, &[&format!("/open/** = {}", old.url())]).await;
    let mut client = site.client().await;
    client.request("GET", "/open/1", &[]).await;
    let (mut upstream, _) = old.asked().await;
    upstream.answer_with("old").await;
    assert_eq!(client.answer().await.body, "old");
    let at = old.at;
    drop(old);
    // Busy all the time, so that it is never idle for too long.
    for _ in 1..60 {
        pass_a_second().await;
        client.request("GET", "/open/2", &[]).await;
        assert_eq!(upstream.head().await.line, "GET /open/2 HTTP/1.1");
        upstream.answer_with("old").await;
        assert_eq!(client.answer().await.body, "old");
    }
    let new = Stub::on(at).await;
    pass_a_second().await;
    client.request("GET", "/open/3", &[]).await;
    let (mut moved, _) = new.asked().await;
    moved.answer_with("new").await;
    assert_eq!(client.answer().await.body, "new");
    upstream.is_closed().await;
}

#[tokio::test]
async fn rl_07_a_connection_is_let_go_though_no_other_request_comes_to_find_it_unused() {
    let (api, stub) = (TestApi::new().await, Stub::new().await);
    let site = Site::new(&api, &[&format!("/open/** = {}", stub.url())]).await;
    let mut client = site.client().await;
    client.request("GET", "/open/1", &[]).await;
    let (mut upstream, _) = stub.asked().await;
    upstream.answer_with("once").await;
    assert_eq!(client.answer().await.body, "once");
    pass(Duration::from_secs(3)).await;
    client.request("GET", "/open/2", &[]).await;
    assert_eq!(upstream.head().await.line, "GET /open/2 HTTP/1.1", "it was kept until now");
    upstream.answer_with("twice").await;
    assert_eq!(client.answer().await.body, "twice");
    for _ in 0..3 {
        pass(Duration::from_secs(3)).await;
    }
    upstream.is_closed().await;
}

async fn pass_a_second() {
    pass(Duration::from_secs(1)).await;
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
