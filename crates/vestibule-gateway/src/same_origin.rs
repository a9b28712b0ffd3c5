//! Whether a request that changes something was made by this site's own pages (CS-01, CS-02).

use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::site::Site;

/// Another site's page, or something that can't be told from one, made the request. The answer is 403.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this request did not come from this site")]
pub struct CrossSite;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request pass whose method is safe (RFC 9110, 9.2.1), that the browser calls `same-origin`, or
/// whose `Origin` is the site's. Without either header it passes only if it carries no session cookie:
/// a command-line client's. `Host` and forwarded headers play no part (CS-10).
///
/// # Errors
/// [`CrossSite`] for anything else: the two headers disagree, there are two of one, an unknown value.
pub fn check(
    method: &Method,
    headers: &HeaderMap,
    site: &Site,
    has_session_cookie: bool,
) -> Result<(), CrossSite> {
    if method.is_safe() {
        return Ok(());
    }
    let fetch_site = at_most_one(headers, &SEC_FETCH_SITE)?;
    let origin = at_most_one(headers, &ORIGIN)?;
    let is_ours = match (fetch_site, origin) {
        (Some("same-origin"), None) => true,
        (Some("same-origin" | "none") | None, Some(origin)) => site.admits_origin(origin),
        (Some("none") | None, None) => !has_session_cookie,
        (Some(_), _) => false,
    };
    is_ours.then_some(()).ok_or(CrossSite)
}

/// Lets a handshake pass that opens a socket, or a stream of events: its `Origin` is the site's or, for a stream, the
/// browser calls it `same-origin`. No rule of the browser's protects these; only a client without a session may
/// leave both out (CS-06).
///
/// # Errors
/// [`CrossSite`] for anything else.
pub fn check_handshake(
    headers: &HeaderMap,
    site: &Site,
    is_socket: bool,
    has_session_cookie: bool,
) -> Result<(), CrossSite> {
    let fetch_site = at_most_one(headers, &SEC_FETCH_SITE)?;
    let is_ours = match (fetch_site, at_most_one(headers, &ORIGIN)?) {
        (None | Some("same-origin"), Some(origin)) => site.admits_origin(origin),
        (Some("same-origin"), None) => !is_socket || !has_session_cookie,
        (None, None) => !has_session_cookie,
        (Some(_), _) => false,
    };
    is_ours.then_some(()).ok_or(CrossSite)
}

/// Lets a read by a visitor who is signed in pass if another site has no part in it. Pages may be visited from
/// anywhere; what is not a page may not be read from elsewhere, nor visited (CS-05).
///
/// # Errors
/// [`CrossSite`] if it has.
pub fn check_read(headers: &HeaderMap, is_page: bool) -> Result<(), CrossSite> {
    match at_most_one(headers, &SEC_FETCH_SITE)? {
        None | Some("none" | "same-origin") => Ok(()),
        Some(_) if is_page => Ok(()),
        Some(_) => Err(CrossSite),
    }
}

/// Lets a request pass that shows something else than a cookie, which no browser adds by itself: server code says
/// nothing of an origin, our own pages theirs. Methods play no part.
///
/// # Errors
/// [`CrossSite`] if either header names another site.
pub fn check_guest(headers: &HeaderMap, site: &Site) -> Result<(), CrossSite> {
    let is_ours = at_most_one(headers, &ORIGIN)?.is_none_or(|origin| site.admits_origin(origin));
    check_read(headers, false).and(is_ours.then_some(()).ok_or(CrossSite))
}

