//! Several addresses of one upstream, and what becomes of requests when some of them fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use futures_util::future::join_all;
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use vestibule_gateway::{HealthCheck, UpstreamSpec};

use crate::support::{TestApi, until};
use crate::wire::{ORIGIN, Site, Stub, code, h2c, nowhere, plan_over};

/// A site in front of an upstream of these addresses.
async fn site_over(
    addresses: &[String],
    route: &str,
    alter: impl FnOnce(&mut UpstreamSpec),
) -> Site {
    let api = TestApi::new().await;
    let mut spec = UpstreamSpec { addresses: addresses.to_vec(), ..UpstreamSpec::at("") };
    alter(&mut spec);
    Site::by(&api, plan_over(&api, &format!("/open/** = stub {route}"), &spec)).await
}

/// An upstream that says its name and counts, and fails while it is told to.
#[derive(Clone, Default)]
struct Server {
    asked: Arc<AtomicU32>,
    checked: Arc<AtomicU32>,
    is_ill: Arc<AtomicBool>,
}

impl Server {
    async fn listens(&self, name: &'static str) -> String {
        let server = self.clone();
        let router = Router::new().fallback(move |request: Request| {
            let server = server.clone();
            async move {
                if request.uri().path() == "/health" {
                    server.checked.fetch_add(1, Ordering::SeqCst);
                    let is_ill = server.is_ill.load(Ordering::SeqCst);
                    return if is_ill {
                        Err(StatusCode::SERVICE_UNAVAILABLE)
                    } else {
                        Ok("fine".into())
                    };
                }
                server.asked.fetch_add(1, Ordering::SeqCst);
                let body = request.into_body().collect().await.unwrap().to_bytes();
                Ok(format!("{name} {}", String::from_utf8_lossy(&body)))
            }
        });
        format!("http://{}", h2c(router).await)
    }

