use std::fmt;

use url::{Position, Url};

use crate::path::{CanonicalPath, Segment};

/// Where a login may lead: a path on this site, with its query. Whoever holds one may send a browser
/// there (GW-11).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// Where a login leads that came from nowhere.
    pub const DEFAULT: &str = "/dashboard";
    /// Most bytes.
    pub const MOST: usize = 2048;

    /// Reads the value of `next`, already decoded as a form field; a fragment is left out.
    ///
    /// `None` if it is no path on this site, is too long, or leads to a login form or into the API.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split('#').next().unwrap_or_default();
        match text.split_once('?') {
            Some((path, query)) => {
                Self::from_request(&CanonicalPath::parse(path).ok()?, Some(query))
            }
            None => Self::from_request(&CanonicalPath::parse(text).ok()?, None),
        }
    }

    /// The place that a request was going to. `None` as for [`ReturnPath::parse`].
    pub fn from_request(path: &CanonicalPath, query: Option<&str>) -> Option<Self> {
        let query = query.map(without_rsc).unwrap_or_default();
        if !is_a_place_to_be(path) || query.contains(is_never_in_a_query) {
            return None;
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let text = as_browsers_resolve(&format!("{}{mark}{query}", path.as_str()))?;
        (text.len() <= Self::MOST).then_some(Self(text))
    }

    /// What `next` says if it may be followed, otherwise [`ReturnPath::DEFAULT`].
    pub fn or_default(next: Option<&str>) -> Self {
        next.and_then(Self::parse).unwrap_or_default()
    }

    /// Path and query: visible ASCII that begins with a single `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The login page that leads back here.
    pub fn login_url(&self) -> String {
        let next = form_urlencoded::byte_serialize(self.0.as_bytes());
        format!("/login?next={}", next.collect::<String>())
    }
}

impl Default for ReturnPath {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Neither a page that would send a signed-in person back here, nor a page for machines.
fn is_a_place_to_be(path: &CanonicalPath) -> bool {
    let mut names = path.segments().map(Segment::name);
    let (first, second) = (names.next(), names.next());
    !matches!(
        (first.as_deref(), second),
        (Some("api"), _) | (Some("login" | "register" | "logout"), None)
    )
}

/// The URL standard drops some of these in silence; browsers escape the others.
fn is_never_in_a_query(c: char) -> bool {
    c == '\\' || c.is_control() || c.is_whitespace()
}

/// The query without `_rsc`: it asks Next.js for the data of a page, which is no page to come back to.
fn without_rsc(query: &str) -> String {
    let is_rsc = |pair: &&str| {
        form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(name, _)| name == "_rsc")
    };
    query.split('&').filter(|pair| !is_rsc(pair)).collect::<Vec<_>>().join("&")
}

