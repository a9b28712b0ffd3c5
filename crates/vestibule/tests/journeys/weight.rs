//! What a gateway that carries much weighs: a real process, and its memory as the kernel counts it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::process::{Server, listening, vestibule};
use crate::support::{Folder, PASSWORD, person, until};
use crate::wire::{End, HOST, ORIGIN, Stub, h2c};

/// What is carried each way.
const MUCH: u64 = 2 << 30;
const SECRET: &str = "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=";

/// A gateway in front of an API that has nothing but its health, with these routes.
pub async fn gateway(folder: &Folder, more: &[&str]) -> (Server, SocketAddr) {
    let api = format!("http://{}", h2c(Router::new().fallback(async || "ok")).await);
    let data = folder.path().join("data");
    let mut arguments = vec![
        "gateway",
        "--api",
        &api,
        "--site-listen",
        "127.0.0.1:0",
        "--site-url",
        "http://localhost:3000",
        "--data",
        data.to_str().unwrap(),
    ];
    arguments.extend_from_slice(more);
    let mut command = vestibule(&arguments);
    command.env("AUTH_SECRET", SECRET);
    let server = tokio::task::spawn_blocking(move || Server::spawn(command)).await.unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], listening(&server)[0]));
    (server, at)
}

/// What a process holds in memory now, and at most, in KiB.
fn held(server: &Server) -> (u64, u64) {
    (status(server, "VmRSS:"), status(server, "VmHWM:"))
}

/// What it holds beside the pages of its own program, in KiB.
fn taken(server: &Server) -> u64 {
    status(server, "RssAnon:")
}

fn status(server: &Server, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Takes everything and says how much it was; gives as much as the path says.
fn store() -> Router {
    Router::new().fallback(async |request: Request| {
        let size: Option<u64> = request.uri().path().rsplit('/').next().unwrap().parse().ok();
        if let Some(size) = size {
            let piece = Bytes::from(vec![b'x'; 1 << 18]);
            let pieces =
                (0..size / piece.len() as u64).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
            return Body::from_stream(stream::iter(pieces));
        }
        let (mut body, mut taken) = (request.into_body(), 0);
        while let Some(frame) = body.frame().await {
            taken += frame.unwrap().into_data().map_or(0, |data| data.len());
        }
        Body::from(taken.to_string())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rl_01_gigabytes_pass_both_ways_in_the_memory_of_a_few_megabytes() {
    let folder = Folder::new();
    let at = h2c(store()).await;
    let route = format!("/open/** = http://{at} body-limit=4GiB");
    let (server, site) = gateway(&folder, &["--route", &route]).await;
    // Whatever is loaded once.
    let mut client = End::to(site).await;
    client.request("GET", &format!("/open/{}", 1 << 26), &[("connection", "close")]).await;
    assert!(client.drain().await > 1 << 26);
    let (before, _) = held(&server);

    let mut client = End::to(site).await;
    client.request("GET", &format!("/open/{MUCH}"), &[("connection", "close")]).await;
    assert!(client.drain().await > MUCH);

    let mut client = End::to(site).await;
    client.request("POST", "/open/x", &[ORIGIN, ("content-length", &MUCH.to_string())]).await;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..MUCH >> 20 {
        client.stream.write_all(&piece).await.unwrap();
    }
    assert_eq!(client.answer().await.body, MUCH.to_string());
    let (_, most) = held(&server);
    let grown = most.saturating_sub(before);
    assert!(grown < 16 << 10, "from {before} KiB by {grown} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_sockets_are_open_at_once_and_weigh_little() {
    const SOCKETS: u64 = 500;
    let (folder, stub) = (Folder::new(), Stub::new().await);
    let (server, site) =
        gateway(&folder, &["--route", &format!("/open/** = {}", stub.url())]).await;
    let (before, _) = held(&server);
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let mut client = End::to(site).await;
        let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n";
        client.send(format!("GET /open/x HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}\r\n")).await;
        let (mut upstream, _) = stub.asked().await;
        upstream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        assert_eq!(client.head().await.status(), 101);
        sockets.push((client, upstream));
    }
    for round in 0..3_u8 {
        for (client, upstream) in &mut sockets {
            client.send([round; 1000]).await;
            upstream.send([round; 1000]).await;
        }
        for (client, upstream) in &mut sockets {
            assert_eq!(upstream.take(1000).await, [round; 1000]);
            assert_eq!(client.take(1000).await, [round; 1000]);
        }
    }
    let grown = held(&server).1.saturating_sub(before);
    assert!(grown < 64 * SOCKETS, "{} KiB a socket", grown / SOCKETS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_that_rest_weigh_little_and_leave_nothing_behind() {
    const CONNECTIONS: u64 = 1000;
    let folder = Folder::new();
    let (server, site) = gateway(&folder, &[]).await;
    // Whatever is loaded once.
    drop(connections(site, 50).await);
    let before = taken(&server);

    let clients = connections(site, CONNECTIONS).await;
    until(async || taken(&server) < before + 12 * CONNECTIONS).await;
    drop(clients);
    until(async || taken(&server) < before + 4 * CONNECTIONS).await;
}

/// So many, each of which was answered once.
async fn connections(site: SocketAddr, count: u64) -> Vec<End> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = End::to(site).await;
        client.request("GET", "/health", &[]).await;
        assert_eq!(client.answer().await.status, 200);
        clients.push(client);
    }
    clients
}

/// Memory is as in docs/performance.md, with slack for a build that is not optimised.
#[tokio::test(flavor = "multi_thread")]
async fn pw_07_a_flood_of_logins_weighs_its_slots_and_before_the_first_nothing_is_taken() {
    const LOGINS: usize = 200;
    const SLOT: u64 = 19 << 10;
    let folder = Folder::new();
    let server = Server::serve_on_sqlite(&folder, &["--throttle", "off"]);
    let before = taken(&server);
    assert!(before < 12 << 10, "{before} KiB");

    let api = server.client("API");
    assert_eq!(api.post_json("/api/v1/user", &person("userson")).await.status, 201);
    let logins = (0..LOGINS).map(|_| api.log_in("userson", PASSWORD));
    let answers = futures_util::future::join_all(logins).await;
    let right = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 503).count();
    assert!(right > 0 && right + refused == LOGINS, "{right} right, {refused} refused");

    let slots = std::thread::available_parallelism().unwrap().get() as u64;
    let grown = taken(&server).saturating_sub(before);
    assert!(grown > SLOT, "by {grown} KiB: it is kept for the next");
    until(async || taken(&server) < before + slots * SLOT + (8 << 10)).await;
}
