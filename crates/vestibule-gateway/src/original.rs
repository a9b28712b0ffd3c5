//! The request that a proxy asks about, out of what it says of it (GW-18).

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::host::{HostName, Hosts};
use crate::path::CanonicalPath;

/// What the client sent to the proxy.
#[derive(Debug)]
pub(crate) struct Original {
    pub(crate) method: Method,
    pub(crate) path: CanonicalPath,
    /// The canonical path and the query.
    pub(crate) uri: Uri,
    /// By which of its names the site was called.
    pub(crate) host: HostName,
}

/// Why it can't be read, for whoever set the proxy up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BadForwarding {
    #[error("its {0} is said twice, and not alike")]
    Ambiguous(&'static str),
    #[error("nobody says its {0}: see the examples for this proxy")]
    Missing(&'static str),
    #[error("its {0} is malformed")]
    Malformed(&'static str),
    #[error("it is for another host; if the site should answer to this name too: --also-host")]
    ForeignHost,
}

/// Where the original path begins, if it is in the target (Envoy's `path_prefix`).
const PREFIX: &str = "/forward-auth";

const METHODS: [&str; 2] = ["x-forwarded-method", "x-original-method"];
const TARGETS: [&str; 2] = ["x-forwarded-uri", "x-original-uri"];

impl Original {
    /// Reads it. Where two headers speak of one thing they have to say the same: the second may be the client's.
    ///
    /// # Errors
    /// [`BadForwarding`]: it is refused, and nothing is guessed.
    pub(crate) fn read(head: &Parts, hosts: &Hosts) -> Result<Self, BadForwarding> {
        let headers = &head.headers;
        let host = host(headers, hosts)?;
        let suffix = suffix(&head.uri);
        let target = agreed("target", all(headers, &TARGETS).chain(suffix.map(str::as_bytes)))?;
        // Only who appends the path keeps the method (Envoy); the others ask by GET, whatever was sent.
        let own = suffix.map(|_| head.method.as_str().as_bytes());
        let method = match all(headers, &METHODS).next() {
            Some(_) => agreed("method", all(headers, &METHODS)),
            None => agreed("method", own.into_iter()),
        }?;
        let method = Method::from_bytes(method).map_err(|_| BadForwarding::Malformed("method"))?;
        let (path, uri) = parsed(target).ok_or(BadForwarding::Malformed("target"))?;
        Ok(Self { method, path, uri, host })
    }
}

fn suffix(uri: &Uri) -> Option<&str> {
    let target = uri.path_and_query()?.as_str().strip_prefix(PREFIX)?;
    target.starts_with('/').then_some(target)
}

/// The host is one of the site's: `Host`, unless the proxy puts its own there and forwards the client's.
fn host(headers: &HeaderMap, hosts: &Hosts) -> Result<HostName, BadForwarding> {
    let forwarded = HeaderName::from_static("x-forwarded-host");
    let name = if headers.contains_key(&forwarded) { forwarded } else { HOST };
    let host = agreed("host", headers.get_all(name).iter().map(HeaderValue::as_bytes))?;
    let host = std::str::from_utf8(host).ok().and_then(|host| host.parse::<HostName>().ok());
    match host.ok_or(BadForwarding::Malformed("host"))? {
        host if hosts.contain(&host) => Ok(host),
        _ => Err(BadForwarding::ForeignHost),
    }
}

fn all<'a>(headers: &'a HeaderMap, names: &'static [&str]) -> impl Iterator<Item = &'a [u8]> {
    names.iter().flat_map(|name| headers.get_all(*name)).map(HeaderValue::as_bytes)
}

fn agreed<'a>(
    what: &'static str,
    mut said: impl Iterator<Item = &'a [u8]>,
) -> Result<&'a [u8], BadForwarding> {
    let first = said.next().ok_or(BadForwarding::Missing(what))?;
    said.all(|other| other == first).then_some(first).ok_or(BadForwarding::Ambiguous(what))
}

