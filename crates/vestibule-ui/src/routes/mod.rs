//! The pages' routes: read the form, ask the gateway, show a page or lead on.

mod account;
mod dashboard;
mod entry;
mod errors;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use vestibule_gateway::{App, Form, Gateway, Passage, SessionUser, Visitor};

use crate::page::show;
use crate::pages::{AuthError, Frame, Home, Person};
pub use errors::with_error_pages;

/// The whole site: `gateway` with our pages inside. A UI behind it has all pages but the two forms that lead in,
/// unless it brings those too: what its routes cover never comes here.
pub fn site(gateway: Gateway) -> App {
    let mut pages = Router::new()
        .route("/login", get(entry::login).post(entry::sign_in))
        .route("/logout", post(entry::sign_out))
        .route("/", get(home))
        .route("/api/auth/error", auth_error())
        .route("/dashboard", get(dashboard::dashboard))
        .route("/dashboard/", get(dashboard::dashboard))
        .route("/dashboard/profile", post(account::save_profile))
        .route("/dashboard/password", post(account::change_password))
        .route("/dashboard/sessions/end", post(account::end_session))
        .route("/dashboard/sessions/end-others", post(account::end_other_sessions))
        .route("/dashboard/delete", post(account::delete));
    if gateway.registers() {
        pages = pages.route("/register", get(entry::register).post(entry::sign_up));
    }
    let pages =
        pages.merge(forms(&gateway)).with_state(gateway.clone()).merge(crate::assets::router());
    gateway.site(counted(pages))
}

/// `router`, of which whoever counts and logs a request learns by which route it went.
pub(crate) fn counted(router: Router) -> Router {
    router.route_layer(from_fn(by_pattern))
}

/// Our forms under the names of the Better Auth client's calls, for pages of a UI (contract: Next.js, G8).
fn forms(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/api/auth/sign-in", any(entry::sign_in))
        .route("/api/auth/sign-up", any(entry::sign_up))
        .route("/api/auth/sign-out", any(entry::sign_out))
        .route_layer(from_fn_with_state(gateway.clone(), unless_a_call))
}

/// What is no form is a call of that client's.
async fn unless_a_call(
    State(gateway): State<Gateway>,
    visitor: Visitor,
    request: Request,
    next: Next,
) -> Response {
    let is_form = request.method() == Method::POST && Form::is_sent(request.headers());
    if is_form { next.run(request).await } else { gateway.auth_call(visitor, request).await }
}

async fn by_pattern(route: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let passage = Passage { route: route.as_str().into(), upstream: None };
    response.extensions_mut().get_or_insert(passage);
    response
}

/// `GET /`: what this is, and the way in.
async fn home(State(gateway): State<Gateway>, visitor: Visitor) -> Response {
    show(StatusCode::OK, &Home { frame: frame(&gateway, Some(&visitor)) })
}

/// `GET /api/auth/error` and nothing else: other methods are as unknown there as other calls of the Better Auth client.
fn auth_error() -> MethodRouter<Gateway> {
    let unknown = async || StatusCode::NOT_FOUND;
    let show_it = async |State(gateway): State<Gateway>, visitor: Visitor, uri: Uri| {
        let query = uri.query().unwrap_or_default();
        let mut fields = form_urlencoded::parse(query.as_bytes());
        let error = fields.find(|(name, _)| name == "error").map(|(_, error)| error);
        let frame = frame(&gateway, Some(&visitor));
        show(StatusCode::OK, &AuthError::new(frame, error.as_deref()))
    };
    get(show_it).head(unknown).fallback(unknown)
}

/// What surrounds a page for this visitor.
fn frame(gateway: &Gateway, visitor: Option<&Visitor>) -> Frame {
    let session = visitor.and_then(Visitor::session);
    let person = session.map(|session| {
        let SessionUser { name, username, .. } = session.user.clone();
        Person { name, username }
    });
    let hint = visitor.map(Visitor::hint).unwrap_or_default().to_owned();
    let hint_cookie = gateway.hint_name().to_owned();
    Frame { person, hint_cookie, hint, is_closed: !gateway.registers() }
}
