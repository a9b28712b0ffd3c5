//! What every request passes through, first to last: one canonical path, same origin, the session, the
//! guard; and on the way back, the cookie.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::json;

use crate::app::App;
use crate::arrival::{peer, turned_away};
use crate::better_auth;
use crate::caching::make_private;
use crate::cookie::{CookieError, Opened};
use crate::forward::{asks_for_events, is_websocket, pass_on};
use crate::gateway::{Gateway, NoAnswer};
use crate::guard::{Wants, ask_to_sign_in};
use crate::names::NEXT_ACTION;
use crate::path::CanonicalPath;
use crate::plan::Way;
use crate::problem::Problem;
use crate::revoked::Standing;
use crate::role::has_role;
use crate::route::TokenPolicy;
use crate::same_origin::{self, CrossSite};
use crate::session::SessionChange;
use crate::site::Site;
use crate::toward_ui::{self, SessionPolicy, guest};
use crate::visitor::Visitor;

impl Gateway {
    /// The whole site: `pages` inside, and what the plan sends elsewhere.
    pub fn site(&self, pages: Router) -> App {
        let routes: App = Router::new()
            .route("/health", get(async || Json(json!({"status": "ok"}))))
            .route("/ready", get(ready).with_state(self.clone()))
            .merge(better_auth::router(self))
            .merge(toward_ui::router(self))
            .merge(pages)
            .fallback(async || Problem::NOT_FOUND)
            .method_not_allowed_fallback(async || Problem::METHOD)
            .into();
        let gateway = self.clone();
        // Around the router and not inside: the canonical path is what it routes by.
        App::new(move |request| browser(gateway.clone(), routes.clone(), request))
    }
}

/// Whether the API behind the site answers, and how fresh the knowledge of revocations is (RV-03, RV-06).
async fn ready(State(gateway): State<Gateway>) -> Response {
    if let Err(outage) = gateway.probe().await {
        return Problem::from(outage).into_response();
    }
    let ready = match gateway.0.revoked.standing() {
        Standing::Unknown => return Problem::STALE.into_response(),
        Standing::Off => json!({"status": "ready", "revocations": "off"}),
        Standing::Followed => json!({"status": "ready", "revocations": "followed"}),
        Standing::Stale(age) => {
            json!({"status": "ready", "revocations": "stale", "age_s": age.as_secs()})
        }
    };
    Json(ready).into_response()
}

async fn browser(gateway: Gateway, routes: App, request: Request) -> Response {
    let is_socket = is_websocket(&request);
    let (mut head, body) = request.into_parts();
    if let Some(refusal) = turned_away(&gateway, &mut head) {
        return refusal;
    }
    let Some(path) = canonicalize(&mut head) else { return Problem::BAD_PATH.into_response() };
    if is_never_answered(&head.method) {
        return Problem::METHOD.into_response();
    }
    let now = gateway.0.clock.now();
    let opened = gateway.0.cookie.read(&head.headers, now);
    let has_cookie = opened != Opened::Absent;
    let plan = gateway.0.plan.load_full();
    let way = match head.headers.contains_key(&NEXT_ACTION) {
        true => plan.way_of_action(&head.method, &path),
        false => plan.way(&head.method, &path),
    };
    if let Some(refusal) = from_another_site(&gateway.0.site, &head, &way, is_socket, has_cookie) {
        tracing::info!(path = path.as_str(), "a request from another site was refused");
        return refusal;
    }
    let is_doubled = opened == Opened::Doubled;
    let visitor = match guest(&gateway, &plan, &way, &head, has_cookie, now) {
        Ok(guest) => guest.unwrap_or_else(|| visitor(&gateway, opened, &head, now)),
        Err(problem) => return problem.into_response(),
    };
    head.extensions.insert(visitor.clone());

    let is_guarded = plan.guards(&path, &way);
    let told = match &way {
        Way::Theirs(route) => toward_ui::told(route, path.as_str(), is_guarded),
        _ => SessionPolicy::None,
    };
    let needs = Needs { is_guarded, told };
    let mut response = match admit(&gateway, &visitor, &path, &way, needs, &head).await {
        Ok(()) => {
            let request = Request::from_parts(head, body);
            match way {
                Way::Ours | Way::BetterAuth => routes.answer(request).await,
                Way::Theirs(route) => pass_on(&gateway, &visitor, &route, told, request).await,
                Way::OtherMethods(allow) => {
                    ([(header::ALLOW, allow)], Problem::METHOD).into_response()
                }
            }
        }
        Err(refusal) => refusal,
    };
    if is_guarded {
        make_private(response.headers_mut());
    }
    let mut response = finish(&gateway, &visitor, response);
    if is_doubled {
        let lines = gateway.0.cookie.delete_below_root(&path).into_iter();
        response.headers_mut().extend(lines.map(|line| (header::SET_COOKIE, line)));
    }
    response
}

