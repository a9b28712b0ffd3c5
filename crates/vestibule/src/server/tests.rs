//! Time limits of a connection (RL-02), on a pipe and a clock that the runtime moves when nobody has anything to do.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use futures_util::stream::{self, unfold};
use h2::client::SendRequest;
use http::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use vestibule_gateway::App;

use super::connection::Shared;
use super::places::Place;
use super::tls::{PemFiles, Tls};
use super::{Announced, Edge, Places};
use crate::observe::{Ids, caught, observed};
use crate::secrets::tests::Folder;

/// What the pipe holds: as little as a slow link.
const PIPE: usize = 8 * 1024;

/// By then everything has happened that will.
const NEVER: Duration = Duration::from_secs(2 * 3600);

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection to `app`; when the server lets go of it, the receiver ends.
async fn connect(app: impl Into<App>) -> (DuplexStream, mpsc::Receiver<()>) {
    connect_by(Edge::default(), app).await
}

async fn connect_by(edge: Edge, app: impl Into<App>) -> (DuplexStream, mpsc::Receiver<()>) {
    let (client, socket) = duplex(PIPE);
    let (alive, gone) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let shared = Shared { edge, app: app.into(), stop: stopped };
    let place = Place { _permit: Places::default().place().await, _alive: alive };
    tokio::spawn(async move {
        shared.serve(socket, ([127, 0, 0, 1], 1).into(), place).await;
        drop(stop);
    });
    (client, gone)
}

fn answers<F>(answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static) -> Router
where
    F: Future<Output = Response> + Send + 'static,
{
    Router::new().fallback(answer)
}

fn hello() -> Router {
    Router::new().fallback(async || "hello")
}

/// Reads the whole body, and says how much it was.
fn reads() -> Router {
    answers(async |request| match to_bytes(request.into_body(), usize::MAX).await {
        Ok(bytes) => bytes.len().to_string().into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    })
}

/// One of those that are counted for as long as they live.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers POST at once and without end, anything else with a kilobyte a second; and counts the former.
fn endless() -> (Router, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let given = count.clone();
    let router = answers(move |request| {
        let counted = (request.method() == Method::POST).then(|| Counted::new(&given));
        async move {
            let bytes = unfold(counted, async |counted| {
                sleep(Duration::from_secs(u64::from(counted.is_none()))).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1024])), counted))
            });
            Body::from_stream(bytes).into_response()
        }
    });
    (router, count)
}

async fn read_all(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let read = timeout(NEVER, client.read_to_end(&mut text)).await;
    let _ = read.expect("it is closed some day");
    String::from_utf8_lossy(&text).into_owned()
}