    fn asked(&self) -> u32 {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn equals_take_turns_and_the_least_busy_goes_first() {
    let (one, other) = (Stub::new().await, Stub::new().await);
    let site = site_over(&[one.url(), other.url()], "", |_| ()).await;
    let mut first = site.client().await;
    first.request("GET", "/open/slow", &[]).await;
    let (_held, _) = one.asked().await;
    for _ in 0..3 {
        let mut client = site.client().await;
        client.request("GET", "/open/quick", &[]).await;
        let (mut upstream, _) = other.asked().await;
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn what_could_not_be_sent_to_one_address_goes_to_the_next_with_its_body() {
    let server = Server::default();
    let dead = [nowhere().await, nowhere().await].map(|at| format!("http://{at}"));
    let addresses = [dead[0].clone(), dead[1].clone(), server.listens("alive").await];
    let site = site_over(&addresses, "", |_| ()).await;
    let large = "x".repeat(300_000);
    for _ in 0..3 {
        assert_eq!(site.ask("GET", "/open/x", &[]).await.says(), "200 alive ");
        let mut client = site.client().await;
        client.request("POST", "/open/x", &[ORIGIN, ("content-length", "300000")]).await;
        client.send(&large).await;
        assert_eq!(client.answer().await.body, format!("alive {large}"));
        client.request("POST", "/open/x", &[ORIGIN, ("transfer-encoding", "chunked")]).await;
        for piece in ["in ", "three ", "pieces"] {
            client.send_chunk(piece).await;
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(client.answer().await.body, "alive in three pieces");
    }
    assert_eq!(server.asked(), 9, "each was sent once");
}

#[tokio::test]
async fn an_address_that_keeps_failing_is_passed_over_for_a_while_and_comes_back() {
    let (broken, server) = (Stub::new().await, Server::default());
    let site = site_over(&[broken.url(), server.listens("well").await], "", |_| ()).await;
    // Connected to, and then nothing: what was sent can't be sent again.
    let mut failures = 0;
    while failures < 3 {
        let mut client = site.client().await;
        client.request("POST", "/open/x", &[ORIGIN, ("content-length", "0")]).await;
        tokio::select! {
            (end, _) = broken.asked() => { drop(end); failures += 1; }
            answer = client.answer() => { assert_eq!(answer.status, 200); continue; }
        }
        assert_eq!(code(&client.answer().await), (502, "upstream_broken".to_owned()));
    }
    server.asked();
    for _ in 0..10 {
        assert_eq!(site.ask("GET", "/open/x", &[]).await.says(), "200 well ");
    }
    assert_eq!(server.asked(), 10, "nobody is sent to the broken one");

    pass(Duration::from_millis(1100)).await;
    // One finds out; until it has, the others go elsewhere.
    let mut asks: Vec<_> = Vec::new();
    for _ in 0..4 {
        let mut client = site.client().await;
        client.request("GET", "/open/x", &[]).await;
        asks.push(client);
    }
    let (mut back, _) = broken.asked().await;
    until(async || server.asked.load(Ordering::SeqCst) == 3).await;
    assert!(broken.is_left_alone().await);
    back.answer_with("back").await;
    let answers = join_all(asks.iter_mut().map(|client| client.answer())).await;
    assert_eq!(answers.iter().filter(|answer| answer.body == "back").count(), 1);
    // It works, so it has its turn again.
    let mut client = site.client().await;
    for _ in 0..2 {
        client.request("GET", "/open/x", &[]).await;
        tokio::select! {
            _ = back.head() => back.answer_with("back").await,
            answer = client.answer() => { assert_eq!(answer.body, "well "); continue; }
        }
        assert_eq!(client.answer().await.body, "back");
    }
}

#[tokio::test]
async fn a_health_check_takes_addresses_out_and_in() {
    let (one, other) = (Server::default(), Server::default());
    let addresses = [one.listens("one").await, other.listens("other").await];
    let site = site_over(&addresses, "", |spec| {
        spec.health = Some(HealthCheck { path: "/health".to_owned(), every: 1 });
    })
    .await;
    let checked_again = async |server: &Server| {
        let before = server.checked.load(Ordering::SeqCst);
        // The first may have begun before.
        until(async || server.checked.load(Ordering::SeqCst) >= before + 2).await;
    };
    one.is_ill.store(true, Ordering::SeqCst);
    checked_again(&one).await;
    for _ in 0..6 {
        assert_eq!(site.ask("GET", "/open/x", &[]).await.body, "other ");
    }
    other.is_ill.store(true, Ordering::SeqCst);
    checked_again(&other).await;
    let answer = site.ask("GET", "/open/x", &[]).await;
    assert_eq!(code(&answer), (503, "upstream_failing".to_owned()));
    assert_eq!((one.asked(), other.asked()), (0, 6));

    one.is_ill.store(false, Ordering::SeqCst);
    until(async || site.ask("GET", "/open/x", &[]).await.status == 200).await;
    assert_eq!(site.ask("GET", "/open/x", &[]).await.body, "one ");
}

#[tokio::test]
async fn f14_when_all_are_down_it_is_said_at_once_and_other_upstreams_do_not_notice() {
    let api = TestApi::new().await;
    let server = Server::default();
    let dead = [nowhere().await, nowhere().await].map(|at| format!("http://{at}"));
    let spec = UpstreamSpec { addresses: dead.to_vec(), ..UpstreamSpec::at("") };
    let mut plan = plan_over(&api, "/dead/** = stub", &spec);
    let alive = UpstreamSpec::at(&server.listens("alive").await);
    plan.routes.extend(plan_over(&api, "/alive/** = stub", &alive).routes);
    let site = Site::by(&api, plan).await;
    let began = Instant::now();
    for _ in 0..20 {
        let answer = site.ask("GET", "/dead/x", &[]).await;
        assert_eq!(code(&answer), (503, "upstream_unreachable".to_owned()));
        assert_eq!(answer.header("retry-after"), "2");
        assert_eq!(site.ask("GET", "/alive/x", &[]).await.body, "alive ");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn f13_nobody_is_sent_to_wait_for_an_upstream_that_lets_everybody_wait() {
    let stub = Stub::new().await;
    let site = site_over(&[stub.url()], "head-timeout=1", |_| ()).await;
    for _ in 0..3 {
        let mut client = site.client().await;
        client.request("GET", "/open/x", &[]).await;
        let (mut upstream, _) = stub.asked().await;
        let answer = client.answer().await;
        assert_eq!(code(&answer), (504, "upstream_slow".to_owned()));
        assert_eq!(answer.header("retry-after"), "5");
        upstream.is_closed().await;
    }
    let began = Instant::now();
    for _ in 0..5 {
        let answer = site.ask("GET", "/open/x", &[]).await;
        assert_eq!(code(&answer), (503, "upstream_overloaded".to_owned()));
    }
    assert!(began.elapsed() < Duration::from_millis(500) && stub.is_left_alone().await);

    pass(Duration::from_millis(1100)).await;
    let mut client = site.client().await;
    client.request("GET", "/open/x", &[]).await;
    let (mut upstream, _) = stub.asked().await;
    assert_eq!(site.ask("GET", "/open/x", &[]).await.status, 503, "one finds out");
    upstream.answer_with("better").await;
    assert_eq!(client.answer().await.body, "better");
    client.request("GET", "/open/x", &[]).await;
    upstream.head().await;
    upstream.answer_with("well").await;
    assert_eq!(client.answer().await.body, "well");
}

#[tokio::test]
async fn f13_patience_begins_when_a_request_is_sent_wherever_it_was_tried_before() {
    // An address that takes connections and says nothing: its queue of connections is full.
    let (silent, server) = (Stub::new().await, Server::default());
    let mut fill = Vec::new();
    let fills = async {
        loop {
            fill.push(tokio::net::TcpStream::connect(silent.at).await);
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(500), fills).await;
    let addresses = [silent.url(), server.listens("alive").await];
    let site = site_over(&addresses, "head-timeout=1", |_| ()).await;
    for _ in 0..2 {
        assert_eq!(site.ask("GET", "/open/x", &[]).await.says(), "200 alive ");
    }
}

#[tokio::test]
async fn rl_05_an_upstream_gets_no_more_requests_at_a_time_than_it_may() {
    let stub = Stub::new().await;
    let site = site_over(&[stub.url()], "", |spec| spec.max_requests = 1).await;
    let mut client = site.client().await;
    client.request("GET", "/open/x", &[]).await;
    let (mut upstream, _) = stub.asked().await;
    let full = async || code(&site.ask("GET", "/open/x", &[]).await);
    assert_eq!(full().await, (503, "upstream_overloaded".to_owned()));
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha").await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(full().await, (503, "upstream_overloaded".to_owned()), "the answer has not ended");
    upstream.send("lf").await;
    assert_eq!(client.take(4).await, b"half");
    client.request("GET", "/open/x", &[]).await;
    upstream.head().await;
    // A client that leaves makes room as well.
    drop(client);
    upstream.is_closed().await;
    let mut client = site.client().await;
    client.request("GET", "/open/x", &[]).await;
    let (mut upstream, _) = stub.asked().await;
    upstream.answer_with("room").await;
    assert_eq!(client.answer().await.body, "room");
}

#[tokio::test]
async fn gw_14_what_may_have_been_done_is_not_done_again() {
    let (one, other) = (Stub::new().await, Stub::new().await);
    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        let site = site_over(&[one.url(), other.url()], "", |_| ()).await;
        let mut client = site.client().await;
        client.request(method, "/open/x", &[ORIGIN, ("content-length", "4")]).await;
        client.send("body").await;
        let (mut upstream, _) = one.asked().await;
        assert_eq!(upstream.take(4).await, b"body");
        drop(upstream);
        assert_eq!(code(&client.answer().await), (502, "upstream_broken".to_owned()), "{method}");
        assert!(one.is_left_alone().await && other.is_left_alone().await, "{method}");
    }
}

#[tokio::test]
async fn n14_a_kept_connection_that_the_upstream_has_closed_is_not_used() {
    let stub = Stub::new().await;
    let site = site_over(&[stub.url()], "", |_| ()).await;
    let mut client = site.client().await;
    for method in ["GET", "POST", "POST", "GET"] {
        client.request(method, "/open/x", &[ORIGIN, ("content-length", "4")]).await;
        client.send("body").await;
        let (mut upstream, _) = stub.asked().await;
        assert_eq!(upstream.take(4).await, b"body");
        upstream.answer_with("once").await;
        assert_eq!(client.answer().await.body, "once");
        upstream.half_close().await;
        upstream.is_closed().await;
    }
}

#[tokio::test]
async fn n14_a_read_whose_kept_connection_dies_under_it_is_sent_again_and_a_change_is_not() {
    let stub = Stub::new().await;
    let site = site_over(&[stub.url()], "", |_| ()).await;
    let mut client = site.client().await;
    for (method, again) in [("GET", true), ("HEAD", true), ("POST", false), ("DELETE", false)] {
        let (mut kept, mut first) = {
            let mut client = site.client().await;
            client.request("GET", "/open/x", &[]).await;
            let (upstream, _) = stub.asked().await;
            (upstream, client)
        };
        kept.answer_with("kept").await;
        assert_eq!(first.answer().await.body, "kept");
        client.request(method, "/open/x", &[ORIGIN]).await;
        assert!(kept.head().await.line.starts_with(method));
        drop(kept);
        if again {
            let (mut upstream, _) = stub.asked().await;
            upstream
                .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .await;
            assert_eq!(client.answer_to(method).await.status, 200, "{method}");
        } else {
            assert_eq!(client.answer().await.status, 502, "{method}");
            assert!(stub.is_left_alone().await, "{method}");
        }
    }
}

#[tokio::test]
async fn after_a_500_a_connection_is_not_used_again_since_its_server_may_be_about_to_hang_up() {
    let stub = Stub::new().await;
    let site = site_over(&[stub.url()], "", |_| ()).await;
    let mut client = site.client().await;
    for status in ["500 Internal Server Error", "503 Service Unavailable", "404 Not Found"] {
        client.request("POST", "/open/x", &[ORIGIN]).await;
        let (mut upstream, _) = stub.asked().await;
        upstream.send(&format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(client.answer().await.status.to_string(), status[..3]);
        let is_kept = !status.starts_with("500");
        if is_kept {
            client.request("POST", "/open/x", &[ORIGIN]).await;
            assert!(upstream.head().await.line.starts_with("POST"), "{status}");
            upstream.half_close().await;
            assert_eq!(client.answer().await.status, 502);
        }
        upstream.is_closed().await;
    }
}

#[tokio::test]
async fn a_client_that_stalls_is_no_failure_of_the_upstream() {
    let stub = Stub::new().await;
    let site = site_over(&[stub.url()], "head-timeout=1", |_| ()).await;
    for _ in 0..4 {
        let mut client = site.client().await;
        client.request("POST", "/open/x", &[ORIGIN, ("content-length", "10")]).await;
        client.send("half").await;
        let (mut upstream, _) = stub.asked().await;
        assert_eq!(upstream.take(4).await, b"half");
        assert_eq!(code(&client.answer().await), (400, "bad_body".to_owned()));
        upstream.is_closed().await;
    }
    let mut client = site.client().await;
    client.request("GET", "/open/x", &[]).await;
    let (mut upstream, _) = stub.asked().await;
    upstream.answer_with("well").await;
    assert_eq!(client.answer().await.body, "well", "it is asked as before");
}
