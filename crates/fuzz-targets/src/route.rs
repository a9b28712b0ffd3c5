//! Settings of routes in either spelling, and what becomes of a request by them: `explain` says what an
//! independent reading of the same settings comes to (GW-05, GW-06).
//!
//! An input is a TOML file, or lines as `--route` takes them; then `---`; then lines `protect PATTERN`,
//! `public PATTERN`, `private`, and requests such as `GET /a?b`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::{Method, Uri};
use serde::Deserialize;
use url::Url;
use vestibule_gateway::{
    CanonicalPath, PathPattern, Plan, PlanSettings, RouteSpec, Size, Upstream, UpstreamSpec,
};

pub(crate) const WORDS: [&str; 38] = [
    "\n---\n",
    "GET /",
    "POST /",
    "\nprivate\n",
    "\nprotect /",
    "\npublic /",
    "/**",
    "/*",
    " = ",
    "=",
    "api",
    "ui",
    "http://10.0.0.7:9000",
    "unix:/run/a.sock",
    "h2c://",
    " strip=/",
    " guard=true",
    " guard=false",
    " roles=admin",
    " tiers=1",
    " token=attach",
    " methods=GET",
    " body-limit=10MiB",
    " head-timeout=",
    " idle-timeout=",
    " cacheable=true",
    " host=site",
    "9223372036854775807",
    "KiB",
    "TiB",
    "[[routes]]\n",
    "path = \"/",
    "to = \"",
    "[upstreams.a]\n",
    "addresses = [\"",
    ";x",
    "%3b",
    "..",
];

/// What a file of `--config` has.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    upstreams: BTreeMap<String, UpstreamSpec>,
    #[serde(default)]
    routes: Vec<RouteSpec>,
}

/// The same server behind everything: whether one answers is no matter here.
static SERVER: LazyLock<Upstream> = LazyLock::new(|| {
    let url = Url::parse("http://127.0.0.1:9").expect("a URL");
    Upstream::at(&url).expect("an address")
});

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (settings, rest) = text.split_once("\n---\n").unwrap_or((text, ""));
    settings.split(['\n', ' ', '=']).for_each(a_size_is_its_number);
    let File { upstreams, routes } = match settings.starts_with('[') {
        true => toml::from_str(settings).unwrap_or_default(),
        false => File {
            routes: settings.lines().filter_map(|line| line.parse().ok()).collect(),
            ..File::default()
        },
    };
    upstreams.into_iter().for_each(|(name, spec)| an_upstream_is_made_or_refused(&name, spec));
    let settings = Settings::of(routes, rest);
    let Ok(plan) = Plan::new(settings.plan()) else { return };
    for line in rest.lines() {
        let Some((method, target)) = line.split_once(' ') else { continue };
        if let Ok(method) = method.parse::<Method>() {
            settings.agree(&plan, &method, target);
        }
    }
}

struct Settings {
    routes: Vec<RouteSpec>,
    protect: Vec<PathPattern>,
    private: bool,
    public: Vec<PathPattern>,
}

impl Settings {
    /// Routes that can't be used are left out, so that the others are looked at.
    fn of(routes: Vec<RouteSpec>, rest: &str) -> Self {
        let rules = |word: &str| {
            let rules = rest.lines().filter_map(|line| line.strip_prefix(word)?.parse().ok());
            rules.collect::<Vec<PathPattern>>()
        };
        let mut settings = Self {
            routes: vec![],
            protect: rules("protect "),
            private: rest.lines().any(|line| line == "private"),
            public: rules("public "),
        };
        for route in routes {
            settings.routes.push(route);
            if let Err(error) = Plan::new(settings.plan()) {
                assert!(error.to_string().contains(": "), "no reason: {error}");
                settings.routes.pop();
            }
        }
        settings
    }

    fn plan(&self) -> PlanSettings {
        let routes = self.routes.iter().map(|route| (route.clone(), SERVER.clone()));
        PlanSettings {
            ui: Some(SERVER.clone()),
            routes: routes.collect(),
            protect: self.protect.clone(),
            private: self.private,
            public: self.public.clone(),
            ..PlanSettings::new(SERVER.clone())
        }
    }

