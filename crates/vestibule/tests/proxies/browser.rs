//! A browser as far as proxies can tell: connections over TLS or without, cookies, and what it says of a request.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use vestibule_testbed::certificate::Certificate;

/// What people type when they register.
const PASSWORD: &str = "Str1ngst!";

/// Where the browser's connections come from: not the address that proxies have here.
pub const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// A browser on `https://localhost:PORT`, or on `http://` it.
#[derive(Clone)]
pub struct Browser {
    pub port: u16,
    pub is_https: bool,
    /// The origin that pages are from; `Host` is of it too.
    pub origin: String,
    pub jar: BTreeMap<String, String>,
}

/// A status, headers and the whole body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What the upstream got under a name.
    pub fn got(&self, name: &str) -> Vec<&str> {
        let lines = self.body.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value).collect()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?} {}", self.status, self.headers, self.body)
    }
}

pub const PAGE: [(&str, &str); 4] = [
    ("accept", "text/html"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];

pub const SCRIPT: [(&str, &str); 4] = [
    ("accept", "*/*"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
];

impl Browser {
    /// On a site whose origin is where one connects to.
    pub fn on(port: u16, is_https: bool) -> Self {
        let scheme = if is_https { "https" } else { "http" };
        let origin = format!("{scheme}://localhost:{port}");
        Self { port, is_https, origin, jar: BTreeMap::new() }
    }

    /// Registers and signs in.
    pub async fn member(mut self, username: &str) -> Self {
        let email = format!("{username}%40example.com");
        let fields =
            format!("name=Ada+Lovelace&username={username}&email={email}&password={PASSWORD}");
        let answer = self.submit("/register", &fields).await;
        assert_eq!(answer.status, 303, "{answer}");
        let answer =
            self.submit("/login", &format!("username={username}&password={PASSWORD}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/dashboard"), "{answer}");
        self
    }

    /// Submits a form of the site's own.
    pub async fn submit(&mut self, path: &str, fields: &str) -> Answer {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let origin = self.origin.clone();
        let fields = fields.to_owned();
        let headers = [&PAGE[..], &[kind, ("origin", origin.as_str())]].concat();
        self.ask("POST", path, &headers, fields).await
    }

    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, "").await
    }

    /// Sends a request, reads its answer whole, and keeps the cookies.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let response = self.send(method, path, headers, body.into()).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        let answer = Answer { status: head.status.as_u16(), headers: head.headers, body };
        self.keep(&answer.headers);
        answer
    }

    /// Sends a request; the answer's body is still to come, and no cookie is kept.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response<Incoming> {
        let host = self.origin.split("://").nth(1).unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", host);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.jar.is_empty() {
            let pairs: Vec<_> =
                self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        let request = request.body(body).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((HERE, 0).into()).unwrap();
        let stream = socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await.unwrap();
        if !self.is_https {
            return exchange(stream, request).await;
        }
        let name = "localhost".try_into().unwrap();
        exchange(tls().connect(name, stream).await.unwrap(), request).await
    }

    /// Asks for a WebSocket, from a page of `origin`.
    pub async fn handshake(&self, path: &str, origin: Option<&str>) -> Response<Incoming> {
        let handshake = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let origin = origin.map(|origin| ("origin", origin));
        let fields: Vec<_> = handshake.into_iter().chain(origin).collect();
        self.send("GET", path, &fields, Body::empty()).await
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) =
                pair.split_once('=').unwrap_or_else(|| panic!("no cookie: {line:?}"));
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Whether the answer to a handshake opened a socket to a server that sends back what it gets, byte for byte.
pub async fn echoes(response: Response<Incoming>) -> bool {
    let Ok(upgraded) = hyper::upgrade::on(response).await else { return false };
    let mut socket = TokioIo::new(upgraded);
    for _ in 0..3 {
        socket.write_all(b"\x00ping\xff").await.unwrap();
        let mut echoed = [0; 6];
        socket.read_exact(&mut echoed).await.unwrap();
        if &echoed != b"\x00ping\xff" {
            return false;
        }
    }
    true
}

async fn exchange<S>(stream: S, request: Request<Body>) -> Response<Incoming>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.unwrap()
}

fn tls() -> TlsConnector {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add(Certificate::shared().der.clone().into()).unwrap();
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    });
    TlsConnector::from(config.clone())
}

/// A body of so many bytes that never stands in memory whole.
pub fn long_body(bytes: usize) -> Body {
    const PIECE: Bytes = Bytes::from_static(&[7; 64 * 1024]);
    let pieces = (0..bytes / PIECE.len()).map(|_| Ok::<_, std::io::Error>(PIECE));
    Body::from_stream(futures_util::stream::iter(pieces))
}