/// A path with or without a query, in the one spelling that everybody sees (GW-05).
fn parsed(target: &[u8]) -> Option<(CanonicalPath, Uri)> {
    let target = std::str::from_utf8(target).ok()?;
    let (raw, query) = match target.split_once('?') {
        Some((raw, query)) => (raw, Some(query)),
        None => (target, None),
    };
    let path = CanonicalPath::parse(raw).ok()?;
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let uri = format!("{}{query}", path.as_str()).parse().ok()?;
    Some((path, uri))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Result<(String, String), BadForwarding> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        let hosts = Hosts::new(&"https://app.example.com".parse().unwrap(), vec![]);
        Original::read(&head, &hosts).map(|it| (it.method.to_string(), it.uri.to_string()))
    }

    const HOST: (&str, &str) = ("host", "app.example.com");

    #[test]
    fn gw_18_each_proxy_is_understood() {
        for (method, target, fields) in [
            (
                "GET",
                "/auth-request",
                &[HOST, ("x-original-method", "PUT"), ("x-original-uri", "/a/../b?c=/d")][..],
            ),
            (
                "GET",
                "/forward-auth",
                &[HOST, ("x-forwarded-method", "PUT"), ("x-forwarded-uri", "/b?c=/d")],
            ),
            (
                "GET",
                "/forward-auth",
                &[
                    ("host", "vestibule:3001"),
                    ("x-forwarded-host", "app.example.com"),
                    ("x-forwarded-method", "PUT"),
                    ("x-forwarded-uri", "/%62?c=/d"),
                ],
            ),
            ("PUT", "/forward-auth/b?c=/d", &[HOST]),
            ("PUT", "/forward-auth/a/../b?c=/d", &[HOST]),
        ] {
            let found = read(method, target, fields);
            assert_eq!(found, Ok(("PUT".to_owned(), "/b?c=/d".to_owned())), "{target} {fields:?}");
        }
    }

    #[test]
    fn gw_18_what_is_malformed_or_said_in_two_ways_is_refused() {
        use BadForwarding::{Ambiguous, ForeignHost, Malformed, Missing};
        const PUT: (&str, &str) = ("x-forwarded-method", "PUT");
        const TO_B: (&str, &str) = ("x-forwarded-uri", "/b");
        let at = "/forward-auth";
        for (target, fields, why) in [
            (at, &[HOST, PUT][..], Missing("target")),
            (at, &[HOST, TO_B], Missing("method")),
            (at, &[PUT, TO_B], Missing("host")),
            (at, &[("host", "evil.test"), PUT, TO_B], ForeignHost),
            (at, &[HOST, ("x-forwarded-host", "evil.test"), PUT, TO_B], ForeignHost),
            (at, &[HOST, ("x-forwarded-host", "a b"), PUT, TO_B], Malformed("host")),
            (
                at,
                &[HOST, ("x-forwarded-host", "app.example.com, evil.test"), PUT, TO_B],
                Malformed("host"),
            ),
            (at, &[HOST, ("host", "evil.test"), PUT, TO_B], Ambiguous("host")),
            (at, &[HOST, PUT, ("x-original-method", "GET"), TO_B], Ambiguous("method")),
            (at, &[HOST, PUT, ("x-forwarded-method", "GET"), TO_B], Ambiguous("method")),
            (at, &[HOST, ("x-forwarded-method", "P T"), TO_B], Malformed("method")),
            (at, &[HOST, ("x-forwarded-method", ""), TO_B], Malformed("method")),
            (at, &[HOST, PUT, TO_B, ("x-original-uri", "/c")], Ambiguous("target")),
            (at, &[HOST, PUT, TO_B, ("x-forwarded-uri", "/c")], Ambiguous("target")),
            ("/forward-auth/b", &[HOST, PUT, ("x-forwarded-uri", "/c")], Ambiguous("target")),
            ("/forward-auth//b", &[HOST], Malformed("target")),
            ("/forward-auth/%2e%2e/b", &[HOST], Malformed("target")),
            (at, &[HOST, PUT, ("x-forwarded-uri", "")], Malformed("target")),
            (at, &[HOST, PUT, ("x-forwarded-uri", "b")], Malformed("target")),
            (
                at,
                &[HOST, PUT, ("x-forwarded-uri", "https://app.example.com/b")],
                Malformed("target"),
            ),
            (at, &[HOST, PUT, ("x-forwarded-uri", "//b")], Malformed("target")),
            (at, &[HOST, PUT, ("x-forwarded-uri", "/a%2fb")], Malformed("target")),
            (at, &[HOST, PUT, ("x-forwarded-uri", "/b#c")], Malformed("target")),
            (at, &[HOST, PUT, ("x-forwarded-uri", "/b?c d")], Malformed("target")),
            (at, &[HOST, PUT, ("x-forwarded-uri", "/b, /c d")], Malformed("target")),
        ] {
            assert_eq!(read("GET", target, fields), Err(why), "{target} {fields:?}");
        }
    }
}
