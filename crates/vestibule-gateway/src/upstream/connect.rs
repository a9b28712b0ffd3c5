//! Connections to one address, by whatever wire it has.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Uri;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tower::Service as _;

use super::Outage;
use super::listening::Listening;
use super::lone::Line;
use super::spec::{InvalidUpstream, Target, UpstreamSpec, Wire};

/// Time for a connection, TLS included (RL-05).
const CONNECT: Duration = Duration::from_secs(2);

/// A new connection, ready for a request; nobody drives one of HTTP/1.1 yet.
pub(super) enum Connection {
    H1(http1::SendRequest<Body>, Line),
    H2(http2::SendRequest<Body>),
}

/// Makes connections to one address.
pub(super) struct Connector {
    target: Target,
    tcp: HttpConnector,
    tls: Option<Arc<ClientConfig>>,
    /// The same for what only HTTP/1.1 can do.
    tls_h1: Option<Arc<ClientConfig>>,
}

impl Connector {
    pub(super) fn new(target: Target, tls: Option<&Arc<ClientConfig>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let with = |protocols: &[&[u8]]| {
            tls.map(|tls| {
                let mut tls = ClientConfig::clone(tls);
                tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
                Arc::new(tls)
            })
        };
        Self { target, tcp, tls: with(&[b"h2", b"http/1.1"]), tls_h1: with(&[b"http/1.1"]) }
    }

    /// Connects, in at most [`CONNECT`].
    pub(super) async fn connect(&self, h1_only: bool) -> Result<Connection, Outage> {
        match tokio::time::timeout(CONNECT, self.try_connect(h1_only)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => {
                let error = &*error as &dyn std::error::Error;
                let address = self.target.authority.as_str();
                tracing::debug!(upstream.address = address, error, "an upstream can't be reached");
                Err(Outage::Unreachable)
            }
            Err(_) => {
                let address = self.target.authority.as_str();
                tracing::debug!(upstream.address = address, "an upstream took too long to connect");
                Err(Outage::Slow)
            }
        }
    }

    async fn try_connect(&self, h1_only: bool) -> Result<Connection, Error> {
        match &self.target.wire {
            Wire::Unix(path) => h1(UnixStream::connect(path).await?).await,
            Wire::Plain => h1(self.tcp().await?).await,
            Wire::PlainH2 => h2(self.tcp().await?).await,
            Wire::Tls => self.tls(h1_only).await,
        }
    }

    async fn tcp(&self) -> Result<TcpStream, Error> {
        let default_port = if self.target.wire == Wire::Tls { 443 } else { 80 };
        let (host, port) = (self.target.authority.host(), self.target.authority.port_u16());
        let uri: Uri = format!("http://{host}:{}", port.unwrap_or(default_port)).parse()?;
        Ok(self.tcp.clone().call(uri).await?.into_inner())
    }

    /// The certificate is always checked, for this name (TL-02).
    async fn tls(&self, h1_only: bool) -> Result<Connection, Error> {
        let config = if h1_only { &self.tls_h1 } else { &self.tls };
        let config = config.clone().ok_or("there is no TLS configuration")?;
        let host = self.target.authority.host().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(config).connect(name, self.tcp().await?).await?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if is_h2 { h2(stream).await } else { h1(stream).await }
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn h1<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
) -> Result<Connection, Error> {
    let (sender, connection) = http1::handshake(TokioIo::new(Listening::new(stream))).await?;
    let line = async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to an upstream ended early");
        }
    };
    Ok(Connection::H1(sender, Box::pin(line)))
}

/// How often a quiet HTTP/2 connection is tried, and how long that may take.
const PING: Duration = Duration::from_secs(20);

async fn h2<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
) -> Result<Connection, Error> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to an upstream ended early");
        }
    });
    Ok(Connection::H2(sender))
}

/// Who is trusted, and what is shown to whoever asks.
pub(super) fn tls_config(spec: &UpstreamSpec) -> Result<Arc<ClientConfig>, InvalidUpstream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder =
        versions.expect("the provider has TLS 1.2 and 1.3").with_root_certificates(roots(spec)?);
    let config = match (&spec.client_cert, &spec.client_key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| unreadable(key, cause))?;
            builder.with_client_auth_cert(chain, key).map_err(|cause| unreadable(cert, cause))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn roots(spec: &UpstreamSpec) -> Result<RootCertStore, InvalidUpstream> {
    let mut roots = RootCertStore::empty();
    match &spec.ca {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|cause| unreadable(file, cause))?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
        }
    }
    match roots.is_empty() {
        true => Err(InvalidUpstream::File {
            what: "the system's certificate authorities".to_owned(),
            cause: io::Error::from(io::ErrorKind::NotFound).to_string(),
        }),
        false => Ok(roots),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidUpstream> {
    let read = CertificateDer::pem_file_iter(file).map_err(|cause| unreadable(file, cause))?;
    let read: Result<Vec<_>, _> = read.collect();
    match read {
        Ok(found) if found.is_empty() => Err(unreadable(file, "it holds no certificate")),
        Ok(found) => Ok(found),
        Err(cause) => Err(unreadable(file, cause)),
    }
}

fn unreadable(file: &Path, cause: impl std::fmt::Display) -> InvalidUpstream {
    InvalidUpstream::File { what: file.display().to_string(), cause: cause.to_string() }
}
