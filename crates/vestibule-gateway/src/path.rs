use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A request's path in the one spelling that guard, router, limiter and upstream all see (GW-05).
///
/// Escapes that need not be are decoded, the others are in upper case, and `.` and `..` are resolved
/// (RFC 3986, 6.2.2). It begins with `/` and has no `//`, no backslash, no control character, no
/// non-ASCII byte and nothing that a second round of decoding would change.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CanonicalPath(String);

/// Why a path has no canonical form: somebody behind us might read it differently. The answer is 400.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the path {0}")]
pub struct BadPath(&'static str);

/// One segment of a [`CanonicalPath`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment<'a>(&'a str);

impl CanonicalPath {
    /// Reads a path as it stands in a request line, without its query.
    ///
    /// # Errors
    /// [`BadPath`] if two readers might disagree on what it means.
    pub fn parse(raw: &str) -> Result<Self, BadPath> {
        if is_plain(raw) { Ok(Self(raw.to_owned())) } else { Self::rewritten(raw) }
    }

    fn rewritten(raw: &str) -> Result<Self, BadPath> {
        let mut rest = raw.strip_prefix('/').ok_or(BadPath("does not begin with a slash"))?;
        let mut kept = Vec::new();
        while let Some((segment, after)) = rest.split_once('/') {
            match segment {
                "" => return Err(BadPath("has an empty segment")),
                "." => {}
                ".." => drop(kept.pop()),
                _ => kept.push(canonical(segment)?),
            }
            rest = after;
        }
        // RFC 3986, 5.2.4: `/a/.` is `/a/`, `/a/b/..` is `/a/`.
        if rest == ".." {
            kept.pop();
        }
        kept.push(if matches!(rest, "." | "..") { String::new() } else { canonical(rest)? });
        Ok(Self(format!("/{}", kept.join("/"))))
    }

    /// The path, to be sent on.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments. A slash at the end adds none: `/` has no segment, `/a/` has one.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.0.split('/').filter(|segment| !segment.is_empty()).map(Segment)
    }
}

impl<'a> Segment<'a> {
    /// As it stands in the path.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// What rules go by: decoded, and without `;parameters`, which some servers ignore.
    pub fn name(self) -> Cow<'a, str> {
        match self.decoded() {
            Cow::Borrowed(text) => Cow::Borrowed(without_parameters(text)),
            Cow::Owned(text) => Cow::Owned(without_parameters(&text).to_owned()),
        }
    }

    /// What servers see that know of no parameters: decoded, and whole.
    pub fn decoded(self) -> Cow<'a, str> {
        decoded(self.0).expect("parsing has checked every escape")
    }
}

/// Whether a path is canonical at first sight, as most are: every segment begins with a letter, a digit, `-` or `_`, and has no
/// other character but dots.
fn is_plain(raw: &str) -> bool {
    let mut before = 0;
    raw.starts_with('/')
        && raw.bytes().all(|byte| {
            let is_plain = match byte {
                b'/' | b'.' => before != b'/',
                b'-' | b'_' => true,
                _ => byte.is_ascii_alphanumeric(),
            };
            before = byte;
            is_plain
        })
}

fn without_parameters(text: &str) -> &str {
    text.split(';').next().unwrap_or_default()
}

/// One segment, other than `.` and `..`, in its canonical spelling.
fn canonical(segment: &str) -> Result<String, BadPath> {
    let mut text = String::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => push_escaped(&mut text, escaped_byte(&mut bytes)?),
            _ if is_legal(byte) => text.push(char::from(byte)),
            _ => return Err(BadPath("has a character that has to be escaped")),
        }
    }
    check_meaning(&decoded(&text)?)?;
    Ok(text)
}

fn push_escaped(text: &mut String, byte: u8) {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            text.push(char::from(byte));
        }
        _ => text.push_str(&format!("%{byte:02X}")),
    }
}

/// What browsers leave as it is in a path: RFC 3986, 3.3, and the few characters more of the URL
/// standard. The backslash, which browsers turn into a slash, is not among them.
fn is_legal(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br##"\"<>`{}?#"##.contains(&byte)
}

