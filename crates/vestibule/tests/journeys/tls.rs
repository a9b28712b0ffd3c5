//! TLS from PEM files, and the plain socket beside it (TL-01, TL-03, F29).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};
use vestibule::server::Edge;
use vestibule::server::tls::{PemFiles, Tls};

use crate::process::{Server, refusal, site_of, vestibule};
use crate::served::{Served, until_closed};
use crate::support::{Client, Folder, until};

const SECRETS: [(&str, &str); 2] = [
    ("AUTH_SECRET", "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4="),
    ("VESTIBULE_SIGNING_KEY", "n8Hs3Kd0Vb6Qw1Zx5Lc9Rt2Yp7Mf4Jg8TaXuWvEyO1E="),
];

const DAY: u64 = 24 * 60 * 60;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Two PEM files in a folder, and what trusts them.
struct Pems {
    files: PemFiles,
}

impl Pems {
    fn in_folder(folder: &Path) -> Self {
        let files = PemFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        let pems = Self { files };
        pems.replace(365);
        pems
    }

    /// Another certificate, which ends in so many days.
    fn replace(&self, days: i64) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let now = fs::metadata(self.files.key.parent().unwrap()).unwrap().modified().unwrap();
        let length = Duration::from_secs(days.unsigned_abs() * DAY);
        params.not_after = if days < 0 { now - length } else { now + length }.into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(&self.files.certificate, certificate.pem()).unwrap();
        fs::write(&self.files.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&self.files.key, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.files.certificate).unwrap()
    }

    fn arguments(&self) -> [&str; 4] {
        [
            "--tls-cert",
            self.files.certificate.to_str().unwrap(),
            "--tls-key",
            self.files.key.to_str().unwrap(),
        ]
    }

    /// A connection to a server that shows this certificate.
    async fn connect(
        &self,
        port: u16,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(versions)
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    async fn get(&self, port: u16) -> std::io::Result<String> {
        let mut stream = self.connect(port, &[&TLS13], &[]).await?;
        let get = format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(get.as_bytes()).await?;
        Ok(until_closed(&mut stream).await)
    }
}

fn hello() -> Router {
    Router::new().fallback(async || "hello")
}

async fn served(pems: &Pems) -> (Served, Tls) {
    let tls = Tls::load(pems.files.clone()).unwrap();
    let edge = Edge { tls: Some(tls.clone()), has_hsts: true, ..Edge::default() };
    (Served::new(edge, hello()).await, tls)
}

