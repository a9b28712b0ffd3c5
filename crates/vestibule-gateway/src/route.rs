//! Which path goes where, and how: one route.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{Method, Uri};
use serde::Deserialize;

use crate::gateway::AskedBy;
use crate::passage::Passage;
use crate::path::{CanonicalPath, InvalidPattern, PathPattern};
use crate::toward_ui::SessionPolicy;
use crate::upstream::{PATIENCE, Upstream};

/// A route as settings describe it. What is left out has the default that it names.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouteSpec {
    /// `/account`, `/a/*/b`, `/api/payments/**`. The first route that covers a path takes it.
    pub path: String,
    /// An upstream's name, or its address; `api` and `ui` name those of `--api` and `--ui`.
    pub to: String,
    /// Methods that it is for; all, if there are none.
    #[serde(default)]
    pub methods: Vec<String>,
    /// What is cut off the path before it is sent on, in whole segments: `/api/payments`.
    pub strip: Option<String>,
    /// What becomes of the access token. Below `/api/` it is attached, elsewhere there is none.
    pub token: Option<TokenPolicy>,
    /// Whether a session is needed. Left out, `--protect`, `--private` and `--public` decide; and also where it is
    /// not needed, for a path that is the route's only without its `;parameters`.
    pub guard: Option<bool>,
    /// Roles of which the visitor has to have one; then a session is needed.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Tiers of which the visitor has to be in one; then a session is needed.
    #[serde(default)]
    pub tiers: Vec<i64>,
    /// Largest body of a request: `64KiB`, `10MiB`, `2GiB`, or bytes. Left out, that of `--body-limit`.
    pub body_limit: Option<Size>,
    /// Seconds for the head of an answer, once the request is sent: 60.
    pub head_timeout: Option<u64>,
    /// Seconds of silence within an answer after which it is broken off: 60. Event streams and sockets have no limit
    /// unless this is set.
    pub idle_timeout: Option<u64>,
    /// Whether answers that say `public` may be kept by caches in between, also while somebody is signed in.
    #[serde(default)]
    pub cacheable: bool,
    /// Whether the upstream gets the visitor's cookies, without ours. Left out: unless the token is attached.
    pub cookies: Option<bool>,
    /// Which `Host` the upstream gets. Left out: its own if the token is attached, else the site's.
    pub host: Option<HostPolicy>,
    /// What the upstream gets of the visitor's session, besides `token`: nothing.
    #[serde(default)]
    pub session: SessionPolicy,
}

/// What becomes of the access token on a route.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum TokenPolicy {
    /// The visitor's, kept fresh, goes along as `Authorization: Bearer`.
    Attach,
    /// What the client sends as `Authorization` is passed on as it is.
    Pass,
    /// There is none.
    None,
}

/// Which `Host` an upstream gets.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum HostPolicy {
    /// The site's.
    Site,
    /// Its own, from its address.
    Upstream,
}

