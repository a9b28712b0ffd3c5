//! Every path has one reading, ours is that of whoever stands behind us, and no spelling of it escapes a rule
//! (GW-05, GW-06). The first line of an input is a path, the others are patterns.

use http::uri::PathAndQuery;
use url::Url;
use vestibule_gateway::{CanonicalPath, PathPattern};

use crate::reading::decode;

pub(crate) const WORDS: [&str; 24] = [
    "/",
    "//",
    ".",
    "..",
    "/../",
    "/./",
    ";",
    ";x=1",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5C",
    "%25",
    "%252e",
    "%3b",
    "%00",
    "%61",
    "%c3%a9",
    "%u002f",
    "\\",
    "dashboard",
    "/**",
    "*",
    "?",
];

const PATTERNS: [&str; 7] =
    ["/", "/**", "/dashboard/**", "/account", "/a/*/b", "/*/**", "/caf\u{e9}/**"];

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let raw = lines.next().unwrap_or_default();
    let patterns: Vec<PathPattern> =
        PATTERNS.into_iter().chain(lines).filter_map(|text| text.parse().ok()).collect();
    let Ok(path) = CanonicalPath::parse(raw) else { return };
    is_canonical(&path);
    is_what_is_sent(&path);
    is_what_every_server_sees(&path);
    is_what_was_meant(raw, &path);
    for pattern in &patterns {
        covers_by_whole_names(pattern, &path);
        covers_every_spelling(pattern, &path);
    }
}

fn is_canonical(path: &CanonicalPath) {
    let text = path.as_str();
    assert_eq!(CanonicalPath::parse(text).as_ref(), Ok(path), "it is not its own canonical form");
    assert!(text.starts_with('/') && !text.contains("//"), "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    assert!(!text.contains(['\\', '?', '#']), "{text}");
    assert!(!text.split('/').any(|segment| matches!(segment, "." | "..")), "{text}");
}

/// What is guarded and what goes out in the request line are the same bytes.
fn is_what_is_sent(path: &CanonicalPath) {
    let sent: PathAndQuery = path.as_str().parse().expect("a canonical path is a target");
    assert_eq!((sent.path(), sent.query()), (path.as_str(), None));
}

/// However often somebody decodes it, whether or not a backslash is a slash to him, and whether he resolves dots
/// and leaves out what is empty before or after: he comes to our names.
fn is_what_every_server_sees(path: &CanonicalPath) {
    let ours: Vec<String> = path.segments().map(|segment| segment.name().into_owned()).collect();
    let mut text = path.as_str().as_bytes().to_vec();
    for rounds in 1..=3 {
        text = decode(&text);
        let seen = resolved(&text);
        assert!(seen.iter().copied().eq(ours.iter().map(String::as_bytes)), "{rounds}: {seen:?}");
    }
}

fn resolved(text: &[u8]) -> Vec<&[u8]> {
    let mut names = Vec::new();
    for piece in text.split(|byte| matches!(byte, b'/' | b'\\')) {
        match piece.split(|byte| *byte == b';').next().unwrap_or_default() {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names
}

/// Browsers resolve the raw path to the same. The url crate, unlike them, keeps what looks like a drive of Windows
/// also outside of `file:`.
fn is_what_was_meant(raw: &str, path: &CanonicalPath) {
    let is_drive = |segment: &str| segment.len() == 2 && segment.ends_with([':', '|']);
    if raw.split('/').any(is_drive) {
        return;
    }
    let site = Url::parse("http://host/").expect("a URL");
    let seen = site.join(raw).expect("a path can be joined");
    assert_eq!(seen.authority(), "host");
    assert_eq!(decode(seen.path().as_bytes()), decode(path.as_str().as_bytes()), "{raw:?}");
}

fn covers_by_whole_names(pattern: &PathPattern, path: &CanonicalPath) {
    let text = pattern.to_string();
    let (text, and_below) = match text.strip_suffix("/**") {
        Some(head) => (head, true),
        None => (text.as_str(), false),
    };
    let pieces: Vec<&str> = text.split('/').filter(|piece| !piece.is_empty()).collect();
    let matches = |names: &[String]| {
        let fits = |(piece, name): (&&str, &String)| *piece == "*" || name == piece;
        let is_long_enough = names.len() == pieces.len() || and_below && names.len() > pieces.len();
        is_long_enough && pieces.iter().zip(names).all(fits)
    };
    let decoded = |segment: &[u8]| String::from_utf8(decode(segment)).expect("UTF-8");
    let whole: Vec<String> =
        path.segments().map(|segment| decoded(segment.as_str().as_bytes())).collect();
    let bare: Vec<String> =
        whole.iter().map(|name| name.split(';').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(pattern.matches(path), matches(&bare), "{pattern}");
    assert_eq!(pattern.matches_to_the_letter(path), matches(&bare) && matches(&whole), "{pattern}");
}

fn covers_every_spelling(pattern: &PathPattern, path: &CanonicalPath) {
    let text = path.as_str();
    for same in [escaped(text), lowered(text), format!("/.{text}"), format!("/x/..{text}")] {
        assert_eq!(CanonicalPath::parse(&same).as_ref(), Ok(path), "{same}");
    }
    let covered = pattern.matches(path);
    let slash = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    for other in [slash, text.trim_end_matches('/').replace('/', ";p/") + ";p"] {
        let other = other.strip_prefix(";p").unwrap_or(&other);
        let Ok(other) = CanonicalPath::parse(other) else { continue };
        assert_eq!(pattern.matches(&other), covered, "{pattern} and {other:?}");
    }
}

/// Everything escaped that may be, but for what makes dot segments.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut left = 0;
    for c in text.chars() {
        match c {
            '%' => left = 2,
            _ if left > 0 => left -= 1,
            c if c.is_ascii_alphanumeric() => {
                out.push_str(&format!("%{:02x}", u32::from(c)));
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// The same with the digits of escapes in lower case.
fn lowered(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        out.push_str(&format!("%{}{rest}", digits.to_ascii_lowercase()));
    }
    out
}
