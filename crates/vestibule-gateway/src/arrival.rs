//! How a request came here: by which name, from which client, over what. It is asked of every request first.

use std::net::{IpAddr, Ipv4Addr};

use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use vestibule_types::{Arrival, ClientAddress, TrustedHops};

use crate::gateway::Gateway;
use crate::guard::{Wants, redirect};
use crate::host::{self, HostName};
use crate::path::CanonicalPath;
use crate::problem::Problem;

/// What stands in front of the site.
#[derive(Clone, Debug, Default)]
pub struct HopSettings {
    /// Proxies that are believed what they say of a request.
    pub trusted: TrustedHops,
    /// Names that the site answers to, besides its own.
    pub also_hosts: Vec<HostName>,
}

/// Lets a request pass that names this site, and came over https if the site is https; from here on its
/// [`ClientAddress`] is the client's, as far as trusted hops tell (GW-16).
///
/// Otherwise this is the answer: 421 for another host or none (GW-10), 400 for a path that can't be read; and
/// where a trusted hop
/// says that the client came over http, a redirect for pages and 400 for everything else (TL-03).
pub(crate) fn turned_away(gateway: &Gateway, head: &mut Parts) -> Option<Response> {
    let is_probe = PROBES.contains(&head.uri.path());
    let host = host::named(head);
    if !host.as_ref().is_some_and(|host| is_probe || gateway.0.hosts.contain(host)) {
        let host = host.map(|host| host.to_string());
        tracing::info!(
            host,
            "a request did not name this site; if it should answer to this name too: --also-host"
        );
        return Some(Problem::MISDIRECTED.into_response());
    }
    let arrival = arrival(gateway, head);
    head.extensions.insert(ClientAddress(arrival.client));
    let is_over_http = arrival.is_https == Some(false) && gateway.0.site.is_https();
    (is_over_http && !is_probe).then(|| ask_for_https(gateway, head))
}

/// Load balancers call the address of a node. What these say holds under any name, and over http.
const PROBES: [&str; 2] = ["/health", "/ready"];

/// Where the request began. Only the peer's own word is believed, and only if it is trusted.
pub(crate) fn arrival(gateway: &Gateway, head: &Parts) -> Arrival {
    gateway.0.trusted.arrival(peer(head), |name| lines(&head.headers, name))
}

/// Who sent the request, before any hop is believed.
pub(crate) fn peer(head: &Parts) -> IpAddr {
    let address = head.extensions.get::<ClientAddress>();
    address.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.0)
}

fn lines<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

/// A page can be asked for again. A call has already shown its cookie to the network, and has to be mended where it
/// is made.
fn ask_for_https(gateway: &Gateway, head: &Parts) -> Response {
    let Ok(path) = CanonicalPath::parse(head.uri.path()) else {
        return Problem::BAD_PATH.into_response();
    };
    https_or_nothing(gateway, &head.method, &path, head.uri.query(), &head.headers)
}

/// The same page over https, or a refusal.
pub(crate) fn https_or_nothing(
    gateway: &Gateway,
    method: &Method,
    path: &CanonicalPath,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Response {
    let is_page = Wants::of(path.as_str(), headers) == Wants::Page;
    if !is_page || !matches!(*method, Method::GET | Method::HEAD) {
        return Problem::HTTPS_REQUIRED.into_response();
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let place = format!("{}{}{query}", gateway.0.site.origin(), path.as_str());
    redirect(StatusCode::TEMPORARY_REDIRECT, &place)
}
