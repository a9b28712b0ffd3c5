use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use memchr::memchr_iter;

use crate::path::CanonicalPath;
use crate::seal::{NoRandomness, OpenError, Purpose, SealKeys, Sealer};
use crate::session::{Session, SessionChange};
use crate::set_cookie::trimmed;
use crate::site::Site;

/// The cookie that holds the session, and the hint beside it that tells scripts whether there is one:
/// names, attributes, and what becomes of both.
///
/// Over https the prefixes have browsers insist on `Secure`, `Path=/`, no `Domain` and, for the
/// session, `HttpOnly` (CK-01). No browser takes them over http.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    name: &'static str,
    hint_name: &'static str,
    is_secure: bool,
    sealer: Sealer,
}

/// What a request's cookies say about its session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opened {
    /// No cookie of ours: not signed in.
    Absent,
    /// Signed in; authentic and not over.
    Session(Session),
    /// Malformed, forged or over: not signed in, and the cookie is deleted.
    Broken,
    /// There twice: which one is ours nobody can tell, so this request is not signed in (CK-05). The other
    /// one was set for a path, which no prefix forbids over http, and is deleted there.
    Doubled,
    /// Sealed under a key we don't have: not signed in here, and the cookie is left alone (KY-03).
    UnknownKey,
}

/// Why a session could not be put into a cookie. The login fails; nothing is cut or left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CookieError {
    /// Browsers need not keep more than [`SessionCookie::MOST`] bytes.
    #[error("the session cookie would have {size} bytes, more than the 4096 that browsers keep")]
    TooLarge {
        /// Bytes of name and value.
        size: usize,
    },
    /// It could not be sealed.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Most paths that one answer deletes a cookie for.
const MOST_PATHS: usize = 16;

const HTTPS_NAMES: [&str; 2] = ["__Host-Http-vestibule", "__Host-vestibule_hint"];
const HTTP_NAMES: [&str; 2] = ["vestibule", "vestibule_hint"];

impl SessionCookie {
    /// Most bytes of name and value together (RFC 6265, 6.1; CK-04).
    pub const MOST: usize = 4096;

    /// The cookie of `site`, sealed under `keys`, for this name and origin only.
    pub fn new(site: &Site, keys: &SealKeys) -> Self {
        let [name, hint_name] = if site.is_https() { HTTPS_NAMES } else { HTTP_NAMES };
        let sealer = keys.sealer(Purpose::SessionCookie, name, site.origin());
        Self { name, hint_name, is_secure: site.is_https(), sealer }
    }

