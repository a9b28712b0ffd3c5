//! Sockets by hand: a site that listens, upstreams that a test plays itself, and clients whose every byte is its own.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vestibule::server::serve;
use vestibule_gateway::{Gateway, PlanSettings, RouteSpec, Upstream, UpstreamSpec};

use crate::support::{Answer, Browser, TestApi};

/// What has not come by then never will.
const LONG: Duration = Duration::from_secs(20);

/// The `Host` and the origin of the sites of these tests.
pub const HOST: &str = "localhost:3000";
pub const ORIGIN: (&str, &str) = ("origin", "http://localhost:3000");

/// A site on a socket of its own.
pub struct Site {
    pub at: SocketAddr,
    pub gateway: Gateway,
    /// On the same site, in-process: it signs in.
    pub browser: Browser,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Site {
    /// In front of `api`, with these routes.
    pub async fn new(api: &TestApi, routes: &[&str]) -> Self {
        Self::by(api, plan(api, routes)).await
    }

    pub async fn by(api: &TestApi, plan: PlanSettings) -> Self {
        let (gateway, router) = api.router_by(plan, Duration::from_secs(60));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let browser = Browser::of(Upstream::in_process(router.clone()));
        let served = tokio::spawn(serve(listener, router, stopped, LONG));
        Self { at, gateway, browser, stop, served }
    }

    /// With somebody signed in.
    pub async fn with_member(mut self, username: &str) -> Self {
        self.browser = self.browser.member(username).await;
        self
    }

    pub async fn client(&self) -> End {
        End::to(self.at).await
    }

    /// The cookie of whoever is signed in.
    pub fn cookie(&self) -> String {
        format!("vestibule={}", self.browser.jar["vestibule"])
    }

    /// Answers one request of a client of its own.
    pub async fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut client = self.client().await;
        client.request(method, path, fields).await;
        client.answer_to(method).await
    }

    /// Ends the server as a signal does, and waits until it has.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        timeout(LONG, self.served).await.expect("it ends").unwrap();
    }

    pub fn begin_to_stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Routes as flags have them, over `api`.
pub fn plan(api: &TestApi, routes: &[&str]) -> PlanSettings {
    let route = |text: &&str| {
        let spec: RouteSpec = text.parse().unwrap();
        let upstream = Upstream::new(&spec.to, &UpstreamSpec::at(&spec.to)).unwrap();
        (spec, upstream)
    };
    let routes = routes.iter().map(route).collect();
    PlanSettings { routes, ..PlanSettings::new(Upstream::in_process(api.inner.router())) }
}

/// One route to an upstream as a file has it.
pub fn plan_over(api: &TestApi, route: &str, upstream: &UpstreamSpec) -> PlanSettings {
    let spec: RouteSpec = route.parse().unwrap();
    let routes = vec![(spec, Upstream::new("stub", upstream).unwrap())];
    PlanSettings { routes, ..PlanSettings::new(Upstream::in_process(api.inner.router())) }
}

/// An upstream that the test plays itself, connection by connection.
pub struct Stub {
    listener: TcpListener,
    pub at: SocketAddr,
}

impl Stub {
    pub async fn new() -> Self {
        Self::on("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let at = listener.local_addr().unwrap();
        Self { listener, at }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// The next connection.
    pub async fn next(&self) -> End {
        let accepted = timeout(LONG, self.listener.accept()).await.expect("it is connected to");
        End::of(accepted.unwrap().0)
    }

    /// The next connection and the head of its first request.
    pub async fn asked(&self) -> (End, Head) {
        let mut end = self.next().await;
        let head = end.head().await;
        (end, head)
    }

    /// Whether nobody has connected, now that everything has been answered.
    pub async fn is_left_alone(&self) -> bool {
        timeout(Duration::from_millis(50), self.listener.accept()).await.is_err()
    }
}

/// An upstream of HTTP/2 without TLS, or of HTTP/1.1: whatever is spoken to it.
pub async fn h2c(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (running, stopped) = watch::channel(false);
    tokio::spawn(async move {
        serve(listener, router, stopped, LONG).await;
        drop(running);
    });
    at
}

/// An address where nobody listens.
pub async fn nowhere() -> SocketAddr {
    Stub::new().await.at
}

/// One end of a connection.
pub struct End {
    pub stream: TcpStream,
    /// Read, and not yet looked at.
    seen: Vec<u8>,
}

/// The first line and the fields of a message.
#[derive(Debug)]
pub struct Head {
    pub line: String,
    pub fields: HeaderMap,
}

impl Head {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.trim_end().split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value.trim()).unwrap())
        };
        Self { line, fields: lines.map(field).collect() }
    }

    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The field's value, or nothing.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Whose session the Bearer token is of.
    pub fn bearer(&self) -> Option<&str> {
        self.text("authorization").strip_prefix("Bearer ")
    }
}

