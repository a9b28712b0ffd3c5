use std::str::FromStr;

use http::HeaderValue;
use url::{Host, Url};

/// The site as browsers know it: its public origin, which is a setting. What a request says in `Host`
/// or in forwarded headers never decides what "the same site" is (CS-10).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Site {
    origin: String,
    host: String,
    is_loopback: bool,
    twins: Vec<String>,
    authority_value: HeaderValue,
    port_value: HeaderValue,
}

/// Why a text is not the public origin of a site.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("has to be an origin such as https://app.example.com: {0}")]
pub struct InvalidSite(&'static str);

impl Site {
    /// The origin as a browser spells it in `Origin`: lower case, without a default port or a slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and, unless it is the scheme's default, port: what browsers send as `Host`.
    pub fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// [`Site::authority`], and those of the other names that an http site on loopback goes by.
    pub(crate) fn authorities(&self) -> impl Iterator<Item = &str> {
        let twins = self.twins.iter().filter(|twin| **twin != self.origin);
        let others = twins.filter_map(|twin| Some(twin.split_once("://")?.1));
        std::iter::once(self.authority()).chain(others)
    }

    /// The host without its port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that browsers connect to.
    pub fn port(&self) -> u16 {
        let port =
            self.authority().strip_prefix(self.host()).and_then(|rest| rest.strip_prefix(':'));
        let implied = if self.is_https() { 443 } else { 80 };
        port.and_then(|port| port.parse().ok()).unwrap_or(implied)
    }

    /// [`Site::authority`], for a header.
    pub(crate) fn authority_value(&self) -> HeaderValue {
        self.authority_value.clone()
    }

    /// [`Site::port`], for a header.
    pub(crate) fn port_value(&self) -> HeaderValue {
        self.port_value.clone()
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.is_https() { "https" } else { "http" }
    }

    /// Whether cookies are `Secure` here.
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// Whether only this machine reaches it: `localhost`, `*.localhost`, `127.0.0.0/8` or `::1`.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether an `Origin` header names this site: byte for byte the same origin. An http site on
    /// loopback goes by three names at its port, since people type any of them.
    pub fn admits_origin(&self, origin: &str) -> bool {
        origin == self.origin || self.twins.iter().any(|twin| origin == twin)
    }
}

impl FromStr for Site {
    type Err = InvalidSite;

    /// Reads `scheme://host`, `scheme://host:port` and either with a `/` behind it.
    fn from_str(text: &str) -> Result<Self, InvalidSite> {
        check_spelling(text)?;
        let url = Url::parse(text).map_err(|_| InvalidSite("it is not a URL"))?;
        let host = url.host().ok_or(InvalidSite("the host is missing"))?;
        let is_loopback = is_loopback(&host);
        let twins = if is_loopback && url.scheme() == "http" { twins(url.port()) } else { vec![] };
        let origin = url.origin().ascii_serialization();
        let nothing = HeaderValue::from_static("");
        let (authority_value, port_value) = (nothing.clone(), nothing);
        let host = host.to_string();
        let mut site = Self { origin, host, is_loopback, twins, authority_value, port_value };
        let authority = HeaderValue::from_str(site.authority());
        site.authority_value = authority.map_err(|_| InvalidSite("the host is no name"))?;
        site.port_value = site.port().into();
        Ok(site)
    }
}

/// What [`Url`] would repair in silence is refused: this text comes from an operator, who should know.
fn check_spelling(text: &str) -> Result<(), InvalidSite> {
    let (scheme, rest) = text.split_once("://").ok_or(InvalidSite("the scheme is missing"))?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(InvalidSite("the scheme is neither http nor https"));
    }
    if authority.contains('@') {
        return Err(InvalidSite("it has a user name"));
    }
    if authority.contains(['/', '\\', '?', '#']) {
        return Err(InvalidSite("it has a path, a query or a fragment"));
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(InvalidSite("it has a blank or a control character"));
    }
    Ok(())
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn twins(port: Option<u16>) -> Vec<String> {
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("http://{host}{port}")).to_vec()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::Site;

    fn site(text: &str) -> Site {
        text.parse().unwrap()
    }

    #[test]
    fn an_origin_is_spelled_as_browsers_spell_it() {
        for (text, origin, authority, host) in [
            ("http://localhost:3000", "http://localhost:3000", "localhost:3000", "localhost"),
            (
                "https://app.example.com/",
                "https://app.example.com",
                "app.example.com",
                "app.example.com",
            ),
            (
                "HTTPS://App.Example.COM:443",
                "https://app.example.com",
                "app.example.com",
                "app.example.com",
            ),
            (
                "http://app.example.com:80",
                "http://app.example.com",
                "app.example.com",
                "app.example.com",
            ),
            (
                "https://app.example.com:8443",
                "https://app.example.com:8443",
                "app.example.com:8443",
                "app.example.com",
            ),
            ("http://[::1]:3000", "http://[::1]:3000", "[::1]:3000", "[::1]"),
            (
                "https://bücher.example",
                "https://xn--bcher-kva.example",
                "xn--bcher-kva.example",
                "xn--bcher-kva.example",
            ),
        ] {
            let site = site(text);
            assert_eq!(site.origin(), origin);
            assert_eq!(site.authority(), authority);
            assert_eq!(site.host(), host);
            assert_eq!(site.is_https(), origin.starts_with("https"));
            let port = Url::parse(origin).unwrap().port_or_known_default();
            assert_eq!(Some(site.port()), port, "{origin}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        for text in [
            "",
            "app.example.com",
            "//app.example.com",
            "ftp://app.example.com",
            "javascript://app.example.com",
            "https:app.example.com",
            "https://",
            "https:///app.example.com",
            "https://app.example.com/app",
            "https://app.example.com//",
            "https://app.example.com/.",
            "https://app.example.com\\",
            "https://app.example.com?",
            "https://app.example.com/?a=b",
            "https://app.example.com#",
            "https://user@app.example.com",
            "https://user:word@app.example.com",
            "https://@app.example.com",
            "https://app.example.com:99999",
            "https://app.example.com:port",
            " https://app.example.com",
            "https://app.example.com\n",
            "https://app.exa\tmple.com",
            "https://app example.com",
            "null",
        ] {
            let refused = text.parse::<Site>();
            assert!(refused.is_err(), "{text:?} became {refused:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let refused = "https://app.example.com/app".parse::<Site>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "has to be an origin such as https://app.example.com: it has a path, a query or a fragment"
        );
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for (text, is_loopback) in [
            ("http://localhost:3000", true),
            ("https://app.localhost", true),
            ("http://127.0.0.1", true),
            ("http://127.8.9.1", true),
            ("http://[::1]:8080", true),
            ("http://localhost.example.com", false),
            ("http://notlocalhost", false),
            ("http://128.0.0.1", false),
            ("http://0.0.0.0:3000", false),
            ("http://[::2]", false),
        ] {
            assert_eq!(site(text).is_loopback(), is_loopback, "{text}");
        }
    }

    #[test]
    fn cs_01_an_origin_is_admitted_byte_for_byte() {
        let site = site("https://app.example.com");
        for (origin, admitted) in [
            ("https://app.example.com", true),
            ("https://app.example.com/", false),
            ("https://app.example.com:443", false),
            ("https://APP.example.com", false),
            ("http://app.example.com", false),
            ("https://app.example.com:8443", false),
            ("https://app.example.com.evil.test", false),
            ("https://evil.example.com", false),
            ("https://example.com", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(site.admits_origin(origin), admitted, "{origin}");
        }
    }

    #[test]
    fn cs_01_an_http_site_on_loopback_goes_by_three_names_at_one_port() {
        for text in ["http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"] {
            for (origin, admitted) in [
                ("http://localhost:3000", true),
                ("http://127.0.0.1:3000", true),
                ("http://[::1]:3000", true),
                ("http://localhost:3001", false),
                ("http://localhost", false),
                ("https://localhost:3000", false),
                ("http://127.0.0.2:3000", false),
                ("http://evil.localhost:3000", false),
            ] {
                assert_eq!(site(text).admits_origin(origin), admitted, "{origin} at {text}");
            }
        }
        assert!(!site("https://localhost:3000").admits_origin("https://127.0.0.1:3000"));
        assert!(!site("https://localhost:3000").admits_origin("http://localhost:3000"));
        assert!(site("http://localhost").admits_origin("http://127.0.0.1"));
    }
}
