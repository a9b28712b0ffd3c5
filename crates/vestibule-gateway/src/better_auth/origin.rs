//! Whether a call was made by this site's own pages, told in the codes of Better Auth (contract: Better Auth, 5). Where
//! that leaves calls unchecked (signing in by username, and whatever comes without a cookie), these are checked too.

use http::header::{COOKIE, ORIGIN, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::refusal::Refusal;
use crate::same_origin::{self, CrossSite};
use crate::site::Site;

/// What browsers say of a request by themselves (Fetch Metadata).
const FETCH: [&str; 3] = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];

/// Lets a call pass that `general`, the rule of the whole site, lets pass, and that changes nothing or whose `Origin`,
/// or without one `Referer`, is the site's. Without either it passes only if it has neither a cookie nor anything that
/// a browser would say: a command-line client's. What is no call does nothing, and `general` is enough for it.
///
/// # Errors
/// [`Refusal`] with one of three codes. What is there twice, or is no text, is not the site's.
pub(crate) fn check(
    method: &Method,
    headers: &HeaderMap,
    site: &Site,
    is_call: bool,
    general: Result<(), CrossSite>,
) -> Result<(), Refusal> {
    if method.is_safe() || !is_call {
        return general.map_err(|CrossSite| Refusal::INVALID_ORIGIN);
    }
    let has_cookie = headers.contains_key(COOKIE);
    let says = |name: &str, value: &str| headers.get_all(name).iter().any(|it| it == value);
    if !has_cookie && says("sec-fetch-site", "cross-site") && says("sec-fetch-mode", "navigate") {
        return Err(Refusal::CROSS_SITE_NAVIGATION_LOGIN_BLOCKED);
    }
    let from = match only(headers, &ORIGIN)? {
        Some("null") => return Err(Refusal::MISSING_OR_NULL_ORIGIN),
        Some(origin) => Some(origin.to_owned()),
        None => only(headers, &REFERER)?.filter(|text| !text.is_empty()).map(origin_of),
    };
    let is_browser = has_cookie || FETCH.iter().any(|name| headers.contains_key(*name));
    match from {
        Some(origin) if !site.admits_origin(&origin) => Err(Refusal::INVALID_ORIGIN),
        None if is_browser => Err(Refusal::MISSING_OR_NULL_ORIGIN),
        Some(_) if headers.contains_key(ORIGIN) => {
            general.map_err(|CrossSite| Refusal::INVALID_ORIGIN)
        }
        _ => general.map_err(|CrossSite| Refusal::MISSING_OR_NULL_ORIGIN),
    }
}

/// Lets a read that tells who is signed in pass if another site has no part in it (CS-05).
///
/// # Errors
/// [`Refusal`] if it has.
pub(super) fn check_read(headers: &HeaderMap) -> Result<(), Refusal> {
    same_origin::check_read(headers, false).map_err(|CrossSite| Refusal::INVALID_ORIGIN)
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Refusal::INVALID_ORIGIN),
    }
}