#[tokio::test]
async fn tl_01_tls_1_2_and_1_3_carry_http_1_1_and_2_with_strict_transport_security() {
    let folder = Folder::new();
    let pems = Pems::in_folder(folder.path());
    let (served, _) = served(&pems).await;
    let port = served.address.port();
    for (version, named) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        for bytes in [GET, b"GET / HTTP/1.1\nHost: a\n\n"] {
            let mut stream = pems.connect(port, &[version], &["http/1.1"]).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(named));
            let suite = stream.get_ref().1.negotiated_cipher_suite().unwrap().suite();
            let suite = format!("{suite:?}");
            assert!(suite.starts_with("TLS13_") || suite.contains("ECDHE"), "{suite}");
            stream.write_all(bytes).await.unwrap();
            let said = until_closed(&mut stream).await;
            let hsts = "strict-transport-security: max-age=31536000; includeSubDomains\r\n";
            assert!(said.contains(hsts), "{said}");
        }
        let stream = pems.connect(port, &[version], &["h2", "http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
        let response = client.send_request(request).await.unwrap();
        assert!(response.headers().contains_key("strict-transport-security"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
    let other = pems.connect(port, &[&TLS13], &["spdy/3"]).await.unwrap_err();
    assert!(other.to_string().contains("NoApplicationProtocol"), "{other}");
}

#[tokio::test]
async fn f29_a_new_certificate_is_shown_without_a_dropped_connection_and_a_broken_one_never() {
    let folder = Folder::new();
    let pems = Pems::in_folder(folder.path());
    let (served, tls) = served(&pems).await;
    let port = served.address.port();
    let mut old = pems.connect(port, &[&TLS13], &[]).await.unwrap();

    pems.replace(366);
    pems.get(port).await.unwrap_err();
    tls.reload().unwrap();
    assert!(pems.get(port).await.unwrap().ends_with("hello"));

    let good = [fs::read(&pems.files.certificate).unwrap(), fs::read(&pems.files.key).unwrap()];
    fs::write(&pems.files.certificate, "-----BEGIN CERTIFICATE-----\nAAAA").unwrap();
    tls.reload().unwrap_err();
    pems.replace(367);
    fs::write(&pems.files.certificate, &good[0]).unwrap();
    let refused = tls.reload().unwrap_err().to_string();
    assert!(refused.contains("is not the key of the certificate"), "{refused}");
    assert!(pems.get(port).await.unwrap().ends_with("hello"), "the last good one stays");

    old.write_all(GET).await.unwrap();
    assert!(until_closed(&mut old).await.ends_with("hello"), "what was open goes on");
}

#[test]
fn tl_01_what_can_not_be_used_stops_the_start_with_cause_and_mend() {
    let folder = Folder::new();
    let pems = Pems::in_folder(folder.path());
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let other = Pems::in_folder(&other);
    let data = folder.path().join("data");
    let [_, cert, _, key] = pems.arguments();
    let [_, _, _, other_key] = other.arguments();
    let open = folder.path().join("open.pem");
    fs::copy(key, &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let open = open.to_str().unwrap();
    for (arguments, said) in [
        (vec!["--tls-cert", cert, "--tls-key", other_key], &["is not the key", "Give both"][..]),
        (vec!["--tls-cert", cert, "--tls-key", open], &["read by others", "chmod 600"]),
        (vec!["--tls-cert", key, "--tls-key", key], &["no certificate", "PEM"]),
        (vec!["--tls-cert", cert, "--tls-key", cert], &["read by others"]),
        (vec!["--tls-cert", "/nowhere", "--tls-key", key], &["--tls-cert /nowhere can't be read"]),
        (
            vec!["--tls-cert", cert, "--tls-key", key, "--site-url", "http://localhost"],
            &["--site-url http://localhost is http", "https"],
        ),
        (vec!["--http-listen", "127.0.0.1:0"], &["--http-listen", "--tls-cert"]),
    ] {
        let mut all = arguments.clone();
        for flag in ["--site-listen", "--api-listen"] {
            all.extend([flag, "127.0.0.1:0"]);
        }
        all.extend(["--data", data.to_str().unwrap()]);
        let refusal = refusal(&vestibule(&all).output().unwrap());
        for part in said {
            assert!(refusal.contains(part), "{part:?} not in {refusal}");
        }
    }
}

/// A server on all addresses, which other machines reach by TLS alone.
fn open_server(folder: &Folder, pems: &Pems, more: &[&str], log: Stdio) -> Server {
    let data = folder.path().join("data");
    let mut all = vec!["--site-listen", "0.0.0.0:0", "--api-listen", "127.0.0.1:0"];
    all.extend(["--http-listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    all.extend(pems.arguments());
    all.extend(more);
    Server::spawn_logging(vestibule(&all).envs(SECRETS), log)
}

/// The port that is neither of those printed.
fn site_port(server: &Server) -> u16 {
    let site = server.url("Site");
    site.rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn tl_03_beside_an_https_site_a_plain_socket_redirects_pages_and_refuses_calls() {
    let folder = Folder::new();
    let pems = Pems::in_folder(folder.path());
    let server = open_server(&folder, &pems, &[], Stdio::null());
    let port = site_port(&server);
    assert!(server.said.contains(&format!("https://localhost:{port}")), "{}", server.said);
    let page = pems.get(port).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(!page.contains("strict-transport-security"), "not for all of localhost: {page}");

    let plain = server.client("Http");
    let page = plain.request("GET", "/a?b=c", &[("accept", "text/html")], "").await;
    let location = format!("https://localhost:{port}/a?b=c");
    assert_eq!((page.status, page.header("location")), (308, location.as_str()));
    let call = plain.get("/api/v1/user/me").await;
    assert_eq!((call.status, call.json()["code"].as_str()), (400, Some("https_required")));
}

#[tokio::test]
async fn tl_01_an_https_site_off_loopback_says_so_for_a_year_on_every_answer() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut command = vestibule(&["--site-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"]);
    command.args(["--site-url", "https://app.example.com", "--data", data.to_str().unwrap()]);
    command.envs(SECRETS);
    let server = Server::spawn(command);
    let site = Client::of(site_of(&server));
    for path in ["/", "/health", "/dashboard", "/nowhere", "/api/v1/user/me", "/%00"] {
        let answer = site.get(path).await;
        let said = answer.header("strict-transport-security");
        assert_eq!(said, "max-age=31536000; includeSubDomains", "{path}: {answer}");
    }
}

#[tokio::test]
async fn f29_a_server_that_runs_takes_the_new_certificate_when_it_is_told() {
    let folder = Folder::new();
    let pems = Pems::in_folder(folder.path());
    let server = open_server(&folder, &pems, &[], Stdio::null());
    let port = site_port(&server);
    assert!(pems.get(port).await.is_ok());
    pems.replace(366);
    server.signal("-HUP");
    until(async || pems.get(port).await.is_ok()).await;
}

#[tokio::test]
async fn f29_a_certificate_that_ends_is_a_warning_an_expired_one_an_error_and_both_a_number() {
    let folder = Folder::new();
    let pems = Pems::in_folder(folder.path());
    let log = folder.path().join("log");
    let says = |text: &str| fs::read_to_string(&log).unwrap().contains(text);
    pems.replace(10);
    let file = fs::File::create(&log).unwrap();
    let server = open_server(&folder, &pems, &["--metrics-listen", "127.0.0.1:0"], file.into());
    let left = async || {
        let text = server.client("Metrics").get("/metrics").await.body;
        let line = text.lines().find(|line| line.starts_with("vestibule_tls_certificate_expires"));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    until(async || says("WARN the certificate ends soon. Renew it")).await;
    until(async || (9.9..10.1).contains(&(left().await / DAY as f64))).await;
    pems.replace(-1);
    server.signal("-HUP");
    until(async || says("ERROR the certificate has expired")).await;
    assert!(left().await < 0.0);
    pems.replace(100);
    fs::write(&pems.files.certificate, "").unwrap();
    server.signal("-HUP");
    until(async || says("ERROR the certificate can't be replaced: the one in use stays")).await;
}
