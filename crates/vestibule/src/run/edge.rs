//! From settings to what a listener does with its connections.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use vestibule_gateway::Site;
use vestibule_types::{Clock, TrustedHops};

use super::RunError;
use super::files;
use super::serving::{Part, host_of};
use crate::observe::{Ids, observed};
use crate::server::tls::{self, PemFiles, Tls};
use crate::server::{Addresses, Announced, Edge, Limits, Places, listen, to_https};
use crate::settings::{EdgeArgs, SiteArgs};

/// The site's edge, whose certificate is followed from now on.
pub(super) fn site_edge(args: &SiteArgs, site: &Site, clock: &Clock) -> Result<Edge, RunError> {
    let trusted = args.hops.settings().trusted;
    let args = &args.edge;
    let edge = Edge {
        limits: limits(args),
        places: places(args, trusted.clone()),
        announced: announced(args, trusted)?,
        tls: tls(args)?,
        // On this machine it would bind every other server on localhost too (TL-01).
        has_hsts: site.is_https() && !site.is_loopback(),
    };
    if let Some(tls) = &edge.tls {
        tls::follow(tls.clone(), clock.clone())?;
    }
    Ok(edge)
}

/// The plain socket beside an https site, if there is to be one.
pub(super) async fn http_part(
    args: &EdgeArgs,
    site: &Site,
    edge: &Edge,
) -> Result<Option<Part>, RunError> {
    let Some(address) = args.http_listen else { return Ok(None) };
    if !site.is_https() {
        let said = format!(
            "--http-listen leads to an https site, but this one is {}. Give --tls-cert and --tls-key, or leave --http-listen out",
            site.origin()
        );
        return Err(RunError::Setting(said));
    }
    let socket: TcpListener = listen(address, "--http-listen").await?;
    let app = observed(to_https(site.clone()), "http", Ids::Own);
    // Browsers heed the header by https alone (RFC 6797, 8.1).
    let edge = Edge { tls: None, has_hsts: false, ..edge.clone() };
    Ok(Some(Part { socket, app, edge }))
}

/// Where it is, for whoever started this.
pub(super) fn http_address(
    part: Option<&Part>,
) -> Result<Option<(&'static str, String)>, RunError> {
    let Some(Part { socket, .. }) = part else { return Ok(None) };
    Ok(Some(("Http", format!("http://{}", host_of(socket.local_addr()?)))))
}

fn limits(args: &EdgeArgs) -> Limits {
    Limits {
        head: Duration::from_secs(args.head_timeout),
        idle: Duration::from_secs(args.idle_timeout),
        body: Duration::from_secs(args.body_timeout),
        write: Duration::from_secs(args.write_timeout),
        ..Limits::default()
    }
}

fn places(args: &EdgeArgs, trusted: TrustedHops) -> Places {
    let all = files::connections(args.max_connections as usize);
    let per_address = args.max_connections_per_address as usize;
    let is_exempt = move |address: IpAddr| address.is_loopback() || trusted.contains(address);
    Places::new(all, per_address, Arc::new(is_exempt))
}

/// Who begins its connections with the client's address; of others nothing else is taken.
fn announced(args: &EdgeArgs, trusted: TrustedHops) -> Result<Option<Announced>, RunError> {
    if !args.proxy_protocol {
        return Ok(None);
    }
    if trusted.is_empty() {
        let said =
            "--proxy-protocol would let nobody in: say which proxy speaks it, with --trusted-hop";
        return Err(RunError::Setting(said.to_owned()));
    }
    let by: Addresses = Arc::new(move |address: IpAddr| trusted.contains(address));
    Ok(Some(Announced { by }))
}

fn tls(args: &EdgeArgs) -> Result<Option<Tls>, RunError> {
    let (Some(certificate), Some(key)) = (args.tls_cert.clone(), args.tls_key.clone()) else {
        return Ok(None);
    };
    Ok(Some(Tls::load(PemFiles { certificate, key })?))
}