/// What a segment says once decoded must not be structure, nor another layer of encoding.
fn check_meaning(decoded: &str) -> Result<(), BadPath> {
    let name = without_parameters(decoded);
    if decoded.contains(['/', '\\']) {
        return Err(BadPath("has an escaped slash or backslash"));
    }
    if decoded.contains(char::is_control) {
        return Err(BadPath("has an escaped control character"));
    }
    if matches!(name, "." | "..") {
        return Err(BadPath("has a dot segment in disguise"));
    }
    if name.is_empty() && !decoded.is_empty() {
        return Err(BadPath("has a segment of nothing but parameters"));
    }
    if decoded.as_bytes().windows(3).any(is_escape) {
        return Err(BadPath("is encoded twice"));
    }
    Ok(())
}

fn is_escape(bytes: &[u8]) -> bool {
    bytes[0] == b'%' && bytes[1].is_ascii_hexdigit() && bytes[2].is_ascii_hexdigit()
}

fn decoded(text: &str) -> Result<Cow<'_, str>, BadPath> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' { escaped_byte(&mut bytes)? } else { byte });
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| BadPath("is not UTF-8 once decoded"))
}

/// The byte that the two hexadecimal digits behind a `%` stand for.
fn escaped_byte(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, BadPath> {
    let mut digit = || char::from(bytes.next()?).to_digit(16);
    let byte = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
    byte.ok_or(BadPath("has a malformed escape"))
}

/// A rule's path, in whole segments and case-sensitive: `/account` is that path, `/a/*/b` has any one
/// segment in the middle, `/dashboard/**` is `/dashboard` and everything below.
///
/// It is written decoded and goes by [`Segment::name`], so that no spelling of a path escapes its
/// rule; a slash at the end of a path makes no difference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPattern {
    pieces: Vec<Piece>,
    /// Whether it ended in `/**`.
    and_below: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Exactly(String),
    AnyOne,
}

/// Why a text is not a [`PathPattern`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("has to be a path such as /account, /a/*/b or /dashboard/**: it {0}")]
pub struct InvalidPattern(&'static str);

impl PathPattern {
    /// Whether the rule covers `path` for anybody who may read it: what protects goes by this.
    pub fn matches(&self, path: &CanonicalPath) -> bool {
        self.matches_names(path.segments().map(Segment::name))
    }

    /// Whether it covers `path` for servers, too, to which `;parameters` are part of a name: what opens goes by
    /// this (GW-06).
    pub fn matches_to_the_letter(&self, path: &CanonicalPath) -> bool {
        self.matches(path) && self.matches_names(path.segments().map(Segment::decoded))
    }

    fn matches_names<'a>(&self, mut names: impl Iterator<Item = Cow<'a, str>>) -> bool {
        let admits = |piece: &Piece| names.next().is_some_and(|name| piece.admits(&name));
        self.pieces.iter().all(admits) && (self.and_below || names.next().is_none())
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::AnyOne => out.write_str("/*")?,
                Piece::Exactly(name) => write!(out, "/{name}")?,
            }
        }
        match (self.and_below, self.pieces.is_empty()) {
            (true, _) => out.write_str("/**"),
            (false, true) => out.write_str("/"),
            (false, false) => Ok(()),
        }
    }
}

impl FromStr for PathPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let (head, and_below) = match text.strip_suffix("/**") {
            Some(head) => (head, true),
            None => (text, false),
        };
        let pieces = match head.strip_prefix('/') {
            Some("") if !and_below => vec![],
            None if head.is_empty() && and_below => vec![],
            Some(rest) => rest.split('/').map(Piece::parse).collect::<Result<_, _>>()?,
            None => return Err(InvalidPattern("does not begin with a slash")),
        };
        Ok(Self { pieces, and_below })
    }
}

