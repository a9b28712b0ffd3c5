//! What the site does with a path: where it goes and whether it needs a session. One value, replaced as a whole
//! when settings are read again.

use std::sync::Arc;

use http::Method;

use crate::better_auth;
use crate::dialect::Dialect;
use crate::guard::Guard;
use crate::path::{CanonicalPath, PathPattern};
use crate::route::{InvalidRoute, Route, RouteSpec, Size};
use crate::toward_ui::{self, SessionPolicy};
use crate::upstream::Upstream;

/// Which requests go where, and which need a session.
#[derive(Debug)]
pub struct Plan {
    /// How the API is spoken to.
    pub(crate) dialect: Arc<Dialect>,
    guard: Guard,
    /// In order: those of the settings, the API's, the UI's.
    routes: Vec<Arc<Route>>,
    /// What a UI that asks by itself gets of a session.
    pub(crate) ui_session: SessionPolicy,
}

/// What a plan is made of.
#[derive(Clone, Debug)]
pub struct PlanSettings {
    /// The API that the sessions are of.
    pub api: Upstream,
    /// What is particular about it.
    pub dialect: Dialect,
    /// The web server that has the site's other pages, if there is one.
    pub ui: Option<Upstream>,
    /// What it gets of the visitor's session; also what one gets that asks by itself.
    pub ui_session: SessionPolicy,
    /// Further routes, with what each leads to; the first that covers a path takes it.
    pub routes: Vec<(RouteSpec, Upstream)>,
    /// Paths that need a session, besides `/dashboard/**`.
    pub protect: Vec<PathPattern>,
    /// Whether everything needs a session that `public` does not name.
    pub private: bool,
    /// Paths that need none in a private site.
    pub public: Vec<PathPattern>,
    /// Largest body of a request, where a route does not say.
    pub body_limit: Size,
}

impl PlanSettings {
    /// An API, and the usual.
    pub fn new(api: Upstream) -> Self {
        Self {
            api,
            dialect: Dialect::default(),
            ui: None,
            ui_session: SessionPolicy::Ticket,
            routes: Vec::new(),
            protect: Vec::new(),
            private: false,
            public: Vec::new(),
            body_limit: Size(1 << 30),
        }
    }
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// To the gateway's own pages and routes.
    Ours,
    /// To the calls of the Better Auth client.
    BetterAuth,
    /// To an upstream.
    Theirs(Arc<Route>),
    /// There are routes for this path, but none for this method: those that there are, for `Allow` (RFC 9110, 10.2.1).
    OtherMethods(String),
}

/// What is ours whatever the settings say: ways in and out, health, and files of our own.
const OURS: [&str; 5] = ["/login", "/register", "/logout", "/health", "/ready"];

/// Where a UI may have pages with forms of its own.
const FORMS: [&str; 3] = ["/login", "/register", "/logout"];

impl Plan {
    /// Makes the routes, with the API's and the UI's at the end.
    ///
    /// # Errors
    /// [`InvalidRoute`], in words for whoever wrote the settings.
    pub fn new(settings: PlanSettings) -> Result<Self, InvalidRoute> {
        let PlanSettings { api, dialect, ui, routes, .. } = settings;
        let PlanSettings { ui_session, protect, private, public, body_limit, .. } = settings;
        let named = |path: &str, to: &str| format!("{path} = {to}").parse::<RouteSpec>();
        let mut all = Vec::new();
        for (spec, upstream) in &routes {
            if is_ours(&spec.path) {
                return Err(InvalidRoute::new(&spec.path, "this path is Vestibule's own"));
            }
            let is_identity = spec.to == "api";
            all.push(Route::new(spec, upstream.clone(), is_identity, body_limit)?);
        }
        for prefix in dialect.prefixes() {
            let spec = named(&format!("{prefix}/**"), "api token=attach")?;
            all.push(Route::new(&spec, api.clone(), true, body_limit)?);
        }
        if let Some(ui) = ui {
            let spec = RouteSpec { session: ui_session, ..named("/**", "ui")? };
            all.push(Route::new(&spec, ui, false, body_limit)?);
        }
        let routes = all.into_iter().map(Arc::new).collect();
        let dialect = Arc::new(dialect);
        Ok(Self { dialect, guard: Guard::new(protect, private, public), routes, ui_session })
    }

    /// Where `path` goes. Ours go first, then routes in their order; whatever is left is ours to answer. An app with a
    /// Better Auth of its own keeps it by a route within `/api/auth`.
    pub(crate) fn way(&self, method: &Method, path: &CanonicalPath) -> Way {
        if is_ours(path.as_str()) {
            return Way::Ours;
        }
        if !better_auth::owns(path) {
            return self.elsewhere(method, path);
        }
        let mut routes = self.routes.iter().filter(|route| better_auth::is_below_base(&route.text));
        let theirs = routes.find(|route| route.covers(path) && route.admits(method));
        theirs.map_or(Way::BetterAuth, |route| Way::Theirs(route.clone()))
    }

    /// Where `path` goes whose page has a form that code of the UI's takes (Next.js: a Server Action): to the UI, if it has
    /// the page.
    pub(crate) fn way_of_action(&self, method: &Method, path: &CanonicalPath) -> Way {
        let way = self.way(method, path);
        let theirs = || match self.elsewhere(method, path) {
            Way::Theirs(route) if route.session != SessionPolicy::None => Some(Way::Theirs(route)),
            _ => None,
        };
        FORMS.contains(&path.as_str()).then(theirs).flatten().unwrap_or(way)
    }

    /// Where `path` would go if it were not ours: the UI may have a login page of its own.
    pub(crate) fn elsewhere(&self, method: &Method, path: &CanonicalPath) -> Way {
        let covering = || self.routes.iter().filter(|route| route.covers(path));
        if let Some(route) = covering().find(|route| route.admits(method)) {
            return Way::Theirs(route.clone());
        }
        let methods: Vec<&str> =
            covering().flat_map(|route| &route.methods).map(Method::as_str).collect();
        if methods.is_empty() { Way::Ours } else { Way::OtherMethods(methods.join(", ")) }
    }

    /// Whether any upstream gets access tokens in their plain form: then its server code may show them here.
    pub(crate) fn hands_down(&self) -> bool {
        self.routes.iter().any(|route| route.session == SessionPolicy::Token)
    }

    /// Why the guard covers `path`.
    pub(crate) fn reason(&self, path: &CanonicalPath) -> String {
        self.guard.reason(path)
    }

    /// The routes in their order, and what each leads to.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.routes.iter().map(|route| (&*route.text, &**route.upstream.name()))
    }

    /// Whether `path` needs a session. Ours are ways in, or ask by themselves.
    pub(crate) fn guards(&self, path: &CanonicalPath, way: &Way) -> bool {
        match way {
            Way::Theirs(route) if route.needs_role() => true,
            Way::Theirs(route) => route.guard(path).unwrap_or_else(|| self.guard.covers(path)),
            Way::BetterAuth => false,
            Way::Ours if is_ours(path.as_str()) => false,
            Way::Ours | Way::OtherMethods(_) => self.guard.covers(path),
        }
    }
}

fn is_ours(path: &str) -> bool {
    OURS.contains(&path) || path.starts_with("/_vestibule/") || toward_ui::owns(path)
}