/// Seconds until the server closes the connection, and what it said.
async fn closes(mut client: DuplexStream) -> (u64, String) {
    let started = Instant::now();
    let text = read_all(&mut client).await;
    (started.elapsed().as_secs(), text)
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_head_has_ten_seconds_from_its_first_byte_however_often_one_more_comes() {
    let (client, _gone) = connect(hello()).await;
    sleep(Duration::from_secs(50)).await;
    let (mut reading, mut writing) = tokio::io::split(client);
    let drip = tokio::spawn(async move {
        writing.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        while writing.write_all(b"y").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let started = Instant::now();
    let text = read_all(&mut reading).await;
    assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
    assert_eq!(started.elapsed().as_secs(), 10);
    drip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_handshake_and_a_proxys_header_have_ten_seconds() {
    let key = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let folder = Folder::new("handshake");
    let files = PemFiles { certificate: folder.0.join("cert"), key: folder.0.join("key") };
    fs::write(&files.certificate, key.cert.pem()).unwrap();
    fs::write(&files.key, key.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    let tls = Some(Tls::load(files).unwrap());
    let announced = Some(Announced { by: Arc::new(|_| true) });
    for (edge, begin) in [
        (Edge { tls, ..Edge::default() }, &b"\x16\x03\x01"[..]),
        (Edge { announced, ..Edge::default() }, b"PROXY TCP4 "),
    ] {
        let (mut client, _gone) = connect_by(edge, hello()).await;
        client.write_all(begin).await.unwrap();
        assert_eq!(closes(client).await, (10, String::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_connection_without_a_request_is_closed_after_a_minute() {
    let (client, _gone) = connect(hello()).await;
    assert_eq!(closes(client).await, (60, String::new()));

    let (mut client, _gone) = connect(hello()).await;
    for _ in 0..3 {
        sleep(Duration::from_secs(50)).await;
        client.write_all(GET).await.unwrap();
    }
    let (seconds, text) = closes(client).await;
    assert_eq!((seconds, text.matches("hello").count()), (60, 3));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_rests_goes_on_where_it_was() {
    let (mut client, mut gone) = connect(reads()).await;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    let mut room = [0; 4096];
    // From a moment in which it can't rest yet to one in which it has for long; whole, and cut where it wakes.
    for pause in [0, 1, 2, 3, 50] {
        for cut in [0, 1, 20, post.len() - 2] {
            sleep(Duration::from_secs(pause)).await;
            client.write_all(&post.as_bytes()[..cut]).await.unwrap();
            sleep(Duration::from_secs(3)).await;
            client.write_all(&post.as_bytes()[cut..]).await.unwrap();
            let count = client.read(&mut room).await.unwrap();
            let text = String::from_utf8_lossy(&room[..count]);
            assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("\r\n\r\n4"), "{text}");
        }
    }
    sleep(Duration::from_secs(3)).await;
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let (seconds, text) = closes(client).await;
    assert_eq!((seconds, text.starts_with("HTTP/1.1 408 ")), (10, true), "{text}");
    assert!(gone.recv().await.is_none(), "nobody keeps it");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_a_resting_connection_leaves_nothing() {
    let (mut client, mut gone) = connect(hello()).await;
    client.write_all(GET).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    drop(client);
    assert!(timeout(Duration::from_secs(1), gone.recv()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_request_that_runs_may_take_its_time() {
    let router = answers(async |_| {
        sleep(Duration::from_secs(3600)).await;
        "late".into_response()
    });
    let (mut client, _gone) = connect(router).await;
    client.write_all(GET).await.unwrap();
    let (seconds, text) = closes(client).await;
    assert_eq!(seconds, 3660);
    assert!(text.ends_with("late"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_body_that_is_waited_for_comes_at_a_least_rate() {
    let (client, _gone) = connect(reads()).await;
    let (mut reading, mut writing) = tokio::io::split(client);
    writing.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n").await.unwrap();
    let started = Instant::now();
    let drip = tokio::spawn(async move {
        while writing.write_all(&[b'x'; 30]).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let text = read_all(&mut reading).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(text.contains("connection: close"), "{text}");
    assert!((30..=32).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    drip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_phone_at_two_kilobytes_a_second_sends_and_gets_everything() {
    const SIZE: usize = 400 * 1024;
    let router = answers(async |request| {
        to_bytes(request.into_body(), usize::MAX).await.unwrap().into_response()
    });
    let (client, _gone) = connect(router).await;
    let (mut reading, mut writing) = tokio::io::split(client);
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n");
    tokio::spawn(async move {
        writing.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..SIZE / 2048 {
            sleep(Duration::from_secs(1)).await;
            writing.write_all(&[b'x'; 2048]).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let (mut came, mut room) = (0, [0; 2048]);
    while came < SIZE {
        sleep(Duration::from_secs(1)).await;
        let count = reading.read(&mut room).await.unwrap();
        assert_ne!(count, 0, "cut after {came} bytes");
        came += count;
    }
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_body_that_nobody_asks_for_is_no_fault_of_the_client() {
    let router = answers(async |request| {
        let mut body = request.into_body().into_data_stream();
        let mut bytes = 0;
        while let Some(Ok(chunk)) = body.next().await {
            bytes += chunk.len();
            sleep(Duration::from_secs(600)).await;
        }
        bytes.to_string().into_response()
    });
    let (mut client, _gone) = connect(router).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n";
    let body = format!("{head}{}", "x".repeat(100_000));
    client.write_all(body.as_bytes()).await.unwrap();
    assert!(closes(client).await.1.ends_with("100000"));
}

#[tokio::test(start_paused = true)]
async fn rl_02_once_the_answer_has_begun_a_body_is_a_conversation_and_may_pause() {
    let router = answers(async |request| Body::new(request.into_body()).into_response());
    let (client, _gone) = connect(router).await;
    let (mut reading, mut writing) = tokio::io::split(client);
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    writing.write_all(head).await.unwrap();
    let mut text = Vec::new();
    for _ in 0..5 {
        sleep(Duration::from_secs(3600)).await;
        writing.write_all(b"4\r\nping\r\n").await.unwrap();
        while !text.ends_with(b"ping\r\n") {
            assert_ne!(reading.read_buf(&mut text).await.unwrap(), 0, "it was cut");
        }
        text.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_client_that_takes_nothing_is_cut_after_half_a_minute() {
    let (router, count) = endless();
    let (mut client, mut gone) = connect(router).await;
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let started = Instant::now();
    assert!(timeout(NEVER, gone.recv()).await.unwrap().is_none());
    assert!((29..=31).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(count.load(Ordering::SeqCst), 0, "and what it was sent is let go");
}

#[tokio::test(start_paused = true)]
async fn rl_02_a_tunnel_is_nobodys_business_and_lives_for_hours() {
    let router = answers(async |mut request| {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            let mut byte = [0; 4];
            while stream.read_exact(&mut byte).await.is_ok() {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let switch = Response::builder().status(101).header("upgrade", "x");
        switch.header("connection", "upgrade").body(Body::empty()).unwrap()
    });
    let (mut client, mut gone) = connect(router).await;
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    client.write_all(head).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        assert_ne!(client.read_buf(&mut text).await.unwrap(), 0);
    }
    assert!(text.starts_with(b"HTTP/1.1 101 "));
    for _ in 0..3 {
        sleep(Duration::from_secs(3600)).await;
        client.write_all(b"\0\r\n\n").await.unwrap();
        let mut echo = [0; 4];
        client.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"\0\r\n\n", "untouched, whatever it is");
    }
    assert!(gone.try_recv() == Err(mpsc::error::TryRecvError::Empty), "it keeps its place");
    drop(client);
    assert!(gone.recv().await.is_none());
}

/// The same over HTTP/2.
async fn connect2(app: impl Into<App>) -> (SendRequest<Bytes>, oneshot::Receiver<Duration>) {
    let (client, _gone) = connect(app).await;
    // As browsers do: what one answer may fill leaves room for others.
    let mut settings = h2::client::Builder::new();
    settings.initial_connection_window_size(1024 * 1024);
    let (client, connection) = settings.handshake(client).await.unwrap();
    let (ended, end) = oneshot::channel();
    let started = Instant::now();
    tokio::spawn(async move {
        let _ = connection.await;
        let _ = ended.send(started.elapsed());
    });
    (client, end)
}

fn post() -> http::Request<()> {
    http::Request::post("http://a/").body(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn rl_02_http_2_without_a_request_is_closed_after_a_minute_and_with_one_is_not() {
    let router = answers(async |_| {
        sleep(Duration::from_secs(3600)).await;
        "late".into_response()
    });
    let (client, end) = connect2(router).await;
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(post(), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    let elapsed = timeout(NEVER, end).await.unwrap().unwrap().as_secs();
    assert!((3660..=3666).contains(&elapsed), "{elapsed}");
}

#[tokio::test(start_paused = true)]
async fn rl_02_over_http_2_too_a_body_comes_at_a_least_rate() {
    let (client, _end) = connect2(reads()).await;
    let (answer, mut body) = client.ready().await.unwrap().send_request(post(), false).unwrap();
    let started = Instant::now();
    body.send_data(Bytes::from_static(b"x"), false).unwrap();
    assert_eq!(answer.await.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn rl_02_over_http_2_an_answer_that_is_not_taken_is_let_go_and_its_neighbours_pass() {
    let (router, count) = endless();
    let (client, _end) = connect2(router).await;
    let mut client = client.ready().await.unwrap();
    let (stalled, _) = client.send_request(post(), true).unwrap();
    let get = http::Request::get("http://a/").body(()).unwrap();
    let (passing, _) = client.ready().await.unwrap().send_request(get, true).unwrap();
    let _stalled = stalled.await.unwrap();
    let mut passing = passing.await.unwrap().into_body();
    assert_eq!(count.load(Ordering::SeqCst), 1, "it runs");
    for _ in 0..60 {
        let chunk = passing.data().await.unwrap().unwrap();
        passing.flow_control().release_capacity(chunk.len()).unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 0, "it is let go");
    assert!(timeout(Duration::from_secs(5), passing.data()).await.unwrap().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn rl_04_who_asks_without_listening_is_soon_not_heard_and_then_cut() {
    for ask in [&b"\0\0\x08\x06\0\0\0\0\0********"[..], b"\0\0\0\x04\0\0\0\0\0"] {
        let (mut client, mut gone) = connect(hello()).await;
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let started = Instant::now();
        let mut taken = 0;
        while timeout(NEVER, client.write_all(ask)).await.unwrap().is_ok() {
            taken += ask.len();
        }
        assert!(taken < 10 * PIPE, "{taken} bytes were taken");
        assert!(gone.recv().await.is_none());
        assert!((29..=31).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn rl_08_a_panic_ends_one_request_and_neither_its_connection_nor_the_process() {
    let router = answers(async |request| match request.uri().path() {
        "/panics" => panic!("on purpose"),
        "/breaks" => {
            let chunks = stream::iter([0, 1]).map(|number| match number {
                0 => Ok::<_, Infallible>(Bytes::from_static(b"begun")),
                _ => panic!("on purpose, while it is sent"),
            });
            Body::from_stream(chunks).into_response()
        }
        _ => "hello".into_response(),
    });
    let router = caught(router, || vestibule_gateway::Problem::INTERNAL);
    let router = observed(router, "test", Ids::Own);
    let (mut client, _gone) = connect(router.clone()).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    client.write_all(&[get("/panics"), get("/"), get("/breaks")].concat()).await.unwrap();
    let said = read_all(&mut client).await;
    assert!(said.starts_with("HTTP/1.1 500 "), "{said}");
    assert!(said.contains("hello"), "the connection goes on: {said}");
    assert!(!said.ends_with("0\r\n\r\n"), "what broke does not look whole: {said}");

    let (mut client, _gone) = connect(router).await;
    client.write_all(GET).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(read_all(&mut client).await.matches("hello").count(), 2);
}
