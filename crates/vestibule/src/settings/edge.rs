use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::listen;

/// Sockets, TLS and limits of the site.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connections")]
pub struct EdgeArgs {
    /// File with the site's certificate and those above it (PEM): the site then speaks TLS itself; read again when it changes and on SIGHUP
    #[arg(long, value_name = "FILE", env = "VESTIBULE_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// File with the certificate's private key (PEM)
    #[arg(long, value_name = "FILE", env = "VESTIBULE_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Address that listens for http beside an https site: pages lead there, everything else is refused [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", env = "VESTIBULE_HTTP_LISTEN", value_parser = listen)]
    pub http_listen: Option<SocketAddr>,

    /// Take the client's address from the PROXY protocol (v1 or v2), which each connection has to begin with, from a proxy that --trusted-hop names
    #[arg(long, env = "VESTIBULE_PROXY_PROTOCOL", value_parser = BoolishValueParser::new())]
    pub proxy_protocol: bool,

    /// Most connections at once, as far as the limit of open files allows
    #[arg(long, value_name = "NUMBER", env = "VESTIBULE_MAX_CONNECTIONS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,

    /// Most of them from one address or IPv6 network (/64); this machine and proxies in front may have more
    #[arg(long, value_name = "NUMBER", env = "VESTIBULE_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections_per_address: u32,

    /// How long the head of a request may take from its first byte, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_HEAD_TIMEOUT", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub head_timeout: u64,

    /// How long a connection is kept without a request, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_IDLE_TIMEOUT", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub idle_timeout: u64,

    /// How long each 1,024 bytes of a body may take while they are waited for, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_BODY_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub body_timeout: u64,

    /// How long a client may take nothing of what it is sent, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_WRITE_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub write_timeout: u64,
}