/// Whoever could have these passed on would learn what we add, or be led elsewhere (GW-09).
pub(crate) fn is_never_answered(method: &Method) -> bool {
    matches!(*method, Method::TRACE | Method::CONNECT)
}

/// What a request is told that another site may have made: by the rule of the site. The Better Auth client's has some
/// more, and words of its own for all.
fn from_another_site(
    site: &Site,
    head: &Parts,
    way: &Way,
    is_socket: bool,
    has_cookie: bool,
) -> Option<Response> {
    let Parts { method, uri, headers, .. } = head;
    let general = check_origin(site, method, headers, is_socket, has_cookie);
    match way {
        Way::BetterAuth => {
            let is_call = better_auth::is_call(method, uri.path());
            let told = better_auth::origin::check(method, headers, site, is_call, general);
            told.err().map(IntoResponse::into_response)
        }
        _ => general.err().map(|CrossSite| Problem::CROSS_SITE.into_response()),
    }
}

pub(crate) fn check_origin(
    site: &Site,
    method: &Method,
    headers: &HeaderMap,
    is_socket: bool,
    has_cookie: bool,
) -> Result<(), CrossSite> {
    if is_socket || asks_for_events(headers) {
        same_origin::check_handshake(headers, site, is_socket, has_cookie)?;
    }
    same_origin::check(method, headers, site, has_cookie)
}

/// Puts the canonical path into the request: what is guarded is what is routed and sent on.
fn canonicalize(head: &mut Parts) -> Option<CanonicalPath> {
    let path = CanonicalPath::parse(head.uri.path()).ok()?;
    if path.as_str() != head.uri.path() || head.uri.authority().is_some() {
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target: PathAndQuery = format!("{}{query}", path.as_str()).parse().ok()?;
        head.uri = Uri::from(target);
    }
    Some(path)
}

pub(crate) fn visitor(gateway: &Gateway, opened: Opened, head: &Parts, now: i64) -> Visitor {
    let (session, change) = match opened {
        Opened::Session(session) if gateway.is_ended(&session) => (None, SessionChange::End),
        Opened::Session(session) => (Some(session), SessionChange::Keep),
        Opened::Broken => (None, SessionChange::End),
        Opened::Absent | Opened::UnknownKey | Opened::Doubled => (None, SessionChange::Keep),
    };
    let hint = gateway.0.cookie.hint_in(&head.headers);
    Visitor::new(session, change, peer(head), &head.headers, hint, now)
}

/// What a request needs a session for.
#[derive(Clone, Copy)]
struct Needs {
    /// Without one, it goes no further.
    is_guarded: bool,
    /// What its upstream is told of one.
    told: SessionPolicy,
}

