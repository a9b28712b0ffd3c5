//! Which host a request names, and whether that is this site (GW-10).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use http::header::HOST;
use http::request::Parts;

use crate::site::Site;

/// A host with or without a port, as it stands in `Host`; in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostName(String);

/// Why a text is not a [`HostName`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("has to be a host as clients put it into Host, such as app.internal or 10.0.0.2:3000")]
pub struct InvalidHost;

impl HostName {
    fn parse(bytes: &[u8]) -> Result<Self, InvalidHost> {
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidHost)?;
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let is_legal = is_host(host) && port.is_none_or(is_port);
        is_legal.then(|| Self(text.to_ascii_lowercase())).ok_or(InvalidHost)
    }
}

/// What RFC 3986, 3.2.2 allows, less what no server's name has: escapes and sub-delimiters.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (1..=253).contains(&text.len()) && text.bytes().all(legal)
        }
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

impl FromStr for HostName {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The one host that a request names: in its target (absolute form, or `:authority`), in `Host`, or the
/// same in both. `None` if it names none, two, or nothing that is a host.
pub(crate) fn named(head: &Parts) -> Option<HostName> {
    let target = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let headers = head.headers.get_all(HOST).iter().map(http::HeaderValue::as_bytes);
    let mut said = target.into_iter().chain(headers);
    let first = HostName::parse(said.next()?).ok()?;
    let is_single = head.headers.get_all(HOST).iter().count() <= 1;
    let agree = said.all(|other| HostName::parse(other).as_ref() == Ok(&first));
    (is_single && agree).then_some(first)
}

/// The names that the site answers to.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Vec<HostName>);

impl Hosts {
    /// Those of `site`, with and without the port that its scheme implies, and `also`.
    pub(crate) fn new(site: &Site, also: Vec<HostName>) -> Self {
        let implied = if site.is_https() { ":443" } else { ":80" };
        let is_implied = site.authority() == site.host();
        let own = site.authorities().flat_map(|authority| {
            let spelled_out = is_implied.then(|| HostName(format!("{authority}{implied}")));
            std::iter::once(HostName(authority.to_owned())).chain(spelled_out)
        });
        Self(own.chain(also).collect())
    }

    pub(crate) fn contain(&self, host: &HostName) -> bool {
        self.0.contains(host)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn hosts(site: &str, also: &[&str]) -> Hosts {
        let also = also.iter().map(|name| name.parse().unwrap()).collect();
        Hosts::new(&site.parse().unwrap(), also)
    }

    fn head(target: &str, hosts: &[&[u8]]) -> Parts {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn gw_10_a_site_answers_to_its_names_and_to_no_other() {
        for (site, host, answers) in [
            ("https://app.example.com", "app.example.com", true),
            ("https://app.example.com", "APP.example.com", true),
            ("https://app.example.com", "app.example.com:443", true),
            ("https://app.example.com", "app.example.com:80", false),
            ("https://app.example.com", "app.example.com.", false),
            ("https://app.example.com", "example.com", false),
            ("https://app.example.com", "evil.test", false),
            ("https://app.example.com", "app.example.com.evil.test", false),
            ("https://app.example.com", "127.0.0.1", false),
            ("https://app.example.com:8443", "app.example.com:8443", true),
            ("https://app.example.com:8443", "app.example.com", false),
            ("http://localhost:3000", "127.0.0.1:3000", true),
            ("http://localhost:3000", "[::1]:3000", true),
            ("http://localhost:3000", "localhost", false),
            ("http://[::1]", "[::1]", true),
            ("http://[::1]", "[::1]:80", true),
            ("http://[::1]", "localhost:80", true),
        ] {
            let named = named(&head("/", &[host.as_bytes()])).unwrap();
            assert_eq!(hosts(site, &[]).contain(&named), answers, "{host} at {site}");
        }
        let also = hosts("https://app.example.com", &["Vestibule.internal:3000"]);
        assert!(also.contain(&"vestibule.INTERNAL:3000".parse().unwrap()));
        assert!(!also.contain(&"vestibule.internal".parse().unwrap()));
    }

    #[test]
    fn gw_10_what_is_no_single_well_formed_host_is_none() {
        for text in [
            "",
            ":",
            ":80",
            "a:",
            "a:+80",
            "a:0x50",
            "a:65536",
            "a:80:80",
            "a:b@c",
            "user@a",
            "a/b",
            "a/../b",
            "a?b",
            "a#b",
            "a\\b",
            "a b",
            " a",
            "a,b",
            "a%2eb",
            "a%00",
            "http://a",
            "[::1",
            "::1",
            "[::1]a",
            "[::g]",
            "[]",
            "[127.0.0.1]",
            "a[",
            "é",
            "a;b",
            "*",
            "a'b",
        ] {
            assert_eq!(named(&head("/", &[text.as_bytes()])), None, "{text:?}");
        }
        assert_eq!(named(&head("/", &[])), None);
        assert_eq!(named(&head("/", &[b"a", b"a"])), None);
        assert_eq!(named(&head("/", &[b"a\xff"])), None);
        assert_eq!(named(&head("http://a/", &[b"b"])), None);
        assert_eq!(named(&head("http://user@a/", &[])), None);
        assert_eq!(named(&head("http://A:3000/", &[b"a:3000"])), "a:3000".parse().ok());
        assert_eq!(named(&head("http://a:3000/", &[])), "a:3000".parse().ok());
        let long = "a".repeat(254);
        assert_eq!(named(&head("/", &[long.as_bytes()])), None);
    }
}
