//! Servers to measure against, or to stand behind what is measured: a bare hyper, and a bare axum.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clap::ValueEnum;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::Failure;

/// What the application answers: as long as an account is, 156 bytes.
pub(crate) const ANSWER: &str = r#"{"id":1,"name":"Ada Lovelace","username":"ada","email":"ada@example.com","profile_image_url":"https://www.example.com/profile-image.png","tier_id":null,"a":1}"#;

/// Which one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// hyper alone: 200 and [`ANSWER`], or for `/authorize` 204 and a bearer token.
    Hyper,
    /// axum with one route: [`ANSWER`].
    Axum,
    /// hyper's server and client, and nothing in between: what a proxy made of them takes at least.
    Relay,
}

/// Serves on a free port of 127.0.0.1, whose address it prints first.
#[expect(clippy::print_stdout, reason = "whoever started it reads the address")]
pub(crate) async fn serve(kind: Kind, to: Option<SocketAddr>) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    match kind {
        Kind::Hyper => answer_on(listener).await,
        Kind::Relay => relay_on(listener, to.ok_or("--to says where to")?).await,
        Kind::Axum => {
            let json = [(CONTENT_TYPE, "application/json")];
            let router = Router::new().route("/api/v1/user/me", get(async move || (json, ANSWER)));
            axum::serve(listener, router).await?;
            Ok(())
        }
    }
}

/// The bare hyper, on `listener`.
pub(crate) async fn answer_on(listener: TcpListener) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let serving = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(async |request| answer(&request)));
        tokio::spawn(serving);
    }
}

/// Passes on what comes on `listener`, on one connection to `to` for each.
async fn relay_on(listener: TcpListener, to: SocketAddr) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(relay(stream, to));
    }
}

async fn relay(stream: TcpStream, to: SocketAddr) -> Result<(), Failure> {
    let upstream = TcpStream::connect(to).await?;
    upstream.set_nodelay(true)?;
    let (sender, connection) = client::handshake(TokioIo::new(upstream)).await?;
    tokio::spawn(connection);
    // One request at a time: nobody waits for it.
    let sender = Arc::new(Mutex::new(sender));
    let pass = service_fn(move |request: http::Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let mut sender = sender.lock().await;
            sender.ready().await?;
            sender.send_request(request).await
        }
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), pass).await?;
    Ok(())
}

fn answer(request: &http::Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_question = request.uri().path().starts_with("/authorize");
    let mut response = Response::new(Full::from(if is_question { "" } else { ANSWER }));
    let json = HeaderValue::from_static("application/json");
    match is_question {
        true => {
            *response.status_mut() = StatusCode::NO_CONTENT;
            let token = HeaderValue::from_static(TOKEN);
            response.headers_mut().insert("authorization", token);
        }
        false => drop(response.headers_mut().insert(CONTENT_TYPE, json)),
    }
    Ok(response)
}

/// As long as an access token is.
const TOKEN: &str = concat!(
    "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
    "eyJzdWIiOiJhZGEiLCJ1aWQiOjEsInNpZCI6IkFBQUFBQUFBQUFBQUFBQUFBQUFBQUEiLCJqdGkiOiJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIiwi",
    "aWF0IjoxODAwMDAwMDAwLCJleHAiOjE4MDAwMDE4MDAsInRva2VuX3R5cGUiOiJhY2Nlc3MifQ.",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
);
