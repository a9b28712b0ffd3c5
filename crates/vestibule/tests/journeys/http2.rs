//! HTTP/2 frame by frame, as no client library would send it (GW-15, RL-04).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vestibule::server::Edge;

use crate::served::{LONG, Served};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// `GET http://a/`, and these fields as literals without a name in a table (RFC 7541, 6.2.2).
fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x82, 0x84, 0x86, 0x41, 1, b'a'];
    for text in fields.iter().flat_map(|(name, value)| ["\0", name, value]) {
        match text {
            "\0" => block.push(0),
            text => {
                assert!(text.len() < 127);
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
    }
    block
}

/// The other end of a connection.
struct Peer(TcpStream);

#[derive(Debug, Eq, PartialEq)]
enum Heard {
    Status(u32, u8),
    Reset(u32, u32),
    GoAway(u32),
    Closed,
}

impl Peer {
    async fn new(served: &Served) -> Self {
        let mut peer = Self(served.connect().await);
        peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        peer.send(&frame(SETTINGS, 0, 0, &[])).await;
        peer
    }

    async fn send(&mut self, bytes: &[u8]) {
        // One that hung up meanwhile has said why, or is asked below.
        let _ = self.0.write_all(bytes).await;
    }

    async fn get(&mut self, stream: u32, fields: &[(&str, &str)]) {
        self.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(fields))).await;
    }

    /// The next frame that says something about a request or the end.
    async fn hears(&mut self) -> Heard {
        tokio::time::timeout(LONG, self.next()).await.expect("something is said")
    }

    async fn next(&mut self) -> Heard {
        loop {
            let mut header = [0; 9];
            if self.0.read_exact(&mut header).await.is_err() {
                return Heard::Closed;
            }
            let number =
                |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            let mut payload = vec![0; number(&header[..3]) as usize];
            if self.0.read_exact(&mut payload).await.is_err() {
                return Heard::Closed;
            }
            let stream = number(&header[5..]);
            match header[3] {
                HEADERS => return Heard::Status(stream, payload[0]),
                RST_STREAM => return Heard::Reset(stream, number(&payload[..4])),
                GOAWAY => return Heard::GoAway(number(&payload[4..8])),
                _ => {}
            }
        }
    }

    /// The same, without what is said of single streams.
    async fn hears_the_end(&mut self) -> Heard {
        loop {
            match self.hears().await {
                Heard::Status(..) | Heard::Reset(..) => {}
                end => return end,
            }
        }
    }
}

/// `:status: 200` in HPACK's table.
const OK: u8 = 0x88;

/// A server that counts what reaches it.
async fn counting() -> (Served, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let router = Router::new().fallback(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        "hello"
    });
    (Served::new(Edge::default(), router).await, count)
}

async fn is_served(served: &Served) {
    let mut other = Peer::new(served).await;
    other.get(1, &[]).await;
    assert_eq!(other.hears().await, Heard::Status(1, OK), "another client is served");
}

