use std::net::SocketAddr;

use clap::Args;
use vestibule_gateway::{HopSettings, HostName};
use vestibule_types::AddressRange;

use super::listen;

/// Proxies in front of the site.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Proxies in front")]
pub struct HopArgs {
    /// A proxy in front of the site that is believed what it says of the client's address and scheme: an address, or a range such as 10.0.0.0/8; may be repeated [default: none]
    #[arg(long, value_name = "ADDRESS|CIDR", env = "VESTIBULE_TRUSTED_HOP", value_delimiter = ',')]
    pub trusted_hop: Vec<AddressRange>,

    /// A further name that the site answers to, as clients put it into Host: 'vestibule.internal', 'vestibule.internal:3000'; may be repeated
    #[arg(long, value_name = "HOST[:PORT]", env = "VESTIBULE_ALSO_HOST", value_delimiter = ',')]
    pub also_host: Vec<HostName>,

    /// Address on which trusted hops may ask whether a request may pass, at /auth-request (nginx) and /forward-auth (Caddy, Traefik, Envoy); it answers with access tokens, so nobody else may reach it [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", env = "VESTIBULE_FORWARD_AUTH_LISTEN", value_parser = listen)]
    pub forward_auth_listen: Option<SocketAddr>,
}

impl HopArgs {
    /// As the gateway takes them.
    pub(crate) fn settings(&self) -> HopSettings {
        HopSettings {
            trusted: self.trusted_hop.iter().copied().collect(),
            also_hosts: self.also_host.clone(),
        }
    }
}