    /// Name of the cookie that holds the session.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Name of the cookie that scripts may read: it changes when the session does and says nothing else.
    pub fn hint_name(&self) -> &'static str {
        self.hint_name
    }

    /// Reads the session out of a request's headers. Bytes count: names are case-sensitive, only blanks
    /// and tabs are trimmed, nothing is unquoted, and two cookies of the name are none (CK-05).
    pub fn read(&self, headers: &HeaderMap, now: i64) -> Opened {
        let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let mut values = lines.flat_map(pairs).filter_map(|pair| value_of(pair, self.name));
        match (values.next(), values.next()) {
            (None, _) => Opened::Absent,
            (Some(value), None) => self.open(value, now),
            (Some(_), Some(_)) => Opened::Doubled,
        }
    }

    /// The hint that came with a request; empty if none did.
    pub(crate) fn hint_in(&self, headers: &HeaderMap) -> String {
        let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let hint = lines.flat_map(pairs).find_map(|pair| value_of(pair, self.hint_name));
        String::from_utf8_lossy(hint.unwrap_or_default()).into_owned()
    }

    /// What one value of the cookie says.
    pub(crate) fn open(&self, value: &[u8], now: i64) -> Opened {
        let Ok(text) = std::str::from_utf8(value) else { return Opened::Broken };
        let plaintext = match self.sealer.open(text) {
            Ok(plaintext) => plaintext,
            Err(OpenError::UnknownKey) => return Opened::UnknownKey,
            Err(OpenError::Broken) => return Opened::Broken,
        };
        match Session::unpack(&plaintext) {
            Some(session) if !session.is_over(now) => Opened::Session(session),
            _ => Opened::Broken,
        }
    }

    /// The `Set-Cookie` lines that carry out `change`.
    ///
    /// # Errors
    /// [`CookieError`] if the session does not fit or could not be sealed.
    pub fn write(&self, change: &SessionChange, now: i64) -> Result<Vec<HeaderValue>, CookieError> {
        match change {
            SessionChange::Keep => Ok(vec![]),
            SessionChange::End => Ok(self.lines("", "", Some(0))),
            SessionChange::Replace(session) => {
                let value = self.seal(session)?;
                let rest = (session.ends_at - now).max(0);
                let max_age = (session.persistent || rest == 0).then_some(rest);
                Ok(self.lines(&value, &session.sid.hint(), max_age))
            }
        }
    }

    fn seal(&self, session: &Session) -> Result<String, CookieError> {
        let value = self.sealer.seal(&session.pack())?;
        match self.name.len() + value.len() {
            size if size > Self::MOST => Err(CookieError::TooLarge { size }),
            _ => Ok(value),
        }
    }

    /// The `Set-Cookie` lines that delete whatever bears our name for a path below the root that `path` is
    /// in (RFC 6265, 5.1.4). Ours is set for the root.
    pub(crate) fn delete_below_root(&self, path: &CanonicalPath) -> Vec<HeaderValue> {
        let path = path.as_str();
        let slashes = path.match_indices('/').skip(1);
        let prefixes = slashes.flat_map(|(at, _)| [&path[..at], &path[..=at]]);
        let prefixes =
            prefixes.chain([path]).filter(|prefix| *prefix != "/" && !prefix.contains(';'));
        prefixes
            .take(MOST_PATHS)
            .map(|prefix| self.line(self.name, "", prefix, Some(0), "; HttpOnly"))
            .collect()
    }

    fn lines(&self, value: &str, hint: &str, max_age: Option<i64>) -> Vec<HeaderValue> {
        vec![
            self.line(self.name, value, "/", max_age, "; HttpOnly"),
            self.line(self.hint_name, hint, "/", max_age, ""),
        ]
    }

    /// Without `max_age` the browser keeps it until it is closed.
    fn line(
        &self,
        name: &str,
        value: &str,
        path: &str,
        max_age: Option<i64>,
        http_only: &str,
    ) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let max_age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text = format!("{name}={value}; Path={path}{max_age}{http_only}; SameSite=Lax{secure}");
        let mut line = HeaderValue::try_from(text).expect("names, paths and base64url are ASCII");
        line.set_sensitive(true);
        line
    }

    /// Takes our cookies out of a request and leaves the others as they are (GW-04).
    pub fn strip(&self, headers: &mut HeaderMap) {
        take_out(headers, |name| self.owns(name));
    }

    /// Whether a cookie of this name is ours to set: in any case, and under either scheme's spelling,
    /// since an upstream must not shadow what another deployment of the site reads (CK-10).
    pub fn owns(&self, name: &[u8]) -> bool {
        let mut names = HTTPS_NAMES.iter().chain(&HTTP_NAMES);
        names.any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
    }
}

/// Takes the cookies of these names out of a request and leaves the others as they are.
pub(crate) fn take_out(headers: &mut HeaderMap, is_unwanted: impl Fn(&[u8]) -> bool) {
    let lines: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for line in lines.into_iter().filter_map(|line| without(line, &is_unwanted)) {
        headers.append(COOKIE, line);
    }
}

fn without(line: HeaderValue, is_unwanted: impl Fn(&[u8]) -> bool) -> Option<HeaderValue> {
    let is_out = |part: &&[u8]| is_unwanted(trimmed(name_of(part)));
    let parts = || line.as_bytes().split(|byte| *byte == b';');
    if !parts().any(|part| is_out(&part)) {
        return Some(line);
    }
    let kept: Vec<&[u8]> = parts().filter(|part| !is_out(part)).collect();
    match trimmed(&kept.join(&b';')) {
        b"" => None,
        kept => Some(HeaderValue::from_bytes(kept).expect("parts of a value are a value")),
    }
}

fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b';', line).chain([line.len()]);
    let starts = memchr_iter(b';', line).map(|end| end + 1);
    [0].into_iter().chain(starts).zip(ends).map(|(start, end)| trimmed(&line[start..end]))
}

fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use vestibule_types::{Secret, Token};

    use super::*;
    use crate::set_cookie::names_set_by;

    const NOW: i64 = 1_800_000_000;

    fn cookie_at(site: &str) -> SessionCookie {
        let keys = SealKeys::new(Secret::from_random([1; 32]), vec![]);
        SessionCookie::new(&site.parse().unwrap(), &keys)
    }

    fn cookie() -> SessionCookie {
        cookie_at("https://app.example.com")
    }

    fn sealed(cookie: &SessionCookie) -> String {
        cookie.seal(&Session::sample(NOW)).unwrap()
    }

    fn request(lines: &[&[u8]]) -> HeaderMap {
        let line = |line: &&[u8]| (COOKIE, HeaderValue::from_bytes(line).unwrap());
        lines.iter().map(line).collect()
    }

    fn read(cookie: &SessionCookie, line: &str) -> Opened {
        cookie.read(&request(&[line.as_bytes()]), NOW)
    }

    fn written(cookie: &SessionCookie, change: &SessionChange) -> Vec<String> {
        let lines = cookie.write(change, NOW).unwrap();
        lines.iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    fn value_in(line: &str) -> &str {
        line.split(['=', ';']).nth(1).unwrap()
    }

    #[test]
    fn ck_01_over_https_both_cookies_have_their_prefix_and_every_attribute() {
        let lines = written(&cookie(), &SessionChange::Replace(Session::sample(NOW)));
        let (value, hint) = (value_in(&lines[0]), value_in(&lines[1]));
        assert_eq!(
            lines,
            [
                format!(
                    "__Host-Http-vestibule={value}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"
                ),
                format!(
                    "__Host-vestibule_hint={hint}; Path=/; Max-Age=604800; SameSite=Lax; Secure"
                ),
            ]
        );
    }

    #[test]
    fn over_http_both_cookies_have_plain_names_and_are_not_secure() {
        let lines = written(
            &cookie_at("http://localhost:3000"),
            &SessionChange::Replace(Session::sample(NOW)),
        );
        let (value, hint) = (value_in(&lines[0]), value_in(&lines[1]));
        assert_eq!(
            lines,
            [
                format!("vestibule={value}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"),
                format!("vestibule_hint={hint}; Path=/; Max-Age=604800; SameSite=Lax"),
            ]
        );
    }

    #[test]
    fn an_end_deletes_both_cookies_with_the_same_attributes() {
        assert_eq!(
            written(&cookie(), &SessionChange::End),
            [
                "__Host-Http-vestibule=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
                "__Host-vestibule_hint=; Path=/; Max-Age=0; SameSite=Lax; Secure",
            ]
        );
        assert_eq!(written(&cookie(), &SessionChange::Keep), [""; 0]);
    }

    #[test]
    fn ck_03_neither_value_shows_a_token_a_name_or_an_address() {
        let session = Session::sample(NOW);
        let sid = session.sid.to_string();
        for line in written(&cookie(), &SessionChange::Replace(session)) {
            let body = value_in(&line).rsplit('.').next().unwrap();
            let decoded =
                String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(body).unwrap()).into_owned();
            for canary in ["canary", "Lovelace", "example.com", &sid] {
                assert!(!value_in(&line).contains(canary), "{canary} in {line}");
                assert!(!decoded.contains(canary), "{canary} in {line}");
            }
        }
    }

    #[test]
    fn the_hint_is_the_sessions_and_stays_over_refreshes() {
        let first = Session::sample(NOW);
        let refreshed = Session { access: Token::from("new".to_owned()), ..first.clone() };
        let hint =
            |session| value_in(&written(&cookie(), &SessionChange::Replace(session))[1]).to_owned();
        assert_eq!(hint(first.clone()), hint(refreshed));
        assert_ne!(hint(first), hint(Session::sample(NOW)));
    }

    #[test]
    fn ck_06_a_cookie_kept_beyond_the_end_of_its_session_is_broken() {
        let (cookie, session) = (cookie(), Session::sample(NOW));
        let line = format!("{}={}", cookie.name(), cookie.seal(&session).unwrap());
        let headers = request(&[line.as_bytes()]);
        assert_eq!(cookie.read(&headers, session.ends_at), Opened::Broken);
        assert_eq!(cookie.read(&headers, session.ends_at - 1), Opened::Session(session));
    }

    #[test]
    fn ck_06_the_cookie_lives_as_long_as_the_rest_of_its_session() {
        let session = Session { ends_at: NOW + 12, ..Session::sample(NOW) };
        for line in written(&cookie(), &SessionChange::Replace(session)) {
            assert!(line.contains("; Max-Age=12;"), "{line}");
        }
    }

    #[test]
    fn a_session_that_is_not_to_be_remembered_leaves_with_the_browser() {
        let session = Session { persistent: false, ..Session::sample(NOW) };
        let lines = written(&cookie(), &SessionChange::Replace(session.clone()));
        let (value, hint) = (value_in(&lines[0]), value_in(&lines[1]));
        assert_eq!(
            lines,
            [
                format!("__Host-Http-vestibule={value}; Path=/; HttpOnly; SameSite=Lax; Secure"),
                format!("__Host-vestibule_hint={hint}; Path=/; SameSite=Lax; Secure"),
            ]
        );
        let over = Session { ends_at: NOW, ..session };
        for line in written(&cookie(), &SessionChange::Replace(over)) {
            assert!(line.contains("; Max-Age=0;"), "{line}");
        }
    }

    #[test]
    fn ck_06_a_browser_that_keeps_such_a_cookie_has_none_after_its_end() {
        let (cookie, session) = (cookie(), Session { persistent: false, ..Session::sample(NOW) });
        let line = format!("{}={}", cookie.name(), cookie.seal(&session).unwrap());
        let headers = request(&[line.as_bytes()]);
        assert_eq!(cookie.read(&headers, session.ends_at), Opened::Broken);
        assert_eq!(cookie.read(&headers, session.ends_at - 1), Opened::Session(session));
    }

    #[test]
    fn ck_05_hostile_cookie_headers_are_read_byte_by_byte() {
        let cookie = cookie();
        let value = sealed(&cookie);
        let name = cookie.name();
        for line in [
            "{n}={v}",
            " {n}={v} ",
            "\t{n}={v}\t",
            "a=b; {n}={v}",
            "a=b;{n}={v};c=d",
            ";;{n}={v};;",
            "$Version=1; {n}={v}; $Path=/",
            "{N}=x; {n}={v}",
            "x{n}=x; {n}={v}",
            "{n}x=x; {n}={v}",
            "{n} =x; {n}={v}",
            "={n}=x; {n}={v}",
            "a=\"; {n}={v}; b=\"",
        ] {
            let line = line
                .replace("{n}", name)
                .replace("{v}", &value)
                .replace("{N}", &name.to_uppercase());
            assert!(matches!(read(&cookie, &line), Opened::Session(_)), "{line}");
        }
        for line in [
            "",
            ";",
            "=",
            "{n}",
            "{v}",
            "{N}={v}",
            "{n} ={v}",
            "{n}\t={v}",
            "={n}={v}",
            "\"{n}\"={v}",
            "$Version=1,{n}={v}",
            "a=b,{n}={v}",
            "\u{a0}{n}={v}",
            "\u{2003}{n}={v}",
            "\u{feff}{n}={v}",
            "\u{85}{n}={v}",
            "{n}\u{a0}={v}",
            "%5F%5FHost-Http-vestibule={v}",
            "__Host-vestibule={v}",
            "__Secure-vestibule={v}",
            "vestibule={v}",
        ] {
            let line = line
                .replace("{n}", name)
                .replace("{v}", &value)
                .replace("{N}", &name.to_lowercase());
            assert_eq!(read(&cookie, &line), Opened::Absent, "{line}");
        }
        for line in [
            "{n}=",
            "{n}=\"{v}\"",
            "{n}= {v}",
            "{n}=={v}",
            "{n}={v}=",
            "{n}={v}, a=b",
            "{n}={v}\u{a0}",
            "{n}={v}\u{2003}; a=b",
            "{n}=null",
            "{n}={v}{v}",
        ] {
            let line = line.replace("{n}", name).replace("{v}", &value);
            assert_eq!(read(&cookie, &line), Opened::Broken, "{line}");
        }
        for line in ["{n}={v}; {n}={v}", "{n}={v}; {n}=", "{n}=x; a=b; {n}={v}"] {
            let line = line.replace("{n}", name).replace("{v}", &value);
            assert_eq!(read(&cookie, &line), Opened::Doubled, "{line}");
        }
    }

    #[test]
    fn ck_05_a_doubled_cookie_is_deleted_wherever_the_path_could_have_it_from_but_the_root() {
        let paths = |path: &str| {
            let lines = cookie().delete_below_root(&CanonicalPath::parse(path).unwrap());
            let path_of = |line: &HeaderValue| {
                let line = line.to_str().unwrap();
                assert!(line.contains("Max-Age=0"), "{line}");
                let (_, rest) = line.split_once("Path=").unwrap();
                rest.split(';').next().unwrap().to_owned()
            };
            lines.iter().map(path_of).collect::<Vec<_>>()
        };
        assert!(paths("/").is_empty());
        assert_eq!(paths("/dashboard"), ["/dashboard"]);
        assert_eq!(paths("/a/b/c"), ["/a", "/a/", "/a/b", "/a/b/", "/a/b/c"]);
        assert_eq!(paths("/a/b;Domain=example.com"), ["/a", "/a/"], "a path adds no attribute");
        assert_eq!(paths(&"/a".repeat(500)).len(), 16);
    }

    #[test]
    fn ck_05_a_byte_that_latin_1_calls_a_blank_is_no_blank() {
        let cookie = cookie();
        let line = format!("{}={}", cookie.name(), sealed(&cookie)).into_bytes();
        for byte in [b"\xa0", b"\x85", b"\xff"] {
            let (before, after) = ([byte, &line[..]].concat(), [&line[..], byte].concat());
            assert_eq!(cookie.read(&request(&[&before]), NOW), Opened::Absent, "{byte:?}");
            assert_eq!(cookie.read(&request(&[&after]), NOW), Opened::Broken, "{byte:?}");
        }
    }

    #[test]
    fn ck_05_two_session_cookies_mean_no_session() {
        let cookie = cookie();
        let line = format!("{}={}", cookie.name(), sealed(&cookie));
        let (line, other) = (line.as_bytes(), b"a=b".as_slice());
        assert!(matches!(cookie.read(&request(&[other, line, other]), NOW), Opened::Session(_)));
        assert_eq!(cookie.read(&request(&[line, other, line]), NOW), Opened::Doubled);
        assert_eq!(cookie.read(&request(&[other]), NOW), Opened::Absent);
        assert_eq!(cookie.read(&request(&[]), NOW), Opened::Absent);
    }

    #[test]
    fn ky_03_a_cookie_under_an_unknown_key_is_told_apart_from_a_broken_one() {
        let ours = cookie();
        let other_keys = SealKeys::new(Secret::from_random([2; 32]), vec![]);
        let theirs = SessionCookie::new(&"https://app.example.com".parse().unwrap(), &other_keys);
        let line = format!("{}={}", ours.name(), sealed(&theirs));
        assert_eq!(read(&ours, &line), Opened::UnknownKey);
        let elsewhere = cookie_at("https://other.example.com");
        let line = format!("{}={}", ours.name(), sealed(&elsewhere));
        assert_eq!(read(&ours, &line), Opened::Broken);
    }

    #[test]
    fn ky_02_an_authentic_seal_around_something_else_is_broken() {
        let cookie = cookie();
        for plaintext in ["", "{}", "null", "[]", r#"{"sid":"x"}"#, "eyJhbGciOiJub25lIn0.e30."] {
            let value = cookie.sealer.seal(plaintext.as_bytes()).unwrap();
            assert_eq!(read(&cookie, &format!("{}={value}", cookie.name())), Opened::Broken);
        }
    }

    #[test]
    fn gw_04_our_cookies_are_taken_out_and_the_others_stay_byte_for_byte() {
        for (line, left) in [
            ("{n}=x", None),
            (" {n}=x ; {h}=y;", None),
            ("a=b", Some("a=b")),
            ("a=b;  c=\"d; e\" ;", Some("a=b;  c=\"d; e\" ;")),
            ("{n}=x; a=b", Some("a=b")),
            ("a=b; {n}=x", Some("a=b")),
            ("a=b; {n}=x; c=d; {h}=y; e", Some("a=b; c=d; e")),
            ("{n}=1; {n}=2; a= b =c", Some("a= b =c")),
            ("{n}; a=b", Some("a=b")),
            ("{n} =x; {h}\t; a=b", Some("a=b")),
            ("vestibule=x; a=b; VESTIBULE_HINT=y", Some("a=b")),
            ("my{n}=x; {n}2=y", Some("my{n}=x; {n}2=y")),
        ] {
            let cookie = cookie();
            let text =
                |line: &str| line.replace("{n}", cookie.name()).replace("{h}", cookie.hint_name());
            let mut headers = request(&[text(line).as_bytes()]);
            cookie.strip(&mut headers);
            let found = headers.get(COOKIE).map(|line| line.to_str().unwrap().to_owned());
            assert_eq!(found, left.map(text), "{line}");
        }
    }

    #[test]
    fn gw_04_each_of_several_cookie_lines_is_stripped() {
        let mut headers =
            request(&[b"a=\xff", b"__Host-Http-vestibule=x", b"vestibule_hint=x; c=\xfe"]);
        cookie().strip(&mut headers);
        let left: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(left, [b"a=\xff", b"c=\xfe"]);
    }

    #[test]
    fn ck_10_a_set_cookie_line_of_ours_is_known_in_every_spelling() {
        for (line, ours) in [
            ("vestibule=x", true),
            ("vestibule", true),
            ("vestibule=", true),
            ("  vestibule \t= x; Path=/", true),
            ("VestiBule=x; Domain=example.com", true),
            ("vestibule_hint=x", true),
            ("__Host-Http-vestibule=x; Secure", true),
            ("__host-http-VESTIBULE=x", true),
            ("__Host-vestibule_hint=x", true),
            ("=vestibule=x", true),
            (" = vestibule=x", true),
            ("==vestibule", true),
            ("a=b, vestibule=x; Path=/", true),
            ("a=b; Path=/,=Vestibule_Hint = x", true),
            ("a=b; Expires=Wed, 09 Jun 2027 10:18:14 GMT, __Host-Http-vestibule=x", true),
            ("vestibule,a=b", true),
            ("a=vestibule=x", false),
            ("a=b; vestibule=x", false),
            ("a=b; Expires=Wed, 09 Jun 2027 10:18:14 GMT", false),
            ("vestibule2=x", false),
            ("vestibule%20=x", false),
            ("vesti bule=x", false),
            ("", false),
            ("; vestibule=x", false),
        ] {
            let mut names = names_set_by(line.as_bytes());
            assert_eq!(names.any(|name| cookie().owns(name)), ours, "{line:?}");
        }
    }

    #[test]
    fn ck_04_4096_bytes_fit_and_4097_do_not() {
        let size = |refresh: usize| {
            let refresh = Some(Token::from("y".repeat(refresh)));
            match cookie().seal(&Session { refresh, ..Session::sample(NOW) }) {
                Ok(value) => Ok(cookie().name().len() + value.len()),
                Err(CookieError::TooLarge { size }) => Err(size),
                Err(refused) => panic!("{refused}"),
            }
        };
        let sizes: Vec<_> = (2_500..3_000).map(size).collect();
        assert!(sizes.contains(&Ok(4096)) && sizes.contains(&Err(4097)));
        assert!(sizes.iter().all(|size| size.unwrap_or(0) <= 4096), "{sizes:?}");
    }

    proptest! {
        #[test]
        fn ck_04_what_does_not_fit_into_4096_bytes_is_refused(access in 100..3_000usize, refresh in 100..3_000usize) {
            let cookie = cookie();
            let session = Session {
                access: Token::from("x".repeat(access)),
                refresh: Some(Token::from("y".repeat(refresh))),
                ..Session::sample(NOW)
            };
            match cookie.write(&SessionChange::Replace(session.clone()), NOW) {
                Ok(lines) => {
                    let line = lines[0].to_str().unwrap().split(';').next().unwrap();
                    prop_assert!(line.len() - 1 <= SessionCookie::MOST);
                    prop_assert_eq!(read(&cookie, line), Opened::Session(session));
                }
                Err(refused) => {
                    let CookieError::TooLarge { size } = refused else { panic!("{refused}") };
                    prop_assert!(size > SessionCookie::MOST && access + refresh > 2_000);
                }
            }
        }

        #[test]
        fn ck_05_no_header_makes_the_parser_panic_or_forges_a_session(line in prop::collection::vec(32..=255u8, 0..80)) {
            prop_assume!(!line.contains(&127));
            let forged = [b"__Host-Http-vestibule=".as_slice(), &line].concat();
            let headers = request(&[&line, &forged]);
            prop_assert_eq!(cookie().read(&headers, NOW), Opened::Broken);
        }

        #[test]
        fn gw_04_nothing_of_ours_is_left_after_a_strip(line in "((vestibule|Vestibule_Hint|__Host-Http-vestibule|a|)( ?= ?[a-z]{0,2})?[; ]{0,2}){0,6}") {
            let cookie = cookie();
            let mut headers = request(&[line.as_bytes()]);
            cookie.strip(&mut headers);
            for left in headers.get_all(COOKIE) {
                prop_assert!(!pairs(left.as_bytes()).any(|pair| cookie.owns(name_of(pair))));
            }
        }
    }
}
