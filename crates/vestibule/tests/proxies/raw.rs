//! What a client says on a raw socket: hosts, and names of headers.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::vestibule::Vestibule;
use vestibule_testbed::free_ports;

struct Stage {
    port: u16,
    _vestibule: Vestibule,
}

impl Stage {
    async fn new() -> Self {
        let ui = format!("http://127.0.0.1:{}", verbatim().await);
        let [port] = free_ports();
        let listen = format!("127.0.0.1:{port}");
        let url = format!("http://localhost:{port}");
        let vestibule = Vestibule::start(&[
            "--site-listen",
            &listen,
            "--site-url",
            &url,
            "--ui",
            &ui,
            "--also-host",
            "vestibule.internal",
        ]);
        Self { port, _vestibule: vestibule }
    }

    /// Everything that comes back for these bytes on a connection of their own.
    async fn say(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn status(&self, head: &str) -> u16 {
        let head = head.replace("PORT", &self.port.to_string());
        let answer = self.say(&format!("{head}Connection: close\r\n\r\n")).await;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("{head:?} was answered {answer:?}"))
    }
}

/// A server that answers each request with its head as it came, byte by byte.
async fn verbatim() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    head.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.write_all(&head).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn gw_10_hosts_on_the_wire_are_the_sites_or_refused() {
    let stage = Stage::new().await;
    for (head, status) in [
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT\r\n", 200),
        ("GET /page HTTP/1.1\r\nhOsT: LOCALHOST:PORT\r\n", 200),
        ("GET /page HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n", 200),
        ("GET /page HTTP/1.1\r\nHost: [::1]:PORT\r\n", 200),
        ("GET /page HTTP/1.1\r\nHost: vestibule.internal\r\n", 200),
        ("GET http://localhost:PORT/page HTTP/1.1\r\nHost: localhost:PORT\r\n", 200),
        ("GET /page HTTP/1.1\r\n", 400),
        ("GET /page HTTP/1.0\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost:\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost: localhost\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost: localhost:1\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost: evil.test\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: localhost:PORT\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT\r\nHost: evil.test\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT\r\nHost: localhost:PORT\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT, evil.test\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT/../admin\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT?x\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT#x\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: user@localhost:PORT\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT@evil.test\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: localhost:PORT.evil.test\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost: localhost.:PORT\r\n", 421),
        ("GET /page HTTP/1.1\r\nHost: local\thost\r\n", 400),
        ("GET /page HTTP/1.1\r\nHost: \u{ff4c}ocalhost:PORT\r\n", 400),
        ("GET http://evil.test/page HTTP/1.1\r\nHost: localhost:PORT\r\n", 421),
        ("GET http://localhost:PORT/page HTTP/1.1\r\nHost: evil.test\r\n", 421),
        ("GET http://user@localhost:PORT/page HTTP/1.1\r\nHost: localhost:PORT\r\n", 421),
        ("GET http://evil.test/health HTTP/1.1\r\nHost: localhost:PORT\r\n", 421),
        ("GET /health HTTP/1.1\r\nHost: 10.0.0.7:3000\r\n", 200),
        ("GET /health HTTP/1.1\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost:PORT\r\n", 400),
    ] {
        assert_eq!(stage.status(head).await, status, "{head:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gw_10_the_authority_of_http_2_is_the_sites_or_refused() {
    let stage = Stage::new().await;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, stage.port)).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (authority, host, status) in [
        ("localhost:PORT", None, 200),
        ("127.0.0.1:PORT", None, 200),
        ("localhost:PORT", Some("localhost:PORT"), 200),
        ("localhost:PORT", Some("evil.test"), 400),
        ("evil.test", None, 421),
        ("evil.test", Some("localhost:PORT"), 400),
        ("localhost:1", None, 421),
    ] {
        let put = |text: &str| text.replace("PORT", &stage.port.to_string());
        let mut request = Request::get(format!("http://{}/page", put(authority)));
        if let Some(host) = host {
            request = request.header("host", put(host));
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::from_u16(status).unwrap(),
            "{authority} {host:?}"
        );
        response.into_body().collect().await.unwrap();
    }
}

/// Names by which servers learn who called, for what, and as whom.
const NAMES: &str = "
    Authorization Proxy-Authorization Proxy Forwarded X-Forwarded X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Proto X-Forwarded-Port X-Forwarded-Server X-Forwarded-Prefix X-Forwarded-Uri X-Forwarded-Method
    X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Real-IP X-Original-URL X-Original-URI
    X-Original-Method X-Rewrite-URL X-HTTP-Method-Override X-Method-Override X-Host X-Scheme Client-IP
    True-Client-IP CF-Connecting-IP X-Cluster-Client-IP X-Envoy-External-Address X-Vestibule-User-Id
    X-Vestibule-Username X-Middleware-Subrequest X-Nextjs-Data X-Matched-Path X-Invoke-Path X-User X-User-Id
    X-Auth-Request-User X-Auth-User X-Authentik-Username X-Remote-User Remote-User X-Client-Cert SSL-Client-Cert
    X-Amzn-Oidc-Data X-Goog-IAP-JWT-Assertion X-MS-Client-Principal Cf-Access-Jwt-Assertion Tailscale-User-Login
    X-JWT-Assertion X-Email X-Groups X-Access-Token X-Consumer-Username X-WEBAUTH-USER X-Pomerium-Claim-Email";

fn spellings() -> Vec<String> {
    let ways: [fn(&str) -> String; 6] = [
        str::to_owned,
        str::to_uppercase,
        |name| name.replace('-', "_"),
        |name| name.replace('-', "."),
        |name| name.to_lowercase().replace('-', "~"),
        |name| format!("{name}-"),
    ];
    NAMES.split_whitespace().flat_map(|name| ways.map(|way| way(name))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gw_01_no_spelling_reaches_the_upstream_on_the_wire() {
    let (stage, spellings) = (Stage::new().await, spellings());
    assert!(spellings.len() >= 300, "{}", spellings.len());
    for some in spellings.chunks(30) {
        let forged: String = some.iter().map(|name| format!("{name}: canary\r\n")).collect();
        let head =
            format!("GET /page HTTP/1.1\r\nHost: localhost:{}\r\nX-Kept: yes\r\n", stage.port);
        // Named by `Connection` besides: that must take nothing of ours away.
        let connection = "Connection: close, x-forwarded-for, forwarded, x-forwarded-proto\r\n\r\n";
        let answer = stage.say(&format!("{head}{forged}{connection}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{some:?}: {answer}");
        assert!(!answer.contains("canary"), "{some:?}: {answer}");
        for ours in ["x-kept: yes", "x-forwarded-for: 127.0.0.1", "forwarded: for=127.0.0.1;"] {
            assert!(answer.to_lowercase().contains(ours), "{ours}: {answer}");
        }
    }
}
