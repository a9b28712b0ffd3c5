use std::convert::Infallible;
use std::iter::once;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Once;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use vestibule_types::{ClientAddress, TrustedHops};

use crate::Api;

/// Who is calling, as far as the connection tells: for limits and for the list of sessions.
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// `User-Agent`, at most 256 characters.
    pub(crate) agent: String,
}

impl FromRequestParts<Api> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ClientAddress>()
            .map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
        let trusted = &api.0.settings.trusted_proxies;
        let address = behind_proxies(peer, &parts.headers, trusted);
        let were_it_trusted: TrustedHops = once(peer.into()).collect();
        if !trusted.contains(peer) && behind_proxies(peer, &parts.headers, &were_it_trusted) != peer
        {
            tell_of_proxy(peer);
        }
        let agent = parts
            .headers
            .get(header::USER_AGENT)
            .map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let agent =
            agent.unwrap_or_default().chars().filter(|c| !c.is_control()).take(256).collect();
        Ok(Self { address, agent })
    }
}

/// All who come through a proxy that isn't trusted count as one address, and would share its limits: that is
/// worth one line in the log.
fn tell_of_proxy(peer: IpAddr) {
    static TELL: Once = Once::new();
    TELL.call_once(|| {
        tracing::warn!(proxy = %peer, "X-Forwarded-For is not believed from this address; if a gateway or proxy of yours is there, name it: --trusted-proxy");
    });
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedHops) -> IpAddr {
    let lines = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    trusted.arrival(peer, lines).client
}