    /// Holds what `plan` says about a request against our own reading of it.
    fn agree(&self, plan: &Plan, method: &Method, target: &str) {
        let said = plan.explain(method, target).to_string();
        if target.contains('#') {
            return; // A fragment is the browser's own, and is left out.
        }
        let (bare, query) = target.split_once('?').map_or((target, None), |(a, b)| (a, Some(b)));
        let Ok(path) = CanonicalPath::parse(bare) else {
            assert!(said.contains("is refused with 400"), "{said}");
            return;
        };
        let is_no_query = |c: char| c.is_ascii_control() || matches!(c, ' ' | '"' | '<' | '>');
        if query.is_some_and(|query| query.contains(is_no_query)) {
            assert!(said.contains("is refused with "), "{said}");
            return;
        }
        let last = said.lines().last().unwrap_or_default();
        let session = last.strip_prefix("  session  ").expect("it ends with the session");
        let route = self.route(method, &path);
        let is_needed = self.needs_session(&path, &route);
        assert_eq!(!session.starts_with("not needed"), is_needed, "{said}");
        if let Leads::To(route) = route {
            let sent = sent(&route, &path, query);
            let line = format!("  route    {} to {}, which gets {sent}", route.path, SERVER.name());
            assert!(said.lines().any(|said| said == line), "{line}\n{said}");
        }
    }

    fn route(&self, method: &Method, path: &CanonicalPath) -> Leads {
        let ours = ["/login", "/register", "/logout", "/health", "/ready"].into_iter();
        let of_uis = ["/api/auth/expired", "/api/auth/_empty", "/api/auth/_resolve"];
        let mut ours = ours.chain(of_uis);
        if ours.any(|own| own == path.as_str()) || path.as_str().starts_with("/_vestibule/") {
            return Leads::Inside;
        }
        let usual = ["/api/v1/** = api", "/** = ui"].map(|text| text.parse().expect("a route"));
        let all = self.routes.iter().chain(&usual);
        let is_within = |path: &str| path == "/api/auth" || path.starts_with("/api/auth/");
        let is_clients = is_within(path.as_str());
        let mut covering = all.filter(|route| {
            pattern(route).matches(path) && (!is_clients || is_within(&route.path))
        });
        let takes = |route: &&RouteSpec| {
            route.methods.is_empty() || route.methods.iter().any(|one| one == method.as_str())
        };
        match covering.find(takes) {
            Some(route) => Leads::To(Box::new(route.clone())),
            None if is_clients => Leads::Inside,
            None => Leads::Nowhere,
        }
    }

    fn needs_session(&self, path: &CanonicalPath, leads: &Leads) -> bool {
        let dashboard: PathPattern = "/dashboard/**".parse().expect("a pattern");
        let is_open = self.public.iter().any(|rule| rule.matches_to_the_letter(path));
        let is_guarded = dashboard.matches(path)
            || self.protect.iter().any(|rule| rule.matches(path))
            || self.private && !is_open;
        match leads {
            Leads::Inside => false,
            Leads::Nowhere => is_guarded,
            Leads::To(route) if !route.roles.is_empty() || !route.tiers.is_empty() => true,
            Leads::To(route) => match route.guard {
                Some(false) => is_guarded && !pattern(route).matches_to_the_letter(path),
                Some(true) => true,
                None => is_guarded,
            },
        }
    }
}

enum Leads {
    Inside,
    Nowhere,
    To(Box<RouteSpec>),
}

fn pattern(route: &RouteSpec) -> PathPattern {
    route.path.parse().expect("a route of a plan has a pattern")
}

/// What the upstream gets: the path from behind as many segments as `strip` has, and the query.
fn sent(route: &RouteSpec, path: &CanonicalPath, query: Option<&str>) -> String {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let strip = route.strip.as_deref().unwrap_or_default();
    let cut = strip.split('/').filter(|segment| !segment.is_empty()).count();
    let mut pieces = path.as_str()[1..].split('/');
    pieces.by_ref().take(cut).for_each(drop);
    let rest: Vec<&str> = pieces.collect();
    let whole: Result<Uri, _> = format!("{}{query}", path.as_str()).parse();
    whole.map(|_| format!("/{}{query}", rest.join("/"))).unwrap_or_default()
}

fn a_size_is_its_number(text: &str) {
    let Ok(Size(bytes)) = text.parse::<Size>() else { return };
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let unit = units.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, *bits)));
    let (number, bits) = unit.unwrap_or((text, 0));
    let number: u128 = number.trim().parse().expect("a number");
    assert_eq!(u128::from(bytes), number << bits, "{text}");
    let shown = Size(bytes).to_string();
    if !shown.ends_with("bytes") {
        assert_eq!(shown.parse(), Ok(Size(bytes)), "{text}");
    }
}

/// Without what it would read from the disk, and without a health check, which needs a runtime.
fn an_upstream_is_made_or_refused(name: &str, mut spec: UpstreamSpec) {
    (spec.ca, spec.client_cert, spec.client_key, spec.health) = (None, None, None, None);
    let is_tls = |address: &String| address.to_ascii_lowercase().contains("https");
    if spec.addresses.iter().any(is_tls) {
        return;
    }
    if let Err(error) = Upstream::new(name, &spec) {
        assert!(error.to_string().starts_with("ha") || error.to_string().starts_with("max"));
    }
}