impl End {
    pub async fn to(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).await.unwrap())
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, seen: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = timeout(LONG, self.stream.write_all(bytes.as_ref())).await;
        sent.expect("it is taken").unwrap();
    }

    /// Sends the head of a request.
    pub async fn request(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(head + "\r\n").await;
    }

    /// Answers 200 with this body.
    pub async fn answer_with(&mut self, body: &str) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send(head + body).await;
    }

    /// Reads more; nothing at the end, which a reset is too.
    async fn more(&mut self) -> usize {
        self.seen.reserve(65536);
        let read = timeout(LONG, self.stream.read_buf(&mut self.seen)).await;
        let read = read.unwrap_or_else(|_| panic!("nothing comes after {}", self.shown()));
        read.unwrap_or(0)
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen[..self.seen.len().min(2000)]).into_owned()
    }

    /// Everything up to `mark`, which is included.
    pub async fn until(&mut self, mark: &str) -> String {
        let mut from = 0;
        loop {
            let found = self.seen[from..].windows(mark.len()).position(|at| at == mark.as_bytes());
            if let Some(found) = found {
                let taken: Vec<u8> = self.seen.drain(..from + found + mark.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            from = self.seen.len().saturating_sub(mark.len());
            assert_ne!(self.more().await, 0, "{mark:?} never came, but {:?}", self.shown());
        }
    }

    pub async fn head(&mut self) -> Head {
        Head::read(self.until("\r\n\r\n").await.as_bytes())
    }

    pub async fn take(&mut self, size: usize) -> Vec<u8> {
        while self.seen.len() < size {
            assert_ne!(self.more().await, 0, "{size} bytes never came, but {:?}", self.shown());
        }
        self.seen.drain(..size).collect()
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await != 0 {}
        std::mem::take(&mut self.seen)
    }

    /// Reads and throws away, up to the end; how much it was.
    pub async fn drain(&mut self) -> u64 {
        let mut size = std::mem::take(&mut self.seen).len() as u64;
        while self.more().await != 0 {
            size += std::mem::take(&mut self.seen).len() as u64;
        }
        size
    }

    /// The other side has ended the connection, without another word.
    pub async fn is_closed(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// The same, after these last bytes.
    pub async fn is_closed_after(&mut self, last: &str) {
        assert_eq!(String::from_utf8_lossy(&self.rest().await), last);
    }

    /// One chunk of a chunked body; the last is empty.
    pub async fn chunk(&mut self) -> Bytes {
        let size = self.until("\r\n").await;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            return Bytes::new();
        }
        let chunk = self.take(size + 2).await;
        Bytes::from(chunk).slice(..size)
    }

    /// Sends one chunk.
    pub async fn send_chunk(&mut self, data: &str) {
        self.send(format!("{:x}\r\n{data}\r\n", data.len())).await;
    }

    pub async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    /// A whole answer to a request of this method.
    pub async fn answer_to(&mut self, method: &str) -> Answer {
        let head = self.head().await;
        let body = match head.status() {
            100..200 | 204 | 304 => Vec::new(),
            _ if method == "HEAD" => Vec::new(),
            _ if head.text("transfer-encoding") == "chunked" => self.chunks().await,
            _ if head.has("content-length") => {
                self.take(head.text("content-length").parse().unwrap()).await
            }
            _ => self.rest().await,
        };
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: head.status(), headers: head.fields, body }
    }

    /// A chunked body without its trailers.
    pub async fn chunks(&mut self) -> Vec<u8> {
        let mut whole = Vec::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                break;
            }
            whole.extend_from_slice(&chunk);
        }
        while self.until("\r\n").await != "\r\n" {}
        whole
    }

    /// Ends the connection as a client does that has crashed.
    pub fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }

    /// Ends this side of the connection only.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }
}

/// The code of a problem that the gateway answers with.
pub fn code(answer: &Answer) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, json["code"].as_str().unwrap_or_default().to_owned())
}