/// The origin of an address; one that nobody has, if it is none.
fn origin_of(address: &str) -> String {
    Url::parse(address).map_or_else(|_| "null".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://app.example.com";
    const SITES: [Option<&str>; 6] = [
        None,
        Some("none"),
        Some("same-origin"),
        Some("same-site"),
        Some("cross-site"),
        Some("Same-Origin"),
    ];
    const FROM: [(Option<&str>, Option<&str>); 9] = [
        (None, None),
        (Some(OURS), None),
        (Some("null"), None),
        (Some("https://evil.test"), None),
        (Some("https://app.example.com.evil.test"), None),
        (Some("http://app.example.com"), None),
        (None, Some("https://app.example.com/sign-in?a=b")),
        (None, Some("https://evil.test/https://app.example.com/")),
        (None, Some("app.example.com")),
    ];
    /// One row a value of `Sec-Fetch-Site`, one column a pair of `Origin` and `Referer`, both in the order above: `+`
    /// passes, `o` is `INVALID_ORIGIN`, `m` is `MISSING_OR_NULL_ORIGIN`. Without any cookie, with another than ours,
    /// and with ours.
    const EXPECTED: [[&str; 6]; 3] = [
        ["++mooo+oo", "m+mooo+oo", "m+mooo+oo", "momooomoo", "momooomoo", "momooomoo"],
        ["m+mooo+oo", "m+mooo+oo", "m+mooo+oo", "momooomoo", "momooomoo", "momooomoo"],
        ["m+mooomoo", "m+mooomoo", "m+mooo+oo", "momooomoo", "momooomoo", "momooomoo"],
    ];

    fn site() -> Site {
        OURS.parse().unwrap()
    }

    fn request(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    fn verdict(method: &Method, headers: &HeaderMap, has_session_cookie: bool) -> char {
        let general = same_origin::check(method, headers, &site(), has_session_cookie);
        match check(method, headers, &site(), true, general) {
            Ok(()) => {
                assert!(general.is_ok(), "never less strict than the site: {headers:?}");
                '+'
            }
            Err(refusal) if refusal == Refusal::INVALID_ORIGIN => 'o',
            Err(refusal) if refusal == Refusal::MISSING_OR_NULL_ORIGIN => 'm',
            Err(_) => 'c',
        }
    }

    #[test]
    fn cs_01_cs_02_the_whole_matrix_of_calls_that_change_something() {
        let cookies = [None, Some("a=b"), Some("__Host-vestibule=x")];
        for (cookie, expected) in cookies.iter().zip(EXPECTED) {
            for (fetch_site, row) in SITES.iter().zip(expected) {
                for ((origin, referer), expected) in FROM.iter().zip(row.chars()) {
                    let mut fields = Vec::new();
                    fields.extend(fetch_site.map(|value| ("sec-fetch-site", value)));
                    fields.extend(origin.map(|value| ("origin", value)));
                    fields.extend(referer.map(|value| ("referer", value)));
                    fields.extend(cookie.map(|value| ("cookie", value)));
                    let headers = request(&fields);
                    let is_ours = cookie.is_some_and(|cookie| cookie.contains("vestibule"));
                    for method in [Method::POST, Method::PUT, Method::DELETE] {
                        assert_eq!(verdict(&method, &headers, is_ours), expected, "{fields:?}");
                    }
                    assert_eq!(verdict(&Method::GET, &headers, is_ours), '+', "{fields:?}");
                }
            }
        }
    }

    #[test]
    fn cs_03_a_form_of_another_site_signs_nobody_in() {
        let navigation = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        for origin in [None, Some("https://evil.test"), Some(OURS)] {
            let mut fields = navigation.to_vec();
            fields.extend(origin.map(|value| ("origin", value)));
            assert_eq!(verdict(&Method::POST, &request(&fields), false), 'c', "{origin:?}");
            fields.push(("cookie", "a=b"));
            assert_ne!(verdict(&Method::POST, &request(&fields), false), '+', "{origin:?}");
        }
    }

    #[test]
    fn cs_01_a_header_there_twice_or_no_text_is_refused() {
        for name in ["origin", "referer"] {
            let headers = request(&[(name, OURS), (name, OURS)]);
            assert_eq!(verdict(&Method::POST, &headers, false), 'o', "{name}");
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(b"https://app.example.com\xff").unwrap());
            assert_eq!(verdict(&Method::POST, &headers, false), 'o', "{name}");
        }
        let twice = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")];
        let headers = request(&[twice[0], twice[1], ("origin", OURS)]);
        assert_eq!(verdict(&Method::POST, &headers, false), 'o');
    }

    #[test]
    fn cs_10_what_host_says_changes_nothing() {
        let headers = request(&[
            ("host", "evil.test"),
            ("x-forwarded-host", "evil.test"),
            ("origin", "https://evil.test"),
        ]);
        assert_eq!(verdict(&Method::POST, &headers, false), 'o');
    }
}