/// The guard asks for a valid session, never for a cookie (GW-07), and lets nobody in on knowledge that is
/// too old (RV-03); a call to the API needs none, since the API checks by itself. Before a page is made, by us
/// or by the UI, the session is made fresh: while a page renders, nobody can set a cookie. So it is before anything for which
/// the UI is told who asks.
async fn admit(
    gateway: &Gateway,
    visitor: &Visitor,
    path: &CanonicalPath,
    way: &Way,
    needs: Needs,
    head: &Parts,
) -> Result<(), Response> {
    let Needs { is_guarded, told } = needs;
    let is_told = told != SessionPolicy::None;
    let wants = Wants::of(path.as_str(), &head.headers);
    let route = match way {
        Way::Theirs(route) => Some(route),
        _ => None,
    };
    let is_call = route.is_some_and(|route| route.token == TokenPolicy::Attach);
    if (is_guarded || is_call) && visitor.session().is_some() {
        same_origin::check_read(&head.headers, wants == Wants::Page && !is_call)
            .map_err(|_| Problem::CROSS_SITE.into_response())?;
    }
    let is_page_of_theirs = route.is_some_and(|route| route.session == SessionPolicy::None)
        && !is_call
        && wants == Wants::Page;
    let is_made_fresh = is_guarded || (is_page_of_theirs || is_told) && visitor.session().is_some();
    if !is_made_fresh {
        return Ok(());
    }
    let is_identity = route.is_some_and(|route| route.is_identity);
    let is_unknown = || gateway.0.revoked.standing() == Standing::Unknown;
    if (is_guarded || is_told) && !is_identity && visitor.session().is_some() && is_unknown() {
        return Err(Problem::STALE.into_response());
    }
    let may_enter = async {
        gateway.fresh(visitor).await?;
        match route.filter(|route| route.needs_role()) {
            // Boxed, so that whoever needs no role has no room for it.
            Some(route) => Box::pin(has_role(gateway, visitor, route)).await,
            None => Ok(true),
        }
    };
    match may_enter.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Problem::FORBIDDEN.into_response()),
        Err(_) if !is_guarded => Ok(()),
        Err(NoAnswer::SignedOut) => {
            Err(ask_to_sign_in(&head.method, path, &head.uri, &head.headers))
        }
        Err(NoAnswer::Outage(outage)) => Err(Problem::from(outage).into_response()),
    }
}

/// Carries out what becomes of the cookie.
pub(crate) fn finish(gateway: &Gateway, visitor: &Visitor, mut response: Response) -> Response {
    if visitor.is_guest() {
        response.headers_mut().remove(header::SET_COOKIE);
        return response;
    }
    let lines = match cookie_lines(gateway, visitor) {
        Ok(lines) => lines,
        Err(problem) => return problem.into_response(),
    };
    if !lines.is_empty() {
        // A kept copy of this answer would hand one person's session to the next.
        make_private(response.headers_mut());
        response.headers_mut().remove(header::ETAG);
    }
    for line in lines {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    // For whoever turns a problem into a page: it says whether the session is kept.
    response.extensions_mut().insert(visitor.clone());
    response
}

/// The `Set-Cookie` lines that carry out what becomes of the visitor's cookie.
///
/// # Errors
/// [`Problem`] if the session can't be stored.
pub(crate) fn cookie_lines(
    gateway: &Gateway,
    visitor: &Visitor,
) -> Result<Vec<HeaderValue>, Problem> {
    let now = gateway.0.clock.now();
    let (change, since) = visitor.change();
    let change = match change {
        SessionChange::Replace(session) if gateway.is_ended(&session) => SessionChange::End,
        SessionChange::Replace(session) if now - since > session.late_after() => {
            SessionChange::Keep
        }
        change => change,
    };
    gateway.0.cookie.write(&change, now).map_err(|error| {
        tracing::error!(%error, "a session could not be stored");
        match error {
            CookieError::TooLarge { .. } => Problem::SESSION_TOO_LARGE,
            CookieError::NoRandomness(_) => Problem::INTERNAL,
        }
    })
}
