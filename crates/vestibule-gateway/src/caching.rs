//! What caches between us and the browser may keep (CK-07).

use axum::response::Response;
use http::header::{AGE, CACHE_CONTROL, EXPIRES, PRAGMA, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Makes an answer private, if it was made for a request that carried a session (`had_session`). It may be shared only
/// on a route that is `cacheable`, where the upstream says `public` in so many words and sets no cookie.
pub(crate) fn private_unless(headers: &mut HeaderMap, had_session: bool, cacheable: bool) {
    if had_session && !(cacheable && says_public(headers) && !headers.contains_key(SET_COOKIE)) {
        make_private(headers);
    }
}

/// Whether a path has files that are the same for everybody: what Next.js builds bears a hash of its content.
pub(crate) fn is_static(path: &str) -> bool {
    path.starts_with("/_next/static/")
}

/// Whether a path has a file that is the same for everybody: one of a build, or, where no session is needed, one that
/// pages are made of, by its ending.
pub(crate) fn is_file(path: &str, is_guarded: bool) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    is_static(path) || !is_guarded && FILES.iter().any(|file| ending.eq_ignore_ascii_case(file))
}

/// Endings of styles, scripts, pictures, fonts and sounds. Documents and data are not among them: these may be
/// somebody's.
const FILES: [&str; 22] = [
    "avif", "bmp", "css", "eot", "gif", "ico", "jpeg", "jpg", "js", "map", "mjs", "mp3", "mp4",
    "ogg", "otf", "png", "svg", "ttf", "webm", "webp", "woff", "woff2",
];

/// A redirect that says nothing of it is not kept: Next.js sends some without a word, and browsers go by them later
/// (contract: Next.js, N6).
pub(crate) fn make_redirect_unkept(response: &mut Response) {
    let status = response.status();
    let is_redirect = status.is_redirection() && status != StatusCode::NOT_MODIFIED;
    if is_redirect && !response.headers().contains_key(CACHE_CONTROL) {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// No cache keeps the answer, whatever it goes by.
pub(crate) fn make_private(headers: &mut HeaderMap) {
    for name in headers.keys().filter(|name| is_for_caches(name)).cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, PRIVATE);
}

const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// What shared caches go by before `Cache-Control`: RFC 9213 and what came before it, and the older words.
fn is_for_caches(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(*name, AGE | EXPIRES | PRAGMA)
        || text.ends_with("cdn-cache-control")
        || matches!(
            text,
            "surrogate-control" | "surrogate-key" | "x-accel-expires" | "edge-control"
        )
}

/// `public` as a directive of its own; and none that takes it back.
fn says_public(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter().map(HeaderValue::to_str);
    let Ok(lines) = lines.collect::<Result<Vec<_>, _>>() else { return false };
    let directives = || lines.iter().flat_map(|line| line.split(',')).map(str::trim);
    let is = |directive: &str, word: &str| {
        directive.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case(word))
    };
    directives().any(|directive| directive.eq_ignore_ascii_case("public"))
        && !directives().any(|directive| is(directive, "private") || is(directive, "no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    }

    const YEAR: [(&str, &str); 10] = [
        ("cache-control", "public, s-maxage=31536000"),
        ("cdn-cache-control", "max-age=31536000"),
        ("cloudflare-cdn-cache-control", "max-age=31536000"),
        ("vercel-cdn-cache-control", "max-age=31536000"),
        ("surrogate-control", "max-age=31536000"),
        ("surrogate-key", "page"),
        ("x-accel-expires", "31536000"),
        ("expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("pragma", "cache"),
        ("age", "1"),
    ];

    #[test]
    fn ck_07_what_was_made_for_a_session_is_kept_by_no_cache() {
        for (had_session, cacheable, is_private) in
            [(true, false, true), (true, true, false), (false, false, false), (false, true, false)]
        {
            let mut headers = map(&YEAR);
            private_unless(&mut headers, had_session, cacheable);
            let expected = if is_private {
                map(&[("cache-control", "private, no-store")])
            } else {
                map(&YEAR)
            };
            assert_eq!(headers, expected, "session: {had_session}, cacheable: {cacheable}");
        }
    }

    #[test]
    fn ck_07_public_has_to_be_said_in_so_many_words() {
        for (fields, is_public) in [
            (&[("cache-control", "public")][..], true),
            (&[("cache-control", "max-age=60, Public")], true),
            (&[("cache-control", "max-age=60"), ("cache-control", "public")], true),
            (&[], false),
            (&[("cache-control", "max-age=60")], false),
            (&[("cache-control", "s-maxage=60")], false),
            (&[("cache-control", "x-public")], false),
            (&[("cache-control", "public=1")], false),
            (&[("cache-control", "public, no-store")], false),
            (&[("cache-control", "public, private=\"x\"")], false),
            (&[("cache-control", "public"), ("cache-control", "private")], false),
            (&[("cache-control", "public"), ("set-cookie", "a=b")], false),
            (&[("cdn-cache-control", "public")], false),
        ] {
            let mut headers = map(fields);
            private_unless(&mut headers, true, true);
            let is_kept = headers == map(fields);
            assert_eq!(is_kept, is_public, "{fields:?}");
        }
    }

    #[test]
    fn files_that_pages_are_made_of_are_known_by_their_ending_where_no_session_is_needed() {
        for (path, open, guarded) in [
            ("/_next/static/chunks/a.js", true, true),
            ("/logo.png", true, false),
            ("/fonts/a.b.WOFF2", true, false),
            ("/favicon.ico", true, false),
            ("/", false, false),
            ("/png", false, false),
            ("/logo.png/", false, false),
            ("/logo.png/edit", false, false),
            ("/report.pdf", false, false),
            ("/data.json", false, false),
            ("/page.rsc", false, false),
            ("/logo.png;v=1", false, false),
        ] {
            assert_eq!(is_file(path, false), open, "{path}");
            assert_eq!(is_file(path, true), guarded, "{path}");
        }
    }

    #[test]
    fn files_of_a_build_are_the_same_for_everybody() {
        for (path, expected) in [
            ("/_next/static/chunks/a.js", true),
            ("/_next/static", false),
            ("/_next/image", false),
            ("/_next/data/x.json", false),
            ("/a/_next/static/b", false),
        ] {
            assert_eq!(is_static(path), expected, "{path}");
        }
    }
}