#[tokio::test]
async fn gw_15_connection_headers_over_http_2_reset_the_stream_and_reach_nobody() {
    let (served, count) = counting().await;
    let mut peer = Peer::new(&served).await;
    let mut stream = 1;
    for field in [
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("content-length", "5"),
        (":path", "/twice"),
    ] {
        peer.get(stream, &[field]).await;
        assert_eq!(peer.hears().await, Heard::Reset(stream, PROTOCOL_ERROR), "{field:?}");
        stream += 2;
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    peer.get(stream, &[("te", "trailers")]).await;
    assert_eq!(peer.hears().await, Heard::Status(stream, OK), "the connection goes on");
    peer.get(stream + 2, &[("X-Capital", "letters")]).await;
    assert_eq!(peer.hears().await, Heard::GoAway(PROTOCOL_ERROR), "this one ends it");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn rl_04_a_flood_of_requests_taken_back_ends_the_connection_and_nobody_elses() {
    let (served, count) = counting().await;
    let mut peer = Peer::new(&served).await;
    let mut flood = Vec::new();
    for stream in (1..20_000).step_by(2) {
        flood.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(&[])));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    peer.send(&flood).await;
    assert_eq!(peer.hears_the_end().await, Heard::GoAway(ENHANCE_YOUR_CALM));
    let reached = count.load(Ordering::SeqCst);
    assert!(reached < 1000, "{reached} of 10,000 reached the router");
    is_served(&served).await;
}

#[tokio::test]
async fn rl_04_a_head_that_never_ends_is_not_waited_for() {
    let (served, count) = counting().await;
    let mut peer = Peer::new(&served).await;
    peer.send(&frame(HEADERS, END_STREAM, 1, &head(&[]))).await;
    let piece = frame(CONTINUATION, 0, 1, &head(&[("x", "y")])[6..]);
    for _ in 0..10_000 {
        peer.send(&piece).await;
    }
    let end = peer.hears_the_end().await;
    assert!(matches!(end, Heard::GoAway(_) | Heard::Closed), "{end:?}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    is_served(&served).await;
}

#[tokio::test]
async fn rl_01_a_head_over_16_kib_or_64_fields_is_answered_with_431_over_http_2_too() {
    let (served, count) = counting().await;
    let value = "y".repeat(100);
    let names: Vec<String> = (0..150).map(|number| format!("x-{number}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let small: Vec<_> = names.iter().take(65).map(|name| (name.as_str(), "")).collect();
    for fields in [&fields, &small] {
        let mut peer = Peer::new(&served).await;
        let block = head(fields);
        let (first, rest) = block.split_at(block.len().min(16_000));
        peer.send(&frame(HEADERS, END_STREAM, 1, first)).await;
        peer.send(&frame(CONTINUATION, END_HEADERS, 1, rest)).await;
        // 431 is no entry of the table.
        let Heard::Status(1, status) = peer.hears().await else { panic!("no answer") };
        assert_ne!(status, OK, "{} fields", fields.len());
        assert_eq!(count.load(Ordering::SeqCst), 0, "{} fields", fields.len());
    }
}

#[tokio::test]
async fn rl_04_a_hundred_requests_run_at_once_and_no_more() {
    let waits = Router::new().fallback(async || std::future::pending::<()>().await);
    let served = Served::new(Edge::default(), waits).await;
    let mut peer = Peer::new(&served).await;
    for stream in (1..=201).step_by(2) {
        peer.get(stream, &[]).await;
    }
    assert_eq!(peer.hears().await, Heard::Reset(201, REFUSED_STREAM));
}

#[tokio::test]
async fn rl_04_frames_that_carry_nothing_end_the_connection() {
    let waits = Router::new().fallback(async |body: axum::body::Body| {
        let _ = axum::body::to_bytes(body, usize::MAX).await;
    });
    let served = Served::new(Edge::default(), waits).await;
    let mut peer = Peer::new(&served).await;
    let post = [&[0x83, 0x84, 0x86, 0x41, 1, b'a'][..]].concat();
    peer.send(&frame(HEADERS, END_HEADERS, 1, &post)).await;
    let empty = frame(DATA, 0, 1, &[]).repeat(1000);
    for _ in 0..100 {
        peer.send(&empty).await;
    }
    assert_eq!(peer.hears_the_end().await, Heard::GoAway(ENHANCE_YOUR_CALM));
    is_served(&served).await;
}

#[tokio::test]
async fn rl_04_pings_and_settings_are_answered_and_harm_nobody() {
    let (served, _) = counting().await;
    let mut peer = Peer::new(&served).await;
    let flood = [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])].concat().repeat(1000);
    peer.send(&flood).await;
    is_served(&served).await;
    peer.get(1, &[]).await;
    assert_eq!(peer.hears().await, Heard::Status(1, OK));
}
