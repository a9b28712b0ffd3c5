//! Whatever a browser sends as `Cookie`: only what was sealed opens, and only from one cookie of the exact name
//! (CK-05, KY-02, GW-04). Each line of an input is a header line.

use std::sync::LazyLock;

use http::HeaderMap;
use http::header::COOKIE;
use vestibule_gateway::{OpenError, Opened, Purpose, SealKeys, Sealer, SessionCookie};
use vestibule_types::Secret;

use crate::reading::{cut, headers, trim};
use crate::sealed;

pub(crate) const WORDS: [&str; 14] = [
    "__Host-Http-vestibule=",
    "__Host-vestibule_hint=",
    "vestibule=",
    "vestibule_hint=",
    "; ",
    ";",
    "=",
    "\t",
    "\"",
    "$Version=1",
    "\u{a0}",
    ",",
    "v1.oxYKO4MZ.",
    sealed::ADA,
];

/// The same keys and origins for all inputs, so that texts sealed long ago open.
struct Fixed {
    https: SessionCookie,
    http: SessionCookie,
    sealer: Sealer,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let secret = |seed| Secret::from_random([seed; 32]);
    let keys = SealKeys::new(secret(1), vec![secret(2)]);
    let cookie = |site: &str| SessionCookie::new(&site.parse().expect("an origin"), &keys);
    let https = cookie(sealed::HTTPS);
    let sealer = keys.sealer(Purpose::SessionCookie, https.name(), sealed::HTTPS);
    Fixed { https, http: cookie(sealed::HTTP), sealer }
});

pub(crate) fn check(data: &[u8]) {
    let headers = headers(COOKIE, data);
    reads_what_stands_there(&FIXED.https, &headers, &[(sealed::ADA, "ada"), (sealed::BOB, "bob")]);
    reads_what_stands_there(&FIXED.http, &headers, &[(sealed::LOCAL, "local")]);
    takes_ours_out_and_nothing_else(&FIXED.https, &headers);
    opens_what_was_sealed(data);
    opens_nothing_that_was_edited(data);
}

/// Exactly one cookie of this name, byte for byte, and its value is a text that was sealed.
fn reads_what_stands_there(cookie: &SessionCookie, headers: &HeaderMap, known: &[(&str, &str)]) {
    let pairs = pairs(headers);
    let name = cookie.name().as_bytes();
    let values: Vec<&[u8]> = pairs
        .iter()
        .filter_map(|pair| match cut(pair, b'=') {
            (found, Some(value)) if found == name => Some(value),
            _ => None,
        })
        .collect();
    let opened = cookie.read(headers, sealed::NOW);
    let [value] = values[..] else {
        let expected = if values.is_empty() { Opened::Absent } else { Opened::Doubled };
        assert_eq!(opened, expected);
        return;
    };
    match (known.iter().find(|(text, _)| text.as_bytes() == value), opened) {
        (Some((_, user)), Opened::Session(session)) => assert_eq!(session.user.username, *user),
        (None, Opened::Broken) => {}
        (None, Opened::UnknownKey) => {
            let id = value.strip_prefix(b"v1.").expect("it names a key");
            assert!(!sealed::KEY_IDS.iter().any(|ours| id.starts_with(ours.as_bytes())));
        }
        (sealed, opened) => panic!("{sealed:?} was opened as {opened:?}"),
    }
}

/// What upstreams get has no cookie in our name, and all others as they were.
fn takes_ours_out_and_nothing_else(cookie: &SessionCookie, headers: &HeaderMap) {
    let mut stripped = headers.clone();
    cookie.strip(&mut stripped);
    let mut expected = pairs(headers);
    expected.retain(|pair| {
        let name = trim(cut(pair, b'=').0).to_ascii_lowercase();
        let ours: [&[u8]; 4] =
            [b"__host-http-vestibule", b"__host-vestibule_hint", b"vestibule", b"vestibule_hint"];
        !ours.contains(&name.as_slice())
    });
    assert_eq!(pairs(&stripped), expected);
}

fn pairs(headers: &HeaderMap) -> Vec<&[u8]> {
    let lines = headers.get_all(COOKIE).iter().map(http::HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(trim);
    pairs.filter(|pair| !pair.is_empty()).collect()
}

fn opens_what_was_sealed(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let opened = FIXED.sealer.open(text);
    assert_eq!(opened.is_ok(), sealed::FOR_HTTPS.contains(&text), "{opened:?}");
}

/// The input as edits of an authentic text: place, and what is written there.
fn opens_nothing_that_was_edited(data: &[u8]) {
    let Some((which, edits)) = data.split_first() else { return };
    let authentic = sealed::FOR_HTTPS[usize::from(*which) % sealed::FOR_HTTPS.len()];
    let mut text = authentic.as_bytes().to_vec();
    for edit in edits.chunks_exact(3).take(8) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        match (edit[2], text.len()) {
            (_, 0) => break,
            (0, length) => drop(text.remove(at % length)),
            (byte @ 0x80.., length) => text.insert(at % length, byte & 0x7f),
            (byte, length) => text[at % length] = byte,
        }
    }
    let text = String::from_utf8_lossy(&text);
    match FIXED.sealer.open(&text) {
        Ok(_) => assert_eq!(text, authentic),
        Err(OpenError::Broken | OpenError::UnknownKey) => assert_ne!(text, authentic),
    }
}
