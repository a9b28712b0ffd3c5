//! The application behind it all: it answers with what it got.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// A running application; it ends with the test's runtime.
pub struct App {
    pub address: SocketAddr,
    /// The second event of `/events` waits for a permit.
    pub second_event: Arc<Semaphore>,
}

impl App {
    pub async fn start() -> Self {
        let second_event = Arc::new(Semaphore::new(0));
        let gate = second_event.clone();
        let router = Router::new()
            .route("/events", get(async move || events(gate)))
            .route("/socket", get(socket))
            .route("/upload", post(upload))
            .route("/year", any(year))
            .route("/_next/static/{*file}", any(year))
            .fallback(any(echo));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, second_event }
    }
}

/// `METHOD target`, then the headers, a line each.
fn told(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text
}

async fn echo(request: Request) -> String {
    told(&request)
}

/// What a server would say that wants to be kept by everybody for a year, whoever asked.
async fn year(request: Request) -> Response {
    let year = "public, max-age=31536000, s-maxage=31536000";
    (
        [
            ("cache-control", year),
            ("cdn-cache-control", year),
            ("surrogate-control", year),
            ("x-accel-expires", "31536000"),
            ("expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ],
        told(&request),
    )
        .into_response()
}

/// One event at once, the next when the test allows it.
fn events(gate: Arc<Semaphore>) -> Response {
    let events = stream::unfold(0, move |count| {
        let gate = gate.clone();
        async move {
            if count == 1 {
                gate.acquire().await.unwrap().forget();
            }
            let event = Bytes::from(format!("data: {count}\n\n"));
            (count < 2).then_some((Ok::<_, std::io::Error>(event), count + 1))
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(events)).into_response()
}

/// How many bytes came.
async fn upload(request: Request) -> String {
    let mut body = request.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().into_data().map_or(0, |data| data.len());
    }
    bytes.to_string()
}

/// Changes to a protocol that answers each byte with itself. The key is that of RFC 6455, 1.3.
async fn socket(mut request: Request) -> Response {
    if request.headers().get("sec-websocket-key").is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let mut upgraded = TokioIo::new(upgraded);
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = upgraded.read(&mut bytes).await {
            if upgraded.write_all(&bytes[..count]).await.is_err() {
                break;
            }
        }
    });
    let switched = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, switched).into_response()
}