/// A number of bytes: `512`, `64KiB`, `10MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "SizeText")]
pub struct Size(pub u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum SizeText {
    Bytes(u64),
    Text(String),
}

/// Why a text is not a [`Size`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("has to be a number of bytes such as 512, 64KiB, 10MiB or 2GiB")]
pub struct InvalidSize;

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let units = [("KiB", 1_u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
        let unit = units.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
        let (number, size) = unit.unwrap_or((text, 1));
        let digits = number.trim_end();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = digits.parse().ok().filter(|_| is_number).ok_or(InvalidSize)?;
        number.checked_mul(size).map(Self).ok_or(InvalidSize)
    }
}

impl TryFrom<SizeText> for Size {
    type Error = InvalidSize;

    fn try_from(text: SizeText) -> Result<Self, InvalidSize> {
        match text {
            SizeText::Bytes(bytes) => Ok(Self(bytes)),
            SizeText::Text(text) => text.parse(),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(out, "{} {unit}", self.0 / size),
            None => write!(out, "{} bytes", self.0),
        }
    }
}

/// Why a route can't be used.
#[derive(Debug, thiserror::Error)]
#[error("route {route}: {why}")]
pub struct InvalidRoute {
    route: String,
    why: String,
}

impl InvalidRoute {
    pub(crate) fn new(route: &str, why: impl fmt::Display) -> Self {
        Self { route: route.to_owned(), why: why.to_string() }
    }
}

impl FromStr for RouteSpec {
    type Err = InvalidRoute;

    /// Reads `/api/payments/** = http://10.0.0.7:9000`, with further settings behind it as in a file, each
    /// `name=value`: `strip=/api/payments guard=true body-limit=10MiB`.
    fn from_str(text: &str) -> Result<Self, InvalidRoute> {
        let wrong = |why: &str| InvalidRoute::new(text, why);
        let (path, rest) = text.split_once('=').ok_or_else(|| {
            wrong("has to be PATH = UPSTREAM, such as /api/payments/** = http://10.0.0.7:9000")
        })?;
        let mut words = rest.split_whitespace();
        let to = words.next().ok_or_else(|| wrong("names no upstream after the ="))?;
        let mut fields = serde_json::Map::new();
        fields.insert("path".to_owned(), path.trim().into());
        fields.insert("to".to_owned(), to.into());
        for word in words {
            let (name, value) =
                word.split_once('=').ok_or_else(|| wrong(&format!("{word} is not NAME=VALUE")))?;
            if fields.insert(name.to_owned(), value_of(name, value)).is_some() {
                return Err(wrong(&format!("says {name} twice")));
            }
        }
        serde_json::from_value(fields.into()).map_err(|error| InvalidRoute::new(text, error))
    }
}

/// A value as a file would have it: numbers and truths as such, lists with commas in between.
fn value_of(name: &str, value: &str) -> serde_json::Value {
    match name {
        "methods" | "roles" => value.split(',').collect::<Vec<_>>().into(),
        "tiers" => value.split(',').map(plain).collect::<Vec<_>>().into(),
        "path" | "to" | "strip" | "body-limit" => value.into(),
        _ => plain(value),
    }
}

fn plain(value: &str) -> serde_json::Value {
    match (value.parse::<bool>(), value.parse::<i64>()) {
        (Ok(truth), _) => truth.into(),
        (_, Ok(number)) => number.into(),
        _ => value.into(),
    }
}

/// A route, ready to be used.
#[derive(Debug)]
pub(crate) struct Route {
    /// As the settings write it.
    pub(crate) text: Arc<str>,
    pattern: PathPattern,
    /// All, if there are none.
    pub(crate) methods: Vec<Method>,
    pub(crate) upstream: Upstream,
    /// How many segments are cut off.
    strip: usize,
    pub(crate) token: TokenPolicy,
    /// `None` leaves it to the guard's own patterns.
    pub(crate) guard: Option<bool>,
    pub(crate) roles: Vec<String>,
    pub(crate) tiers: Vec<i64>,
    pub(crate) body_limit: u64,
    pub(crate) patience: Duration,
    pub(crate) silence: Option<Duration>,
    pub(crate) cacheable: bool,
    pub(crate) cookies: bool,
    pub(crate) host: HostPolicy,
    pub(crate) session: SessionPolicy,
    /// Whether this leads to the API that the sessions are of.
    pub(crate) is_identity: bool,
}

impl Route {
    /// `upstream` is what `spec.to` names.
    pub(crate) fn new(
        spec: &RouteSpec,
        upstream: Upstream,
        is_identity: bool,
        body_limit: Size,
    ) -> Result<Self, InvalidRoute> {
        let wrong = |why: String| InvalidRoute::new(&spec.path, why);
        let pattern =
            spec.path.parse().map_err(|error: InvalidPattern| wrong(error.to_string()))?;
        let below_api = spec.path.starts_with("/api/");
        let token =
            spec.token.unwrap_or(if below_api { TokenPolicy::Attach } else { TokenPolicy::None });
        let is_attached = token == TokenPolicy::Attach;
        let by_token = if is_attached { HostPolicy::Upstream } else { HostPolicy::Site };
        if spec.guard == Some(false) && !(spec.roles.is_empty() && spec.tiers.is_empty()) {
            return Err(wrong("guard = false, but roles or tiers need a session".to_owned()));
        }
        if spec.session != SessionPolicy::None && token != TokenPolicy::None {
            return Err(wrong(
                "session is for an upstream that gets no token: token = none".to_owned(),
            ));
        }
        if spec.session != SessionPolicy::None && spec.cacheable {
            let why = "cacheable = true, but what is made for one visitor is not for another: session = none";
            return Err(wrong(why.to_owned()));
        }
        let timeouts = [spec.head_timeout, spec.idle_timeout];
        if timeouts.into_iter().flatten().any(|seconds| !(1..=LONGEST).contains(&seconds)) {
            return Err(wrong(format!("a timeout has to be from 1 to {LONGEST} seconds, a year")));
        }
        Ok(Self {
            text: spec.path.as_str().into(),
            pattern,
            methods: methods(spec)?,
            upstream,
            strip: spec.strip.as_deref().map_or(Ok(0), |strip| prefix(spec, strip))?,
            token,
            guard: spec.guard,
            roles: spec.roles.clone(),
            tiers: spec.tiers.clone(),
            body_limit: spec.body_limit.unwrap_or(body_limit).0,
            patience: spec.head_timeout.map_or(PATIENCE, Duration::from_secs),
            silence: spec.idle_timeout.map(Duration::from_secs),
            cacheable: spec.cacheable,
            cookies: spec.cookies.unwrap_or(!is_attached),
            host: spec.host.unwrap_or(by_token),
            session: spec.session,
            is_identity,
        })
    }

    pub(crate) fn covers(&self, path: &CanonicalPath) -> bool {
        self.pattern.matches(path)
    }

    pub(crate) fn admits(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    /// Whether this route says that `path` needs a session. What it opens, it opens to the letter: its upstream
    /// may know of no parameters.
    pub(crate) fn guard(&self, path: &CanonicalPath) -> Option<bool> {
        self.guard.filter(|guard| *guard || self.pattern.matches_to_the_letter(path))
    }

    pub(crate) fn needs_role(&self) -> bool {
        !self.roles.is_empty() || !self.tiers.is_empty()
    }

    /// Whom to ask, and how long to wait.
    pub(crate) fn way(&self) -> AskedBy<'_> {
        let Self { upstream, patience, silence, is_identity, .. } = self;
        AskedBy { upstream, patience: *patience, silence: *silence, is_identity: *is_identity }
    }

    /// For whoever counts.
    pub(crate) fn passage(&self) -> Passage {
        Passage { route: self.text.clone(), upstream: Some(self.upstream.name().clone()) }
    }

    /// The request's target as the upstream gets it: whole segments are cut off, whatever their parameters.
    pub(crate) fn target(&self, uri: &Uri) -> Uri {
        if self.strip == 0 {
            return uri.clone();
        }
        let rest = uri.path().match_indices('/').nth(self.strip);
        let rest = rest.map_or("/", |(at, _)| &uri.path()[at..]);
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target: Result<PathAndQuery, _> = format!("{rest}{query}").parse();
        target.map(Uri::from).expect("parts of a target are a target")
    }
}

/// Longest timeout, in seconds: what is much longer can't be added to a time.
const LONGEST: u64 = 365 * 24 * 60 * 60;

fn methods(spec: &RouteSpec) -> Result<Vec<Method>, InvalidRoute> {
    let read = |text: &String| match text.parse::<Method>() {
        Ok(method) if text.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(method),
        _ => Err(InvalidRoute::new(&spec.path, format!("{text} is not a method such as GET"))),
    };
    spec.methods.iter().map(read).collect()
}

/// Segments of what is cut off. It has to be in front of everything that the route covers, or the answer would
/// depend on the path.
fn prefix(spec: &RouteSpec, strip: &str) -> Result<usize, InvalidRoute> {
    let strip = strip.trim_end_matches('/');
    let path = CanonicalPath::parse(strip).ok().filter(|path| path.as_str() == strip);
    let covered = spec.path.strip_suffix("/**").unwrap_or(&spec.path);
    match (covered.strip_prefix(strip), path) {
        (Some(rest), Some(path)) if rest.is_empty() || rest.starts_with('/') => {
            Ok(path.segments().count())
        }
        _ => Err(InvalidRoute::new(
            &spec.path,
            format!("strip = {strip} is not the beginning of the path"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;

    use super::*;

    fn spec(text: &str) -> RouteSpec {
        text.parse().unwrap()
    }

    fn route(text: &str) -> Result<Route, InvalidRoute> {
        Route::new(&text.parse()?, Upstream::in_process(Router::new()), false, Size(1000))
    }

    #[test]
    fn a_route_is_a_path_an_upstream_and_settings_by_name() {
        let plain = spec("/api/payments/** = http://10.0.0.7:9000");
        assert_eq!(
            (plain.path.as_str(), plain.to.as_str()),
            ("/api/payments/**", "http://10.0.0.7:9000")
        );
        let full = spec(
            "/x/**=shop methods=GET,HEAD strip=/x token=pass guard=true roles=admin,boss tiers=1,2 body-limit=10MiB head-timeout=5 idle-timeout=7 cacheable=true cookies=false host=upstream session=identity",
        );
        assert_eq!(
            full,
            RouteSpec {
                path: "/x/**".into(),
                to: "shop".into(),
                methods: vec!["GET".into(), "HEAD".into()],
                strip: Some("/x".into()),
                token: Some(TokenPolicy::Pass),
                guard: Some(true),
                roles: vec!["admin".into(), "boss".into()],
                tiers: vec![1, 2],
                body_limit: Some(Size(10 << 20)),
                head_timeout: Some(5),
                idle_timeout: Some(7),
                cacheable: true,
                cookies: Some(false),
                host: Some(HostPolicy::Upstream),
                session: SessionPolicy::Identity,
            }
        );
    }

    #[test]
    fn what_is_not_a_route_is_refused_with_the_reason() {
        for (text, why) in [
            ("/x", "PATH = UPSTREAM"),
            ("/x =", "names no upstream"),
            ("/x = u strip", "not NAME=VALUE"),
            ("/x = u nonsense=1", "unknown field"),
            ("/x = u path=/y", "twice"),
            ("/x = u token=maybe", "unknown variant"),
            ("/x = u session=cookie", "unknown variant"),
            ("/x = u session=ticket token=attach", "token = none"),
            ("/api/x = u session=identity", "token = none"),
            ("/x = u session=identity cacheable=true", "session = none"),
            ("/x = u body-limit=10MB", "64KiB"),
            ("/x = u body-limit=-1", "64KiB"),
            ("/x = u methods=get", "not a method"),
            ("/x = u guard=perhaps", "invalid type"),
            ("/x = u guard=false tiers=1", "need a session"),
            ("/x = u head-timeout=0", "from 1 to"),
            ("/x = u idle-timeout=9223372036854775807", "a year"),
            ("/x/** = u strip=/y", "not the beginning"),
            ("/xy/** = u strip=/x", "not the beginning"),
            ("/x/** = u strip=x", "not the beginning"),
            ("/x/** = u strip=/x/..", "not the beginning"),
            ("x = u", "does not begin with a slash"),
            ("/a/**/b = u", "before its end"),
        ] {
            let error = route(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn gw_12_the_token_is_attached_below_api_and_where_a_route_says_so() {
        for (text, token, cookies, host) in [
            ("/api/x/** = u", TokenPolicy::Attach, false, HostPolicy::Upstream),
            ("/x/** = u", TokenPolicy::None, true, HostPolicy::Site),
            ("/apis = u", TokenPolicy::None, true, HostPolicy::Site),
            ("/x = u token=attach", TokenPolicy::Attach, false, HostPolicy::Upstream),
            ("/api/x = u token=none", TokenPolicy::None, true, HostPolicy::Site),
            ("/api/x = u cookies=true host=site", TokenPolicy::Attach, true, HostPolicy::Site),
        ] {
            let route = route(text).unwrap();
            assert_eq!((route.token, route.cookies, route.host), (token, cookies, host), "{text}");
        }
    }

    #[test]
    fn a_prefix_is_cut_off_in_whole_segments() {
        let route = route("/api/pay/** = u strip=/api/pay").unwrap();
        for (uri, target) in [
            ("/api/pay", "/"),
            ("/api/pay?x=/api/pay", "/?x=/api/pay"),
            ("/api/pay/", "/"),
            ("/api/pay/a/b?c=d", "/a/b?c=d"),
            ("/api/pay/api/pay", "/api/pay"),
            ("/api/pay;x/a", "/a"),
            ("/api/pay%3Bx/a;y", "/a;y"),
        ] {
            assert_eq!(route.target(&uri.parse().unwrap()), target, "{uri}");
        }
    }

    #[test]
    fn a_prefix_may_have_a_segment_that_is_any() {
        let route = route("/teams/*/files/** = u strip=/teams/*").unwrap();
        assert_eq!(route.target(&"/teams/red/files/a".parse().unwrap()), "/files/a");
    }

    #[test]
    fn gw_06_a_route_opens_to_the_letter_and_shuts_in_every_spelling() {
        let path = |raw| CanonicalPath::parse(raw).unwrap();
        let open = route("/dashboard/open/** = u guard=false").unwrap();
        assert_eq!(open.guard(&path("/dashboard/open/a;x")), Some(false));
        assert_eq!(open.guard(&path("/dashboard/open;x/secret")), None);
        let shut = route("/pay/** = u guard=true").unwrap();
        assert_eq!(shut.guard(&path("/pay;x/a")), Some(true));
    }

    #[test]
    fn sizes_are_bytes_or_powers_of_1024() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("64KiB", 65_536), ("10 MiB", 10 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "KiB", "1.5MiB", "10MB", "-1", "+1", "0x10", "99999999999999TiB"] {
            assert_eq!(text.parse::<Size>(), Err(InvalidSize), "{text}");
        }
        assert_eq!(Size(10 << 20).to_string(), "10 MiB");
        assert_eq!(Size(1500).to_string(), "1500 bytes");
    }
}
