//! Ending with sockets of all kinds open, and being short of files (F26, F27, RL-03).

use std::convert::Infallible;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vestibule::server::{Edge, Places};
use vestibule_gateway::Stopping;

use crate::process::{Server, vestibule};
use crate::served::{LONG, Served, until_closed};
use crate::support::{Folder, until};

const KEPT: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HALF: &[u8] = b"GET /health HTTP/1.1\r\nHost: loc";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// As many sockets as this process may have beside its other files.
fn many() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).unwrap_or(usize::MAX).min(1000)
}

#[tokio::test]
async fn f26_a_thousand_open_sockets_do_not_keep_the_process_from_ending() {
    let folder = Folder::new();
    let mut server = Server::serve(&folder, &["--drain", "600"]);
    let address = server.url("Site").replace("http://", "");
    let mut open = Vec::new();
    for number in 0..many() {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let bytes = [&b""[..], KEPT, HALF, PREFACE][number % 4];
        stream.write_all(bytes).await.unwrap();
        if bytes == KEPT || bytes == PREFACE {
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        }
        open.push(stream);
    }
    server.signal("-TERM");
    for stream in &mut open {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "it stays open");
    }
    let ended = tokio::task::spawn_blocking(move || server.child.wait().unwrap()).await.unwrap();
    assert!(ended.success());
}

/// Streams and tunnels that end when the server does, as the gateway's do; and one that doesn't.
fn conversations() -> Router {
    async fn answer(mut request: Request) -> Response {
        let Stopping(mut stop) = request.extensions().get::<Stopping>().unwrap().clone();
        let stopping = async move { drop(stop.wait_for(|stop| *stop).await) };
        if request.uri().path() == "/events" {
            let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"event\n\n"))]);
            let events = first.chain(stream::pending()).take_until(stopping.boxed());
            return Body::from_stream(events).into_response();
        }
        let upgrade = hyper::upgrade::on(&mut request);
        let ends = request.uri().path() == "/tunnel";
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            if ends {
                stopping.await;
                let _ = stream.write_all(b"bye").await;
            } else {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        let switch = Response::builder().status(101).header("connection", "upgrade");
        switch.header("upgrade", "x").body(Body::empty()).unwrap()
    }
    Router::new().fallback(answer)
}

async fn begin(served: &Served, path: &str) -> TcpStream {
    let mut stream = served.connect().await;
    let upgrade = if path == "/events" { "" } else { "Connection: upgrade\r\nUpgrade: x\r\n" };
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let last = if path == "/events" { &b"event\n\n\r\n"[..] } else { b"\r\n\r\n" };
    while !text.ends_with(last) {
        assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0);
    }
    stream
}

#[tokio::test]
async fn f26_streams_and_tunnels_hear_of_the_end_and_are_waited_for() {
    let served = Served::new(Edge::default(), conversations()).await;
    let mut events = begin(&served, "/events").await;
    let mut tunnel = begin(&served, "/tunnel").await;
    let deaf = begin(&served, "/deaf").await;
    served.stop.send_replace(true);
    assert!(until_closed(&mut events).await.ends_with("0\r\n\r\n"), "an end in order");
    assert_eq!(until_closed(&mut tunnel).await, "bye");
    assert!(!served.ended.is_finished(), "one is still there");
    drop(deaf);
    tokio::time::timeout(LONG, served.ended).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn f26_who_does_not_end_is_not_waited_for_longer_than_the_drain() {
    let served = Served::draining(Edge::default(), conversations(), Duration::ZERO).await;
    let _deaf = begin(&served, "/deaf").await;
    served.stop.send_replace(true);
    tokio::time::timeout(LONG, served.ended).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn rl_03_one_too_many_waits_for_a_place_and_one_address_has_no_more_than_its_own() {
    let hello = || Router::new().fallback(async || "hello");
    let edge = Edge { places: Places::unshared(2), ..Edge::default() };
    let served = Served::new(edge, hello()).await;
    let (first, mut second) = (served.connect().await, served.connect().await);
    second.write_all(KEPT).await.unwrap();
    assert_ne!(second.read(&mut [0; 1024]).await.unwrap(), 0);
    let mut third = served.connect().await;
    third.write_all(KEPT).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(100), third.read(&mut [0; 1024])).await;
    assert!(waits.is_err(), "there is no place");
    drop(first);
    assert_ne!(third.read(&mut [0; 1024]).await.unwrap(), 0, "now there is");

    let places = Places::new(100, 2, std::sync::Arc::new(|_| false));
    let served = Served::new(Edge { places, ..Edge::default() }, hello()).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = served.connect().await;
        stream.write_all(KEPT).await.unwrap();
        assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        held.push(stream);
    }
    let mut more = served.connect().await;
    assert_eq!(more.read(&mut [0; 1024]).await.unwrap_or(0), 0, "closed at once");
    held.pop();
    until(async || {
        let mut again = served.connect().await;
        again.write_all(KEPT).await.is_ok()
            && again.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0)
    })
    .await;
}

async fn open(address: &str, count: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(HALF).await.unwrap();
        open.push(stream);
    }
    open
}

async fn is_ready_again(server: &Server) {
    for name in ["Site", "API"] {
        let client = server.client(name);
        let is_ready = async || {
            let answer = client.try_request("GET", "/ready", &[], "").await;
            answer.is_some_and(|answer| answer.status == 200)
        };
        until(is_ready).await;
    }
}

#[tokio::test]
async fn f27_a_server_that_ran_out_of_files_goes_on_when_its_clients_have_left() {
    let folder = Folder::new();
    let log = folder.path().join("log");
    let data = folder.path().join("data");
    let mut command = vestibule(&["--site-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"]);
    command.args(["--data", data.to_str().unwrap()]);
    let server = Server::spawn_logging(&mut command, fs::File::create(&log).unwrap().into());
    let files = fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count();
    let limit = Rlimit { current: Some(files as u64 + 5), maximum: Some(files as u64 + 5) };
    prlimit(Pid::from_child(&server.child).into(), Resource::Nofile, limit).unwrap();
    let open = open(&server.url("Site").replace("http://", ""), 50).await;
    let says = |text: &str| fs::read_to_string(&log).unwrap().contains(text);
    until(async || says("a connection could not be accepted")).await;
    drop(open);
    is_ready_again(&server).await;
}

#[tokio::test]
async fn rl_03_there_are_no_more_connections_than_files_allow() {
    let folder = Folder::new();
    let log = folder.path().join("log");
    let data = folder.path().join("data");
    let plain = vestibule(&[]);
    let mut command = Command::new("sh");
    command.env_clear().stdout(Stdio::piped()).stdin(Stdio::null());
    command.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(plain.get_program());
    command.args(["--site-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"]);
    command.args(["--data", data.to_str().unwrap()]);
    let server = Server::spawn_logging(&mut command, fs::File::create(&log).unwrap().into());
    let open = open(&server.url("API").replace("http://", ""), 50).await;
    drop(open);
    is_ready_again(&server).await;
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("files=64 connections=16 wanted=10000"), "{log}");
    assert!(!log.contains("could not be accepted"), "{log}");
}