impl Piece {
    fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "*%;?#\\".contains(c);
        match text {
            "*" => Ok(Self::AnyOne),
            "" => Err(InvalidPattern("has an empty segment")),
            "**" => Err(InvalidPattern("has ** before its end")),
            "." | ".." => Err(InvalidPattern("has a dot segment")),
            _ if text.contains(is_odd) => Err(InvalidPattern("has a character with a meaning")),
            _ => Ok(Self::Exactly(text.to_owned())),
        }
    }

    fn admits(&self, name: &str) -> bool {
        match self {
            Self::AnyOne => true,
            Self::Exactly(exactly) => name == exactly,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;
    use proptest::prelude::*;

    use super::*;

    fn path(raw: &str) -> CanonicalPath {
        CanonicalPath::parse(raw).unwrap()
    }

    fn pattern(text: &str) -> PathPattern {
        text.parse().unwrap()
    }

    #[test]
    fn gw_05_every_spelling_of_a_path_becomes_one() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a/b/c", "/a/b/c"),
            ("/%61", "/a"),
            ("/%41%5a%7e%2D%5F", "/AZ~-_"),
            ("/file%2etxt", "/file.txt"),
            ("/...", "/..."),
            ("/..a", "/..a"),
            ("/.well-known/x", "/.well-known/x"),
            ("/%c3%a9", "/%C3%A9"),
            ("/a%20b", "/a%20b"),
            ("/a%3fb%23c", "/a%3Fb%23c"),
            ("/100%25", "/100%25"),
            ("/100%25/a", "/100%25/a"),
            ("/50%25x", "/50%25x"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/a+b=c@d:e!$&'()*,", "/a+b=c@d:e!$&'()*,"),
            ("/[slug]|^", "/[slug]|^"),
            ("/.", "/"),
            ("/..", "/"),
            ("/./a", "/a"),
            ("/../a", "/a"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../c", "/a/c"),
            ("/a/./b", "/a/b"),
            ("/a/../../../b", "/b"),
            ("/a/b/../../c/./d", "/c/d"),
        ] {
            assert_eq!(
                CanonicalPath::parse(raw).as_ref().map(CanonicalPath::as_str),
                Ok(canonical),
                "{raw}"
            );
        }
    }

    #[test]
    fn gw_05_a_path_that_two_readers_may_read_differently_is_refused() {
        for raw in [
            "",
            "*",
            "a",
            "http://evil.test/",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/a//..",
            "/%",
            "/%4",
            "/%zz",
            "/%4g",
            "/%+1",
            "/%u0041",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5Cb",
            "/a\\b",
            "/\\evil.test",
            "/a%00",
            "/a%0d%0ab",
            "/a%1f",
            "/a%7f",
            "/a%c2%85",
            "/a\tb",
            "/a b",
            "/a\u{7f}",
            "/é",
            "/a?b",
            "/a#b",
            "/<b>",
            "/{a}",
            "/%2e",
            "/%2E/a",
            "/%2e%2e/a",
            "/.%2e/a",
            "/a/%2e.",
            "/a/..;/b",
            "/a/..;x=1/b",
            "/a/.;/b",
            "/a/%2e%2e;/b",
            "/a/..%3b/b",
            "/;/a",
            "/a/;x",
            "/%3bx/a",
            "/%2541",
            "/a%252fb",
            "/a%252e%252e/b",
            "/%25%32%66",
            "/%2525",
            "/%25252f",
            "/%ff",
            "/%c0%af",
            "/%c3",
            "/%ed%a0%80",
        ] {
            let parsed = CanonicalPath::parse(raw);
            assert!(parsed.is_err(), "{raw:?} became {parsed:?}");
        }
    }

    #[test]
    fn a_segment_is_offered_as_it_stands_and_as_rules_see_it() {
        let path = path("/a;v=1/b%20c/%C3%A9;x;y/100%25/");
        let both: Vec<_> =
            path.segments().map(|segment| (segment.as_str(), segment.name())).collect();
        assert_eq!(
            both,
            [
                ("a;v=1", "a".into()),
                ("b%20c", "b c".into()),
                ("%C3%A9;x;y", "é".into()),
                ("100%25", "100%".into()),
            ]
        );
    }

    #[test]
    fn gw_06_a_pattern_covers_whole_segments() {
        for (text, raw, covered) in [
            ("/account", "/account", true),
            ("/account", "/account/", true),
            ("/account", "/%61ccount", true),
            ("/account", "/account;x", true),
            ("/account", "/account;x/", true),
            ("/account", "/account%3Bx", true),
            ("/account", "/x/../account", true),
            ("/account", "/accounts", false),
            ("/account", "/Account", false),
            ("/account", "/account/keys", false),
            ("/account", "/", false),
            ("/dashboard/**", "/dashboard", true),
            ("/dashboard/**", "/dashboard/", true),
            ("/dashboard/**", "/dashboard;x", true),
            ("/dashboard/**", "/dashboard/a", true),
            ("/dashboard/**", "/dashboard/a/b/", true),
            ("/dashboard/**", "/dashboard;x/a;y", true),
            ("/dashboard/**", "/dashboards", false),
            ("/dashboard/**", "/dashboard/../login", false),
            ("/dashboard/**", "/a/dashboard", false),
            ("/a/*/b", "/a/x/b", true),
            ("/a/*/b", "/a/x;y/b/", true),
            ("/a/*/b", "/a/b", false),
            ("/a/*/b", "/a/x/y/b", false),
            ("/a/*/b", "/a/x/b/c", false),
            ("/a/*", "/a/x", true),
            ("/a/*", "/a/", false),
            ("/*/**", "/a", true),
            ("/*/**", "/", false),
            ("/", "/", true),
            ("/", "/a", false),
            ("/**", "/", true),
            ("/**", "/a/b", true),
            ("/straße", "/stra%C3%9Fe", true),
            ("/a.b", "/a%2Eb", true),
        ] {
            assert_eq!(pattern(text).matches(&path(raw)), covered, "{text} and {raw}");
        }
    }

    #[test]
    fn gw_06_to_the_letter_parameters_are_part_of_a_name() {
        for (text, raw, covered) in [
            ("/open/**", "/open/a", true),
            ("/open/**", "/%6fpen/a;x", true),
            ("/open/*", "/open/a;x", true),
            ("/open/**", "/open;x/a", false),
            ("/open/**", "/open%3Bx/a", false),
            ("/open", "/open;", false),
            ("/open", "/shut", false),
        ] {
            assert_eq!(pattern(text).matches_to_the_letter(&path(raw)), covered, "{text}, {raw}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_was_written() {
        for text in ["/", "/**", "/account", "/a/*/b", "/dashboard/**", "/*/**"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for text in [
            "", "a", "**", "*", "//", "/a/", "/a//b", "/**/a", "/a/**/b", "/a**", "/a*", "/*a/b",
            "/***", "/a/../b", "/.", "/a?b", "/a#b", "/a;b", "/%61", "/a b", "/a\n", "/a\\b",
            "//**", "/a//**",
        ] {
            let parsed = text.parse::<PathPattern>();
            assert!(parsed.is_err(), "{text:?} became {parsed:?}");
        }
    }

    /// Paths made of what makes paths difficult.
    fn any_path() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("/"),
            Just("/"),
            Just("."),
            Just(".."),
            Just(";"),
            Just("%2e"),
            Just("%2F"),
            Just("%25"),
            Just("%61"),
            Just("%5c"),
            Just("%c3%a9"),
            Just("%3b"),
            Just("%"),
            Just("\\"),
            Just("a"),
            Just("B"),
            Just("2"),
            Just("^|[]"),
            Just("é"),
            Just("?"),
            Just("%00"),
            Just("~'"),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn gw_05_a_path_that_is_canonical_at_first_sight_is(raw in "/?[aZ9._/;%~-]{0,8}") {
            if is_plain(&raw) {
                prop_assert_eq!(CanonicalPath::rewritten(&raw), Ok(CanonicalPath(raw)));
            }
        }

        #[test]
        fn gw_05_a_canonical_path_parses_to_itself_and_hides_nothing(raw in any_path()) {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                let text = path.as_str();
                prop_assert_eq!(CanonicalPath::parse(text), Ok(path.clone()));
                prop_assert!(text.starts_with('/') && text.is_ascii() && !text.contains('\\'));
                for hidden in ["//", "/./", "/../", "%2E", "%2F", "%5C", "%61", "%00", "?"] {
                    prop_assert!(!text.contains(hidden), "{} in {}", hidden, text);
                }
                prop_assert!(!text.ends_with("/.") && !text.ends_with("/.."));
                for segment in path.segments() {
                    let name = segment.name();
                    prop_assert!(!name.contains(['/', '\\', ';']) && !matches!(&*name, "" | "." | ".."));
                }
            }
        }

        #[test]
        fn gw_05_a_canonical_path_goes_upstream_as_it_is(raw in any_path()) {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                let sent = PathAndQuery::try_from(path.as_str()).unwrap();
                prop_assert_eq!((sent.path(), sent.query()), (path.as_str(), None));
                let seen = url::Url::parse("http://host/").unwrap().join(path.as_str()).unwrap();
                prop_assert_eq!(seen.path().replace("%5E", "^"), path.as_str());
            }
        }

        #[test]
        fn garbage_never_panics(raw: String) {
            let _ = CanonicalPath::parse(&raw);
            let _ = CanonicalPath::parse(&format!("/{raw}"));
            let _ = raw.parse::<PathPattern>();
        }
    }
}
