//! Which paths need a session, and what a visitor without one is told.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use crate::names::{NEXT_ACTION, SEC_FETCH_DEST, SEC_FETCH_MODE};
use crate::path::{CanonicalPath, PathPattern};
use crate::problem::Problem;
use crate::return_path::ReturnPath;
use crate::toward_ui::EXPIRED;

/// The paths that need a session: `/dashboard/**`, and what the settings add; or, in a private site, all but
/// those that the settings call public (GW-06).
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    protect: Vec<PathPattern>,
    private: bool,
    public: Vec<PathPattern>,
}

impl Guard {
    pub(crate) fn new(protect: Vec<PathPattern>, private: bool, public: Vec<PathPattern>) -> Self {
        let dashboard = "/dashboard/**".parse().expect("the pattern is legal");
        Self { protect: std::iter::once(dashboard).chain(protect).collect(), private, public }
    }

    /// Which rule it is, for people.
    pub(crate) fn reason(&self, path: &CanonicalPath) -> String {
        let rule = self.protect.iter().find(|rule| rule.matches(path));
        rule.map_or("the site is private".to_owned(), |rule| format!("{rule} is protected"))
    }

    /// Where one rule protects and another does not, it is protected.
    pub(crate) fn covers(&self, path: &CanonicalPath) -> bool {
        let is_open = || self.public.iter().any(|rule| rule.matches_to_the_letter(path));
        self.protect.iter().any(|rule| rule.matches(path)) || self.private && !is_open()
    }
}

/// What kind of answer a request is looking for (GW-13).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wants {
    /// A person is going to a page.
    Page,
    /// A script wants data.
    Data,
}

impl Wants {
    /// `Sec-Fetch-Mode` and `-Dest` decide if they are there, otherwise `Accept`. The API has no pages but one, by which
    /// people come who were on their way to another.
    pub fn of(path: &str, headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let is_page = match (text(&SEC_FETCH_MODE), text(&SEC_FETCH_DEST)) {
            (None, None) => {
                text(&header::ACCEPT).is_some_and(|accept| accept.contains("text/html"))
            }
            (mode, dest) => mode == Some("navigate") || dest == Some("document"),
        };
        let is_api = path == "/api" || path.starts_with("/api/") && path != EXPIRED;
        if is_page && !is_api { Self::Page } else { Self::Data }
    }
}

