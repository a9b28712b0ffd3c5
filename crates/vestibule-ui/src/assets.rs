//! The pages' own files, embedded as they lie in `assets/`, under `/_vestibule/`.
//!
//! A link carries a hash of the content (`?v=…`), so that a browser may keep a file for ever and a
//! new release is seen at once.

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, StatusCode};

/// Where the files are; no route of an application may begin like this.
pub const PREFIX: &str = "/_vestibule/";

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    name: &'static str,
    content_type: &'static str,
    /// The file's bytes, unchanged.
    pub bytes: &'static [u8],
    hash: u64,
}

/// The stylesheet of every page.
pub static STYLE: Asset = Asset::new(
    "vestibule.css",
    "text/css; charset=utf-8",
    include_bytes!("../assets/vestibule.css"),
);
/// What the API reference needs on top.
pub static DOCS_STYLE: Asset =
    Asset::new("docs.css", "text/css; charset=utf-8", include_bytes!("../assets/docs.css"));
/// The script of every page, an ES module.
pub static SCRIPT: Asset = Asset::new(
    "vestibule.js",
    "text/javascript; charset=utf-8",
    include_bytes!("../assets/vestibule.js"),
);
/// The mark, as the browser tab shows it.
pub static ICON: Asset =
    Asset::new("icon.svg", "image/svg+xml; charset=utf-8", include_bytes!("../assets/icon.svg"));
/// The picture of a hall beside the forms.
pub static HALL: Asset =
    Asset::new("hall.svg", "image/svg+xml; charset=utf-8", include_bytes!("../assets/hall.svg"));

/// The file called `name`, if there is one.
pub fn asset(name: &str) -> Option<&'static Asset> {
    [&STYLE, &DOCS_STYLE, &SCRIPT, &ICON, &HALL].into_iter().find(|asset| asset.name == name)
}

/// Serves the files to GET and HEAD; to be merged at the root, outside of everything that looks at sessions.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/_vestibule/{name}", get(serve))
}

async fn serve(Path(name): Path<String>, RawQuery(query): RawQuery, sent: HeaderMap) -> Response {
    match asset(&name) {
        Some(asset) => asset.answer(query.as_deref(), &sent),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Asset {
    const fn new(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, content_type, bytes, hash: fnv1a(bytes) }
    }

    /// The link that templates print: `/_vestibule/vestibule.css?v=0123456789abcdef`.
    pub fn url(&self) -> String {
        format!("{PREFIX}{}?{}", self.name, self.version())
    }

    fn version(&self) -> String {
        format!("v={:016x}", self.hash)
    }

    fn etag(&self) -> String {
        format!("\"{:016x}\"", self.hash)
    }

    fn answer(&self, query: Option<&str>, sent: &HeaderMap) -> Response {
        let caching = match query {
            Some(query) if query == self.version() => "public, max-age=31536000, immutable",
            _ => "no-cache",
        };
        let headers = [
            (CONTENT_TYPE, self.content_type.to_owned()),
            (CACHE_CONTROL, caching.to_owned()),
            (ETAG, self.etag()),
            (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin".to_owned()),
        ];
        if self.is_held_by(sent) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, self.bytes).into_response()
    }

    /// RFC 9110, 13.1.2: any of the listed tags, compared weakly.
    fn is_held_by(&self, sent: &HeaderMap) -> bool {
        let tags = sent.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.etag())
    }
}

/// FNV-1a: tells two releases of a file apart; it protects nothing.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};

    use super::{ICON, SCRIPT, STYLE, asset, fnv1a};

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn only_a_link_with_the_right_hash_may_be_kept_for_ever() {
        let version = STYLE.version();
        assert_eq!(STYLE.url(), format!("/_vestibule/vestibule.css?{version}"));
        for (query, caching) in [
            (Some(version.as_str()), "public, max-age=31536000, immutable"),
            (Some("v=0"), "no-cache"),
            (None, "no-cache"),
        ] {
            let answer = STYLE.answer(query, &HeaderMap::new());
            assert_eq!(answer.headers()[CACHE_CONTROL], caching, "{query:?}");
        }
    }

    #[test]
    fn types_say_their_charset_and_are_not_guessed() {
        for (asset, content_type) in [
            (&STYLE, "text/css; charset=utf-8"),
            (&SCRIPT, "text/javascript; charset=utf-8"),
            (&ICON, "image/svg+xml; charset=utf-8"),
        ] {
            let headers = asset.answer(None, &HeaderMap::new()).headers().clone();
            assert_eq!(headers["content-type"], content_type);
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        }
    }

    #[test]
    fn who_has_the_file_is_told_so() {
        let etag =
            STYLE.answer(None, &HeaderMap::new()).headers()[ETAG].to_str().unwrap().to_owned();
        for (held, status) in
            [(etag.clone(), 304), (format!("\"x\", W/{etag}"), 304), ("\"x\"".to_owned(), 200)]
        {
            let mut sent = HeaderMap::new();
            sent.insert(IF_NONE_MATCH, HeaderValue::from_str(&held).unwrap());
            assert_eq!(STYLE.answer(None, &sent).status(), status, "{held}");
        }
    }

    #[test]
    fn there_are_no_other_files() {
        assert!(asset("vestibule.js").is_some());
        for name in ["", "vestibule.test.mjs", "../Cargo.toml"] {
            assert!(asset(name).is_none(), "{name}");
        }
    }
}
