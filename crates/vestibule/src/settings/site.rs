use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use url::Url;
use vestibule_gateway::{SessionPolicy, Site};

use super::{EdgeArgs, HopArgs, RouteArgs, listen};

/// The site: browser sessions, pages, and what is passed on.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Site")]
pub struct SiteArgs {
    /// Address that the site listens on
    #[arg(long, value_name = "ADDRESS:PORT", env = "VESTIBULE_SITE_LISTEN", default_value = "127.0.0.1:3000", value_parser = listen)]
    pub site_listen: SocketAddr,

    /// Address of the site as browsers see it; https, unless it is on loopback [default: http://localhost and the port]
    #[arg(long, value_name = "URL", env = "VESTIBULE_SITE_URL")]
    pub site_url: Option<Site>,

    /// A web server that has the site's other pages, such as Next.js; without it the built-in pages answer
    #[arg(long, value_name = "URL", env = "VESTIBULE_UI_URL")]
    pub ui: Option<Url>,

    /// What the UI is told of who is signed in: who it is, signed; also a ticket with which it calls the API; also the access token itself
    #[arg(
        long,
        value_name = "none|identity|ticket|token",
        env = "VESTIBULE_UI_SESSION",
        default_value = "ticket"
    )]
    pub ui_session: SessionPolicy,

    /// How long guarded pages are still served while the API can't be asked who was signed out elsewhere, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_MAX_STALE", default_value_t = 60, value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub max_stale: u64,

    /// File with the secret that seals the session cookie
    #[arg(long, value_name = "FILE", env = "AUTH_SECRET_FILE")]
    pub auth_secret_file: Option<PathBuf>,

    /// File with routes, upstreams and what is particular about the API (TOML); read again at SIGHUP
    #[arg(long, value_name = "FILE", env = "VESTIBULE_CONFIG")]
    pub config: Option<PathBuf>,

    /// Which path goes where.
    #[command(flatten)]
    pub routes: RouteArgs,
    /// Sockets, TLS and limits.
    #[command(flatten)]
    pub edge: EdgeArgs,
    /// Proxies in front.
    #[command(flatten)]
    pub hops: HopArgs,
}