/// Sends a visitor without a session to sign in and back to where he was going: people by a redirect,
/// scripts by a 401 that says where. Next.js has requests of its own kind, told apart by their headers
/// (contract: Next.js, N6, N8, N9, G10).
pub fn ask_to_sign_in(
    method: &Method,
    path: &CanonicalPath,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response {
    let is_read = method == Method::GET || method == Method::HEAD;
    // A Server Action is posted to the page that it is on.
    let is_action = headers.contains_key(&NEXT_ACTION);
    let is_place = is_read || is_action;
    let place = if is_place { ReturnPath::from_request(path, uri.query()) } else { None };
    let login = place.map_or_else(|| "/login".to_owned(), |place| place.login_url());
    if is_prefetch(headers) {
        return (StatusCode::NO_CONTENT, NO_STORE).into_response();
    }
    if headers.contains_key("rsc") && is_read {
        let target = with_rsc(login, uri);
        return redirect(StatusCode::TEMPORARY_REDIRECT, &target);
    }
    if is_action {
        let action = HeaderValue::try_from(format!("{login};push"));
        let action = action.unwrap_or(HeaderValue::from_static("/login;push"));
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let response = (
            StatusCode::SEE_OTHER,
            NO_STORE,
            [kind, ("x-action-redirect".parse().expect("legal"), action)],
        );
        return response.into_response();
    }
    match Wants::of(path.as_str(), headers) {
        Wants::Page => redirect(StatusCode::SEE_OTHER, &login),
        Wants::Data => Problem::SIGNED_OUT.with_login(login),
    }
}

/// `place` for a request for a React payload: Next.js wants to find in the target what was in `uri`, and sends the browser
/// there once more if it does not (contract: Next.js, N6).
fn with_rsc(place: String, uri: &Uri) -> String {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut rsc = query.filter(|(name, _)| name == "_rsc").map(|(_, value)| value.into_owned());
    let Some(rsc) = rsc.next() else { return place };
    let joint = if place.contains('?') { '&' } else { '?' };
    let rsc: String = form_urlencoded::byte_serialize(rsc.as_bytes()).collect();
    format!("{place}{joint}_rsc={rsc}")
}

/// 303 to a page on this site, for a request for `uri`, which may be for a React payload.
pub(crate) fn see_other(place: String, uri: &Uri, headers: &HeaderMap) -> Response {
    let place = if headers.contains_key("rsc") { with_rsc(place, uri) } else { place };
    redirect(StatusCode::SEE_OTHER, &place)
}

pub(crate) const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

fn is_prefetch(headers: &HeaderMap) -> bool {
    let purpose = headers.get("sec-purpose").and_then(|value| value.to_str().ok());
    headers.contains_key("next-router-prefetch")
        || purpose.is_some_and(|purpose| purpose.contains("prefetch"))
}

/// A redirect on this site. It must not be kept: it holds only until somebody signs in.
pub fn redirect(status: StatusCode, to: &str) -> Response {
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    (status, NO_STORE, [(header::LOCATION, to)]).into_response()
}

#[cfg(test)]
mod tests {
    use axum::response::Response;
    use http::{HeaderMap, Method};

    use super::{Guard, Wants, ask_to_sign_in};
    use crate::path::CanonicalPath;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn asked(method: Method, uri: &str, pairs: &[(&'static str, &str)]) -> Response {
        let uri: http::Uri = uri.parse().unwrap();
        let path = CanonicalPath::parse(uri.path()).unwrap();
        ask_to_sign_in(&method, &path, &uri, &headers(pairs))
    }

    fn told(response: &Response) -> (u16, Option<&str>) {
        let location = response.headers().get("location");
        (response.status().as_u16(), location.map(|value| value.to_str().unwrap()))
    }

    #[test]
    fn the_dashboard_is_guarded_and_what_settings_add() {
        let guard = Guard::new(vec!["/billing".parse().unwrap()], false, vec![]);
        for (path, covered) in [
            ("/dashboard", true),
            ("/dashboard/", true),
            ("/dashboard/a/b", true),
            ("/%64ashboard", true),
            ("/x/../dashboard", true),
            ("/./dashboard/x", true),
            ("/dashboard;x=1", true),
            ("/billing", true),
            ("/billing/x", false),
            ("/dashboards", false),
            ("/", false),
        ] {
            assert_eq!(guard.covers(&CanonicalPath::parse(path).unwrap()), covered, "{path}");
        }
    }

    #[test]
    fn gw_06_a_private_site_is_open_where_it_says_so() {
        let public = ["/", "/pricing/**", "/dashboard/help"].map(|rule| rule.parse().unwrap());
        let guard = Guard::new(vec![], true, public.to_vec());
        for (path, covered) in [
            ("/", false),
            ("/pricing", false),
            ("/pricing/eu", false),
            ("/pricing/eu;x", false),
            ("/pricing;x/eu", true),
            ("/pricing%3Bx/eu", true),
            ("/Pricing", true),
            ("/prices", true),
            ("/pricing/../account", true),
            ("/dashboard/help", true),
            ("/anything", true),
        ] {
            assert_eq!(guard.covers(&CanonicalPath::parse(path).unwrap()), covered, "{path}");
        }
    }

    #[test]
    fn gw_13_people_are_sent_to_sign_in_and_scripts_are_told() {
        let page = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(
            told(&asked(Method::GET, "/dashboard/x?a=1&b=2", &page)),
            (303, Some("/login?next=%2Fdashboard%2Fx%3Fa%3D1%26b%3D2"))
        );
        assert_eq!(told(&asked(Method::GET, "/dashboard", &[("accept", "text/html,*/*")])).0, 303);
        assert_eq!(told(&asked(Method::POST, "/dashboard/x", &page)), (303, Some("/login")));
        let script = [("sec-fetch-mode", "cors"), ("accept", "text/html")];
        assert_eq!(told(&asked(Method::GET, "/dashboard", &script)), (401, None));
        assert_eq!(told(&asked(Method::GET, "/dashboard", &[])), (401, None));
    }

    #[test]
    fn nextjs_requests_get_what_its_client_understands() {
        let prefetch =
            asked(Method::GET, "/dashboard", &[("next-router-prefetch", "1"), ("rsc", "1")]);
        assert_eq!(told(&prefetch), (204, None));
        let browser = asked(Method::GET, "/dashboard", &[("sec-purpose", "prefetch;prerender")]);
        assert_eq!(told(&browser), (204, None));
        assert_eq!(
            told(&asked(Method::GET, "/dashboard?x=1&_rsc=ab1", &[("rsc", "1")])),
            (307, Some("/login?next=%2Fdashboard%3Fx%3D1&_rsc=ab1"))
        );
        let action = asked(Method::POST, "/dashboard/x;y?a=1", &[("next-action", "abc")]);
        assert_eq!(told(&action), (303, None));
        let place = "/login?next=%2Fdashboard%2Fx%3By%3Fa%3D1;push";
        assert_eq!(action.headers()["x-action-redirect"], place);
        for response in [prefetch, action] {
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
    }

    #[test]
    fn the_api_has_no_pages() {
        let page = headers(&[("sec-fetch-mode", "navigate")]);
        assert_eq!(Wants::of("/api/v1/user/me", &page), Wants::Data);
        assert_eq!(Wants::of("/apis", &page), Wants::Page);
    }
}
