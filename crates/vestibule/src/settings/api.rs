use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use vestibule_api::ApiSettings;
use vestibule_gateway::Site;
use vestibule_types::AddressRange;

use super::{REFRESH_TTL, Switch, listen};

/// The identity API.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Identity API")]
pub struct ApiArgs {
    /// Address that the API listens on
    #[arg(long, value_name = "ADDRESS:PORT", env = "VESTIBULE_API_LISTEN", default_value = "127.0.0.1:8000", value_parser = listen)]
    pub api_listen: SocketAddr,

    /// Life of an access token, in seconds; under 300 on loopback only
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_ACCESS_TTL", default_value_t = 1800, value_parser = clap::value_parser!(i64).range(1..=ApiSettings::MOST_ACCESS_TTL))]
    pub access_ttl: i64,

    /// Life of a session and its refresh tokens from the login on, in seconds; under 300 on loopback only
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_REFRESH_TTL", default_value_t = REFRESH_TTL, value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub refresh_ttl: i64,

    /// Life of a session whose owner did not ask to be remembered, in seconds, at most --refresh-ttl; under 300 on loopback only [default: 43200, or --refresh-ttl if that is less]
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_SHORT_SESSION_TTL", value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub short_session_ttl: Option<i64>,

    /// Lets each refresh prolong a session by a whole life, up to so many seconds from the login, at least --refresh-ttl [default: no refresh prolongs a session]
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_SESSION_CAP", value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub session_cap: Option<i64>,

    /// Seconds without a refresh after which a session is over, at least --access-ttl: what is done between two refreshes is not seen [default: no limit]
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_IDLE_LIMIT", value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub idle_limit: Option<i64>,

    /// Seconds from the login in which a session may change e-mail address or username, delete the account or end other sessions; afterwards 403 asks for a new login [default: as long as it lives]
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_FRESH_LOGIN", value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub fresh_login: Option<i64>,

    /// Whether login attempts are limited, per account and address and per address, new refresh tokens, per session, and usernames asked about, per address; off on loopback only
    #[arg(long, value_enum, env = "VESTIBULE_THROTTLE", default_value_t = Switch::On)]
    pub throttle: Switch,

    /// Whether /docs and /openapi.json are served [default: on, if the API listens on loopback]
    #[arg(long, value_enum, env = "VESTIBULE_DOCS")]
    pub docs: Option<Switch>,

    /// A web origin that may call the API with credentials (CORS); may be repeated
    #[arg(long, value_name = "ORIGIN", env = "VESTIBULE_CORS_ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub cors_origin: Vec<String>,

    /// A gateway or proxy whose X-Forwarded-For or Forwarded is believed: an address, or a range such as 10.0.0.0/8; may be repeated
    #[arg(
        long,
        value_name = "ADDRESS|CIDR",
        env = "VESTIBULE_TRUSTED_PROXY",
        value_delimiter = ','
    )]
    pub trusted_proxy: Vec<AddressRange>,

    /// Only gateways with the same feed key may call; whoever else reaches the port is refused
    #[arg(long, env = "VESTIBULE_GATEWAYS_ONLY", value_parser = BoolishValueParser::new())]
    pub gateways_only: bool,

    /// File with the keys that sign the tokens; read again whenever it changes
    #[arg(long, value_name = "FILE", env = "VESTIBULE_SIGNING_KEY_FILE")]
    pub signing_key_file: Option<PathBuf>,
}

/// An origin exactly as browsers send it.
fn origin(text: &str) -> Result<String, String> {
    let site: Site = text.parse().map_err(|error| format!("{error}"))?;
    Ok(site.origin().to_owned())
}
