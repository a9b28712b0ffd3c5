use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;
use serde::Deserialize;
use url::Url;

/// An upstream as settings describe it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UpstreamSpec {
    /// Where it is; requests go to the one that has the least to do:
    /// `http://10.0.0.7:9000`, `https://api.internal`, `h2c://10.0.0.7:9000` (HTTP/2 without TLS), `unix:/run/app.sock`.
    pub addresses: Vec<String>,
    /// How it is told who is well, if not by what happens to requests alone.
    pub health: Option<HealthCheck>,
    /// File with the certificate authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// Files with a certificate and its key to show to the upstream (mutual TLS).
    pub client_cert: Option<PathBuf>,
    /// See `client_cert`.
    pub client_key: Option<PathBuf>,
    /// Most requests under way at a time; more are refused with 503.
    #[serde(default = "usual_most")]
    pub max_requests: usize,
}

/// A path that is asked again and again; whoever does not answer 2xx or 3xx gets no requests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HealthCheck {
    /// The path.
    pub path: String,
    /// Seconds between two checks, and the longest that one may take.
    #[serde(default = "usual_pause")]
    pub every: u64,
}

/// An upstream's settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUpstream {
    /// Not an absolute URL of a known scheme without a query.
    #[error(
        "has to be a URL such as http://localhost:8000, https://api.internal, h2c://10.0.0.7:9000 or unix:/run/app.sock"
    )]
    Url,
    /// There is none.
    #[error("has no address")]
    NoAddress,
    /// A certificate or key.
    #[error("needs {what}, which can't be read: {cause}")]
    File {
        /// What is not there.
        what: String,
        /// Why not.
        cause: String,
    },
    /// Certificates for nothing.
    #[error("has ca or client-cert, but no https:// address that they could be for")]
    NoTls,
    /// One without the other.
    #[error("needs client-cert and client-key, both or neither")]
    HalfClient,
    /// No request could ever be made.
    #[error("max-requests has to be 1 or more, and every of health 1 or more")]
    Zero,
    /// Not a path.
    #[error("health has to have a path such as /health")]
    Health,
}

fn usual_most() -> usize {
    4096
}

fn usual_pause() -> u64 {
    5
}

impl UpstreamSpec {
    /// One address and the usual settings.
    pub fn at(address: &str) -> Self {
        Self {
            addresses: vec![address.to_owned()],
            health: None,
            ca: None,
            client_cert: None,
            client_key: None,
            max_requests: usual_most(),
        }
    }

    pub(super) fn check(&self) -> Result<(), InvalidUpstream> {
        if self.addresses.is_empty() {
            return Err(InvalidUpstream::NoAddress);
        }
        if self.client_cert.is_some() != self.client_key.is_some() {
            return Err(InvalidUpstream::HalfClient);
        }
        if self.max_requests == 0 || self.health.as_ref().is_some_and(|health| health.every == 0) {
            return Err(InvalidUpstream::Zero);
        }
        let paths = self.health.iter().map(|health| health.path.parse::<http::uri::PathAndQuery>());
        match paths.into_iter().all(|path| path.is_ok_and(|path| path.as_str().starts_with('/'))) {
            true => Ok(()),
            false => Err(InvalidUpstream::Health),
        }
    }
}

impl HealthCheck {
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs(self.every)
    }
}

/// One address, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    pub(super) wire: Wire,
    /// What is sent as `Host` where the site's own is not.
    pub(super) authority: Authority,
    /// Goes in front of every path; without a slash at its end.
    pub(super) prefix: String,
}

/// How it is spoken to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Wire {
    /// HTTP/1.1.
    Plain,
    /// HTTP/2 without TLS, known beforehand (RFC 9113, 3.3).
    PlainH2,
    /// HTTP/2 or HTTP/1.1, as both agree.
    Tls,
    /// HTTP/1.1 through a socket of this machine.
    Unix(PathBuf),
}

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidUpstream> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path.trim_start_matches("//"));
            let localhost = Authority::from_static("localhost");
            return match path.is_absolute() {
                true => {
                    Ok(Self { wire: Wire::Unix(path), authority: localhost, prefix: String::new() })
                }
                false => Err(InvalidUpstream::Url),
            };
        }
        let (wire, text) = match text.strip_prefix("h2c://") {
            Some(rest) => (Wire::PlainH2, format!("http://{rest}")),
            None => (Wire::Plain, text.to_owned()),
        };
        let url = Url::parse(&text).map_err(|_| InvalidUpstream::Url)?;
        let wire = match url.scheme() {
            "http" => wire,
            "https" => Wire::Tls,
            _ => return Err(InvalidUpstream::Url),
        };
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let authority = url[url::Position::BeforeHost..url::Position::AfterPort].parse();
        match authority {
            Ok(authority) if plain => {
                let prefix = url.path().trim_end_matches('/').to_owned();
                Ok(Self { wire, authority, prefix })
            }
            _ => Err(InvalidUpstream::Url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_or_a_socket() {
        for (text, wire, authority, prefix) in [
            ("http://localhost:8000", Wire::Plain, "localhost:8000", ""),
            ("http://localhost:8000/", Wire::Plain, "localhost:8000", ""),
            ("http://h/a/b/", Wire::Plain, "h", "/a/b"),
            ("https://api.internal", Wire::Tls, "api.internal", ""),
            ("https://[::1]:8443", Wire::Tls, "[::1]:8443", ""),
            ("h2c://10.0.0.7:9000", Wire::PlainH2, "10.0.0.7:9000", ""),
            ("unix:/run/app.sock", Wire::Unix("/run/app.sock".into()), "localhost", ""),
            ("unix:///run/app.sock", Wire::Unix("/run/app.sock".into()), "localhost", ""),
        ] {
            let target = Target::parse(text).unwrap();
            let said = (target.wire, target.authority.as_str().to_owned(), target.prefix);
            assert_eq!(said, (wire, authority.to_owned(), prefix.to_owned()), "{text}");
        }
        for text in [
            "",
            "localhost:8000",
            "ftp://h",
            "http://",
            "http://h?x",
            "http://h#x",
            "http://u@h",
            "unix:",
            "unix:app.sock",
            "h2c://",
            "h2c:x",
            "//h",
        ] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
