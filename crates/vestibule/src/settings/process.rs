use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use url::Url;

use super::{Switch, listen};

/// The feed of revocations, from the API to its gateways.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Revocations")]
pub struct FeedArgs {
    /// File with the key by which a gateway asks the API who was signed out elsewhere
    #[arg(long, value_name = "FILE", env = "VESTIBULE_FEED_KEY_FILE")]
    pub feed_key_file: Option<PathBuf>,
}

/// Where things are kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Folder of the database and of secrets made on the first start
    #[arg(long, value_name = "DIR", env = "VESTIBULE_DATA", default_value = "vestibule-data")]
    pub data: PathBuf,

    /// File with the URL of a PostgreSQL database, postgres://USER:PASSWORD@HOST/NAME; without it or DATABASE_URL, SQLite in the data folder
    #[arg(long, value_name = "FILE", env = "DATABASE_URL_FILE")]
    pub database_url_file: Option<PathBuf>,

    /// Most connections of this node to PostgreSQL
    #[arg(long, value_name = "NUMBER", env = "VESTIBULE_DATABASE_CONNECTIONS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..=1000))]
    pub database_connections: u32,
}

/// The process.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Process")]
pub struct ProcessArgs {
    /// What is logged, to standard error: error, warn, info, debug, trace, or a filter such as info,vestibule_gateway=debug
    #[arg(long, value_name = "FILTER", env = "VESTIBULE_LOG", default_value = "info")]
    pub log: String,

    /// How it is logged
    #[arg(long, value_enum, env = "VESTIBULE_LOG_FORMAT", default_value_t = LogFormat::Human)]
    pub log_format: LogFormat,

    /// Whether each request is logged when its answer is sent: by level info, from a status of 500 on warn
    #[arg(long, value_enum, env = "VESTIBULE_ACCESS_LOG", default_value_t = Switch::On)]
    pub access_log: Switch,

    /// Address that metrics are served on, as text for Prometheus at /metrics; they hold nothing secret, so other machines may read them [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", env = "VESTIBULE_METRICS_LISTEN", value_parser = listen)]
    pub metrics_listen: Option<SocketAddr>,

    /// Collector of traces, which takes OTLP over HTTP, such as http://localhost:4318; its credentials, if it asks for some, go into OTEL_EXPORTER_OTLP_HEADERS [default: none]
    #[arg(long, value_name = "URL", env = "VESTIBULE_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<Url>,

    /// Part of the traces beginning here that is collected, 0 to 1; in traces that a caller began he has decided
    #[arg(long, value_name = "RATIO", env = "VESTIBULE_TRACE_RATIO", default_value_t = 1.0, value_parser = ratio)]
    pub trace_ratio: f64,

    /// How long running requests may take to finish after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_DRAIN", default_value_t = 30)]
    pub drain: u64,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "has to be a number from 0 to 1".to_owned())
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}