fn at_most_one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, CrossSite> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(CrossSite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITES: [Option<&str>; 6] = [
        None,
        Some("none"),
        Some("same-origin"),
        Some("same-site"),
        Some("cross-site"),
        Some("Same-Origin"),
    ];
    const ORIGINS: [Option<&str>; 7] = [
        None,
        Some("https://app.example.com"),
        Some("null"),
        Some("https://evil.test"),
        Some("http://app.example.com"),
        Some("https://app.example.com:8443"),
        Some("https://app.example.com.evil.test"),
    ];
    /// One row a value of `Sec-Fetch-Site`, one column an `Origin`, both in the order above:
    /// `+` passes, `-` is refused, `?` passes only without a session cookie.
    const EXPECTED: [&str; 6] = ["?+-----", "?+-----", "++-----", "-------", "-------", "-------"];

    fn site() -> Site {
        "https://app.example.com".parse().unwrap()
    }

    fn request(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    }

    fn unsafe_methods() -> [Method; 5] {
        let other = Method::from_bytes(b"PURGE").unwrap();
        [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, other]
    }

    fn every_request() -> impl Iterator<Item = (HeaderMap, char)> {
        SITES.iter().zip(EXPECTED).flat_map(|(fetch_site, row)| {
            ORIGINS.iter().zip(row.chars()).map(|(origin, expected)| {
                let fetch_site = fetch_site.map(|value| ("sec-fetch-site", value));
                let origin = origin.map(|value| ("origin", value));
                (request(&fetch_site.into_iter().chain(origin).collect::<Vec<_>>()), expected)
            })
        })
    }

    fn passes(method: &Method, headers: &HeaderMap, has_session_cookie: bool) -> bool {
        check(method, headers, &site(), has_session_cookie).is_ok()
    }

    #[test]
    fn cs_01_cs_02_the_whole_matrix_of_unsafe_requests() {
        let mut seen = 0;
        for method in unsafe_methods() {
            for (headers, expected) in every_request() {
                for has_session_cookie in [false, true] {
                    let passes = passes(&method, &headers, has_session_cookie);
                    let may = expected == '+' || (expected == '?' && !has_session_cookie);
                    assert_eq!(passes, may, "{method} {headers:?} cookie: {has_session_cookie}");
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 6 * 7 * 2 * 5);
    }

    #[test]
    fn cs_10_what_host_and_forwarded_headers_say_changes_nothing() {
        for (mut headers, expected) in every_request() {
            headers.extend(request(&[
                ("host", "evil.test"),
                ("x-forwarded-host", "evil.test"),
                ("x-forwarded-proto", "http"),
                ("forwarded", "host=evil.test;proto=http"),
            ]));
            assert_eq!(passes(&Method::POST, &headers, true), expected == '+', "{headers:?}");
        }
    }

    #[test]
    fn cs_01_a_header_there_twice_is_refused() {
        for fields in [
            [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
            [("origin", "https://app.example.com"), ("origin", "https://app.example.com")],
            [("origin", "https://app.example.com"), ("origin", "https://evil.test")],
        ] {
            assert!(!passes(&Method::POST, &request(&fields), false), "{fields:?}");
        }
        let joined = [("sec-fetch-site", "same-origin, same-origin")];
        assert!(!passes(&Method::POST, &request(&joined), false));
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_bytes(b"https://app.example.com\xff").unwrap());
        assert!(!passes(&Method::POST, &headers, false));
    }

    /// As [`EXPECTED`], for the handshake of a socket; and of a stream of events where that differs.
    const SOCKETS: [&str; 6] = ["?+-----", "-------", "?+-----", "-------", "-------", "-------"];
    const STREAMS: [&str; 6] = ["?+-----", "-------", "++-----", "-------", "-------", "-------"];

    #[test]
    fn cs_06_the_whole_matrix_of_handshakes() {
        for (is_socket, expected) in [(true, SOCKETS), (false, STREAMS)] {
            for (fetch_site, row) in SITES.iter().zip(expected) {
                for (origin, expected) in ORIGINS.iter().zip(row.chars()) {
                    let fields = fetch_site.map(|value| ("sec-fetch-site", value)).into_iter();
                    let fields = fields.chain(origin.map(|value| ("origin", value)));
                    let headers = request(&fields.collect::<Vec<_>>());
                    for has_cookie in [false, true] {
                        let passes = check_handshake(&headers, &site(), is_socket, has_cookie);
                        let may = expected == '+' || (expected == '?' && !has_cookie);
                        assert_eq!(passes.is_ok(), may, "{headers:?} {is_socket} {has_cookie}");
                    }
                }
            }
        }
    }

    #[test]
    fn cs_06_a_header_there_twice_opens_nothing() {
        let ours = "https://app.example.com";
        for fields in [
            [("origin", ours), ("origin", ours)],
            [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
        ] {
            for is_socket in [false, true] {
                assert!(check_handshake(&request(&fields), &site(), is_socket, false).is_err());
            }
        }
    }

    #[test]
    fn cs_05_what_is_no_page_is_read_by_our_own_pages_and_by_hand_alone() {
        for (fetch_site, data, page) in [
            (None, true, true),
            (Some("none"), true, true),
            (Some("same-origin"), true, true),
            (Some("same-site"), false, true),
            (Some("cross-site"), false, true),
            (Some("Same-Origin"), false, true),
        ] {
            let fields: Vec<_> =
                fetch_site.map(|value| ("sec-fetch-site", value)).into_iter().collect();
            let headers = request(&fields);
            assert_eq!(check_read(&headers, false).is_ok(), data, "{fetch_site:?}");
            assert_eq!(check_read(&headers, true).is_ok(), page, "{fetch_site:?}");
        }
        let twice = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")];
        assert!(check_read(&request(&twice), true).is_err());
    }

    #[test]
    fn what_shows_no_cookie_has_nothing_to_do_with_another_site() {
        for (fetch_site, passes) in SITES.iter().zip(["+", "+", "+", "-", "-", "-"]) {
            for (origin, passes) in ORIGINS.iter().zip([passes, passes, "-", "-", "-", "-", "-"]) {
                let fields = fetch_site.map(|value| ("sec-fetch-site", value)).into_iter();
                let fields = fields.chain(origin.map(|value| ("origin", value)));
                let headers = request(&fields.collect::<Vec<_>>());
                let is_right = passes.starts_with('+');
                assert_eq!(check_guest(&headers, &site()).is_ok(), is_right, "{headers:?}");
            }
        }
    }

    #[test]
    fn cs_04_safe_methods_pass_whatever_they_carry() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            for (headers, _) in every_request() {
                assert!(passes(&method, &headers, true), "{method} {headers:?}");
            }
        }
    }

    #[test]
    fn cs_01_on_http_loopback_the_page_may_call_the_host_by_another_name() {
        let site: Site = "http://localhost:3000".parse().unwrap();
        for (origin, passes) in [
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("http://localhost:3001", false),
        ] {
            let headers = request(&[("origin", origin)]);
            assert_eq!(check(&Method::POST, &headers, &site, true).is_ok(), passes, "{origin}");
        }
    }
}