/// Path and query as a browser on this site understands `text`, unless it would leave the site.
fn as_browsers_resolve(text: &str) -> Option<String> {
    let site = Url::parse("https://site.invalid").expect("a URL");
    let target = site.join(text).ok()?;
    let stays = target.origin() == site.origin() && target.authority() == site.authority();
    stays.then(|| target[Position::BeforePath..Position::AfterQuery].to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<String> {
        ReturnPath::parse(text).map(|path| path.to_string())
    }

    #[test]
    fn a_path_on_this_site_is_kept_with_its_query() {
        for (text, kept) in [
            ("/", "/"),
            ("/dashboard", "/dashboard"),
            ("/dashboard/", "/dashboard/"),
            ("/a/../b", "/b"),
            ("/search?q=a%20b&page=2", "/search?q=a%20b&page=2"),
            ("/search?q=é", "/search?q=%C3%A9"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/go?to=https://example.com//x%2F%5C", "/go?to=https://example.com//x%2F%5C"),
            ("/a#b", "/a"),
            ("/a?b#c?d", "/a?b"),
            ("/a?", "/a"),
            ("/a?_rsc=1abc", "/a"),
            ("/a?b=c&_rsc=1abc&d", "/a?b=c&d"),
            ("/a?%5Frsc=1&x_rsc=2", "/a?x_rsc=2"),
            ("/@user", "/@user"),
            ("/login-help", "/login-help"),
            ("/login/help", "/login/help"),
            ("/apis", "/apis"),
            ("/a/api/b", "/a/api/b"),
            ("/a?next=/login", "/a?next=/login"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(kept), "{text}");
        }
    }

    #[test]
    fn gw_11_redirect_tricks_are_refused() {
        for text in [
            "",
            " ",
            "dashboard",
            "./dashboard",
            "?a=b",
            "#a",
            "evil.test",
            "@evil.test",
            ":80/",
            "http://evil.test",
            "https://evil.test/dashboard",
            "https:evil.test",
            "https:/evil.test",
            "https:///evil.test",
            "HTTPS://evil.test",
            "javascript:alert(1)",
            "javascript://site.invalid/%0aalert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "https://site.invalid@evil.test/",
            "https://site.invalid.evil.test/",
            "//evil.test",
            "//evil.test/%2f..",
            "///evil.test",
            "////evil.test",
            "//@evil.test",
            "//user@evil.test",
            "//evil.test:80",
            "//[::1]",
            "//3232235777",
            "/\\evil.test",
            "/\\/evil.test",
            "\\/evil.test",
            "\\\\evil.test",
            "\\evil.test",
            "/\\\\evil.test",
            "/a\\..\\b",
            "/a?b=\\",
            "/? ",
            "/a?b c",
            "/a?b\u{a0}",
            "/\tevil.test",
            "/\t/evil.test",
            "/\n/evil.test",
            "/\r\n/evil.test",
            "/\r\nSet-Cookie: a=b",
            "\t//evil.test",
            " //evil.test",
            " /dashboard",
            "/\u{0}/evil.test",
            "/\u{7f}/evil.test",
            "/\u{85}/evil.test",
            "/\u{a0}/evil.test",
            "/\u{2028}/evil.test",
            "/\u{3000}/evil.test",
            "/\u{ff0f}evil.test",
            "/\u{2215}evil.test",
            "/a?b=\nc",
            "/a?b=\tc",
            "/a?b=\u{85}",
            "/%2fevil.test",
            "/%2f%2fevil.test",
            "/%2F/evil.test",
            "/%5cevil.test",
            "/%5Cevil.test",
            "/%5c%2fevil.test",
            "/%09/evil.test",
            "/%0a/evil.test",
            "/%0d%0aSet-Cookie:%20a=b",
            "/%00/evil.test",
            "/%252fevil.test",
            "/%255cevil.test",
            "/%25252fevil.test",
            "/%2525252fevil.test",
            "/%25%32%66evil.test",
            "/%250d%250a",
            "/.//evil.test",
            "/..//evil.test",
            "/a/..//evil.test",
            "/a/../\\evil.test",
            "/%2e//evil.test",
            "/%2e%2e/evil.test",
            "/%2e%2e%2fevil.test",
            "/..;/evil.test",
            "/;//evil.test",
            "/;/evil.test",
            "/%zz",
            "/%",
            "/%ff",
            "/%c0%af/evil.test",
            "/a//b",
            "/a//",
            "/<script>",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn g_7_a_login_does_not_lead_to_itself_or_into_the_api() {
        for text in [
            "/login",
            "/login/",
            "/login?next=/login",
            "/%6cogin",
            "/a/../login",
            "/login;x",
            "/register",
            "/logout",
            "/logout#x",
            "/api",
            "/api/",
            "/api/v1/user/me",
            "/api;x/v1",
            "/%61pi/auth/sign-out",
        ] {
            assert_eq!(parsed(text), None, "{text}");
            assert_eq!(ReturnPath::or_default(Some(text)).as_str(), ReturnPath::DEFAULT);
        }
        assert_eq!(ReturnPath::or_default(None).as_str(), ReturnPath::DEFAULT);
        assert_eq!(ReturnPath::or_default(Some("/a?b")).as_str(), "/a?b");
        assert_eq!(parsed(ReturnPath::DEFAULT).as_deref(), Some(ReturnPath::DEFAULT));
    }

    #[test]
    fn a_return_path_has_at_most_2048_bytes() {
        let longest = format!("/{}", "a".repeat(2047));
        assert_eq!(parsed(&longest), Some(longest.clone()));
        assert_eq!(parsed(&format!("{longest}a")), None);
        assert_eq!(parsed(&format!("/a?{}", "é".repeat(400))), None);
    }

    #[test]
    fn the_login_url_leads_back() {
        let path = ReturnPath::parse("/a%20b?c").unwrap();
        assert_eq!(path.login_url(), "/login?next=%2Fa%2520b%3Fc");
        let path = ReturnPath::parse("/search?q=a&b=c+d%26").unwrap();
        let url = path.login_url();
        let (_, next) =
            form_urlencoded::parse(url.split_once('?').unwrap().1.as_bytes()).next().unwrap();
        assert_eq!(ReturnPath::parse(&next), Some(path));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn gw_11_what_is_accepted_stays_on_the_site(
            text in "/[/\\\\.%?#@:;a-c0-9\t\n é]{0,16}|/(%(2f|5C|09|2e|25|41)|[/.?#ae]|//){0,8}",
        ) {
            let site = Url::parse("https://site.example").unwrap();
            if let Some(path) = ReturnPath::parse(&text) {
                for read in [path.as_str().to_owned(), decoded(path.as_str())] {
                    prop_assert_eq!(site.join(&read).unwrap().origin(), site.origin(), "{}", read);
                }
                prop_assert!(path.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(ReturnPath::parse(path.as_str()), Some(path));
            }
        }

        #[test]
        fn garbage_never_panics(text: String) {
            let _ = ReturnPath::parse(&format!("/{text}"));
        }
    }

    /// `path` as somebody sees it who decodes once too often.
    fn decoded(path: &str) -> String {
        let pair = format!("{}=", path.replace(['+', '&', '='], "-"));
        form_urlencoded::parse(pair.as_bytes()).next().unwrap().0.into_owned()
    }
}
