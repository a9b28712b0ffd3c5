//! Where a login may lead: to this site, however it is resolved (GW-11). An input is the value of `next`.

use http::HeaderValue;
use url::Url;
use vestibule_gateway::{CanonicalPath, ReturnPath};

use crate::reading::decode;

pub(crate) const WORDS: [&str; 26] = [
    "/",
    "//",
    "/\\",
    "\\",
    "\t",
    "\n",
    "@",
    ":",
    "?",
    "#",
    "&",
    "=",
    "..",
    "%2f",
    "%5c",
    "%09",
    "%00",
    "%25",
    "_rsc=",
    "next=",
    "https://",
    "javascript:",
    "evil.test",
    "/login",
    "/api",
    "%2e",
];

const ORIGINS: [&str; 4] =
    ["https://app.example.com", "http://localhost:3000", "https://[::1]:8443", "http://a"];

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(place) = ReturnPath::parse(text) else {
        assert_eq!(ReturnPath::or_default(Some(text)).as_str(), ReturnPath::DEFAULT);
        return;
    };
    stays_here(&place);
    is_no_trap(&place);
    comes_back_the_same(&place);
}

fn stays_here(place: &ReturnPath) {
    let text = place.as_str();
    assert!(text.starts_with('/') && text.len() <= ReturnPath::MOST);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    HeaderValue::from_str(text).expect("it can be a Location");
    for origin in ORIGINS {
        for here in ["/login", "/a/b/c?d"] {
            let here = Url::parse(origin).and_then(|site| site.join(here)).expect("a URL");
            let there = here.join(text).expect("a path can be joined");
            assert_eq!(there.origin(), here.origin(), "{text}");
            assert!(there.username().is_empty() && there.password().is_none(), "{text}");
            assert_eq!(&there[url::Position::BeforePath..], text, "it changes on the way");
        }
    }
    // Also for somebody who decodes it first, or takes every backslash for a slash.
    let path = text.split('?').next().unwrap_or_default();
    for seen in [path.as_bytes().to_vec(), decode(path.as_bytes())] {
        assert!(!matches!(seen.get(1), Some(b'/' | b'\\')), "{text}");
        assert!(!seen.iter().any(|byte| *byte < b' ' || *byte == b'\\'), "{text}");
    }
}

/// It leads neither to a form that leads back, nor to what is no page; also if its spelling is another.
fn is_no_trap(place: &ReturnPath) {
    let path = place.as_str().split('?').next().unwrap_or_default();
    let path = CanonicalPath::parse(path).expect("its path is canonical");
    let names: Vec<String> = path.segments().map(|segment| segment.name().into_owned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(!matches!(names[..], ["api", ..] | ["login" | "register" | "logout"]), "{place}");
}

fn comes_back_the_same(place: &ReturnPath) {
    assert_eq!(ReturnPath::parse(place.as_str()).as_ref(), Some(place));
    let url = Url::parse("https://site.example").and_then(|site| site.join(&place.login_url()));
    let url = url.expect("the login page has a URL");
    let next: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    assert_eq!((url.path(), next), ("/login", vec![place.as_str().to_owned()]));
}
