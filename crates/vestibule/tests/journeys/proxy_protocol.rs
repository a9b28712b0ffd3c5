//! Whose connection it is, said by a proxy in front before the first byte of TLS or HTTP.

use std::sync::Arc;

use axum::{Extension, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vestibule::server::{Announced, Edge, Places};
use vestibule_types::ClientAddress;

use crate::process::Server;
use crate::served::{Served, until_closed};
use crate::support::Folder;

const HEADER: &str = "PROXY TCP4 203.0.113.7 10.0.0.2 56324 443\r\n";
const GET: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn echoing() -> Served {
    let echo = async |Extension(address): Extension<ClientAddress>| address.0.to_string();
    let edge = Edge {
        announced: Some(Announced { by: Arc::new(|address| address.is_loopback()) }),
        places: Places::new(100, 2, Arc::new(|address| address.is_loopback())),
        ..Edge::default()
    };
    Served::new(edge, Router::new().fallback(echo)).await
}

#[tokio::test]
async fn the_announced_address_is_the_clients_and_counts_as_one() {
    let served = echoing().await;
    let said = served.exchange(format!("{HEADER}{GET}").as_bytes()).await;
    assert!(said.ends_with("\r\n\r\n203.0.113.7"), "{said}");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = served.connect().await;
        let kept = GET.replace("Connection: close\r\n", "");
        stream.write_all(format!("{HEADER}{kept}").as_bytes()).await.unwrap();
        assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        held.push(stream);
    }
    let mut third = served.connect().await;
    third.write_all(HEADER.as_bytes()).await.unwrap();
    assert_eq!(until_closed(&mut third).await, "", "that address has its two");
    let other = HEADER.replace("203.0.113.7", "203.0.113.8");
    assert!(served.exchange(format!("{other}{GET}").as_bytes()).await.ends_with("203.0.113.8"));
}

#[tokio::test]
async fn a_connection_without_the_header_is_closed_unanswered() {
    let served = echoing().await;
    for begin in ["GET / HTTP/1.1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n"] {
        let mut stream = served.connect().await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        assert_eq!(said, b"", "{begin:?}");
    }
}

#[tokio::test]
async fn the_setting_asks_for_the_header_on_the_site_and_not_on_the_api() {
    let folder = Folder::new();
    let known = ["--proxy-protocol", "--trusted-hop", "127.0.0.1"];
    let server = Server::serve(&folder, &known);
    assert_eq!(server.client("API").get("/health").await.status, 200);
    assert!(server.client("Site").try_request("GET", "/health", &[], "").await.is_none());
    let address = server.url("Site").replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{HEADER}{GET}").as_bytes()).await.unwrap();
    assert!(until_closed(&mut stream).await.starts_with("HTTP/1.1 200 "));
}
