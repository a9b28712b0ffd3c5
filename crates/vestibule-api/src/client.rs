use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Once;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use vestibule_types::ClientAddress;

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
        if !trusted.contains(&peer) && behind_proxies(peer, &parts.headers, &[peer]) != peer {
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

/// The right-most hop that is no proxy of ours; the peer itself if the chain can't be read (GW-16).
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut client = peer.to_canonical();
    let chain = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = chain.flat_map(|line| line.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        if !trusted.contains(&client) {
            break;
        }
        match hop.parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::HeaderMap;

    use super::behind_proxies;

    #[test]
    fn gw_16_the_chain_is_believed_only_as_far_as_proxies_are_trusted() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let cases = [
            ("10.0.0.1", "203.0.113.7", "", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.7", "10.0.0.1", "203.0.113.7"),
            ("10.0.0.1", "6.6.6.6, 203.0.113.7", "10.0.0.1", "203.0.113.7"),
            ("10.0.0.1", "203.0.113.7, 10.0.0.2", "10.0.0.1 10.0.0.2", "203.0.113.7"),
            ("10.0.0.1", "203.0.113.7, junk", "10.0.0.1", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "203.0.113.7", "10.0.0.1", "203.0.113.7"),
        ];
        for (peer, chain, trusted, client) in cases {
            let trusted: Vec<IpAddr> = trusted.split_whitespace().map(address).collect();
            let headers = HeaderMap::from_iter([(
                "x-forwarded-for".parse().unwrap(),
                chain.parse().unwrap(),
            )]);
            assert_eq!(
                behind_proxies(address(peer), &headers, &trusted),
                address(client),
                "{chain}"
            );
        }
    }
}
