//! What an upstream sets: no line passes that any browser would send back in our name or as a token (CK-10,
//! CK-12), and a token is read as a browser would read it. Each line of an input is a header line.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use std::sync::LazyLock;
use vestibule_gateway::{SealKeys, SessionCookie, SetCookie, headers};
use vestibule_types::Secret;

use crate::reading::{self, cut, trim};
use crate::sealed;

pub(crate) const WORDS: [&str; 22] = [
    "__Host-Http-vestibule",
    "__HOST-HTTP-VESTIBULE",
    "__Host-vestibule_hint",
    "vestibule",
    "vestibule_hint",
    "access_token",
    "refresh_token",
    "=",
    ";",
    ",",
    "; ",
    ", ",
    "\t",
    "\"",
    "; Path=/",
    "; Max-Age=",
    "; Expires=Wed, 09 Jun 2027 10:18:14 GMT",
    "; Domain=example.com",
    "-1",
    "99999999999999999999",
    "\u{a0}",
    "theme=dark",
];

const OURS: [&str; 4] =
    ["__host-http-vestibule", "__host-vestibule_hint", "vestibule", "vestibule_hint"];
const TOKENS: [&str; 2] = ["access_token", "refresh_token"];

static COOKIE: LazyLock<SessionCookie> = LazyLock::new(|| {
    let keys = SealKeys::new(Secret::from_random([1; 32]), vec![]);
    SessionCookie::new(&sealed::HTTPS.parse().expect("an origin"), &keys)
});

pub(crate) fn check(data: &[u8]) {
    let sent = reading::headers(SET_COOKIE, data);
    let all = [OURS.as_slice(), &TOKENS].concat();
    passes_what_is_nobodys(&sent, headers::from_upstream, &OURS);
    passes_what_is_nobodys(&sent, headers::from_api, &all);
    for line in sent.get_all(SET_COOKIE) {
        reads_as_browsers_do(line.as_bytes());
    }
}

type MakeFit = fn(&mut HeaderMap, &SessionCookie);

fn passes_what_is_nobodys(sent: &HeaderMap, make_fit: MakeFit, reserved: &[&str]) {
    let mut passed = sent.clone();
    make_fit(&mut passed, &COOKIE);
    let passed: Vec<&HeaderValue> = passed.get_all(SET_COOKIE).iter().collect();
    for line in &passed {
        for sent_back in jars(line.as_bytes()) {
            let names = sent_back.iter().map(|cookie| trim(cut(cookie, b'=').0));
            for name in names.map(<[u8]>::to_ascii_lowercase) {
                let is_reserved = reserved.iter().any(|reserved| reserved.as_bytes() == name);
                assert!(!is_reserved, "{line:?} sets {}", name.escape_ascii());
            }
        }
    }
    let harmless = sent.get_all(SET_COOKIE).iter().filter(|line| {
        let line = String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase();
        !reserved.iter().any(|name| line.contains(name))
    });
    let mut passed = passed.into_iter();
    assert!(harmless.into_iter().all(|line| passed.any(|kept| kept == line)), "one was lost");
}

/// What a browser sends back as `Cookie` after one line: as RFC 6265bis has it, 5.6 to 5.8.3; as RFC 6265 had it,
/// where a line without a name was passed over; and as Safari reads it, cookie by cookie between commas.
fn jars(line: &[u8]) -> [Vec<Vec<u8>>; 3] {
    let folded = line.split(|byte| *byte == b',').filter_map(stored);
    [stored(line).into_iter().collect(), older(line).into_iter().collect(), folded.collect()]
}

fn stored(line: &[u8]) -> Option<Vec<u8>> {
    let (name, value, _) = browser(line)?;
    Some(if name.is_empty() { value.to_vec() } else { [name, b"=", value].concat() })
}

fn older(line: &[u8]) -> Option<Vec<u8>> {
    let (name, value, _) = browser(line)?;
    (!name.is_empty()).then(|| [name, b"=", value].concat())
}

/// Name, value and `Max-Age`, step by step as RFC 6265bis, 5.6, has it.
fn browser(line: &[u8]) -> Option<(&[u8], &[u8], Option<i128>)> {
    if line.iter().any(|byte| matches!(byte, 0..=8 | 0x0a..=0x1f | 0x7f)) {
        return None;
    }
    let (pair, mut rest) = cut(line, b';');
    let (name, value) = match cut(pair, b'=') {
        (name, Some(value)) => (trim(name), trim(value)),
        (value, None) => (b"".as_slice(), trim(value)),
    };
    let mut max_age = None;
    while let Some(attributes) = rest {
        let (attribute, after) = cut(attributes, b';');
        rest = after;
        let (name, value) = cut(attribute, b'=');
        if trim(name).eq_ignore_ascii_case(b"max-age") {
            max_age = seconds(trim(value.unwrap_or_default())).or(max_age);
        }
    }
    (!name.is_empty() || !value.is_empty()).then_some((name, value, max_age))
}

/// Digits, perhaps behind a minus; as many as anybody needs.
fn seconds(text: &[u8]) -> Option<i128> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    let add = |sum: i128, digit: &u8| {
        let digit = char::from(*digit).to_digit(10)?;
        Some((sum * 10 + i128::from(digit)).min(i128::from(u64::MAX)))
    };
    let number = digits.iter().try_fold(0, add)?;
    (!digits.is_empty()).then_some(sign * number)
}

fn reads_as_browsers_do(line: &[u8]) {
    let ours = SetCookie::parse(line);
    let theirs = browser(line);
    let same = |cookie: SetCookie<'_>| {
        let clamp = |seconds: i128| seconds.clamp(i64::MIN.into(), i64::MAX.into());
        let (name, value, max_age) = theirs?;
        Some(
            (cookie.name, cookie.value) == (name, value)
                && cookie.max_age.map(i128::from) == max_age.map(clamp),
        )
    };
    assert_eq!(ours.and_then(same), theirs.map(|_| true), "{ours:?}, {theirs:?}");
}
