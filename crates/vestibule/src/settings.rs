//! Settings: one list for flag, variable, default and help. `vestibule --help` is the reference.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{
    Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use url::Url;
use vestibule_api::{Algorithm, ApiSettings, Database, InvalidDatabase};
use vestibule_gateway::{PathPattern, Site};

/// The front door for a web app whose API already exists: sign-up, sign-in and staying signed in.
///
/// Without a command it serves everything on this machine: the site on port 3000, the identity API on port
/// 8000, and a SQLite database in one data folder. No setting is needed.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, args_conflicts_with_subcommands = true, after_help = SECRETS)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub command: Option<Role>,

    /// What `serve` needs.
    #[command(flatten)]
    pub serve: Serve,
}

const SECRETS: &str = "\
Secrets come from the environment or from files, never as arguments:
  AUTH_SECRET, AUTH_SECRET_FILE                          seals the session cookie (serve, gateway)
  VESTIBULE_SIGNING_KEY, VESTIBULE_SIGNING_KEY_FILE      signs the tokens (serve, api)
  DATABASE_URL, DATABASE_URL_FILE                        a PostgreSQL database instead of SQLite (all but gateway)
  VESTIBULE_FEED_KEY, VESTIBULE_FEED_KEY_FILE            lets a gateway ask the API who was signed out elsewhere (all)
Each key or secret is 32 random bytes or more, in base64 or hexadecimal: openssl rand -base64 32
To change one, put the new one in front of the old one, with a comma between; drop the old one after a week.
Signing keys in a file change while the servers run: vestibule keys --help, docs/keys.md.
On loopback a missing one is made and kept in the data folder; elsewhere it has to be given, except for the
feed key, without which a gateway does not ask. A gateway never makes that one: it has to be the API's.
NEXT_PUBLIC_SITE_URL and NEXT_PUBLIC_API_URL are read where VESTIBULE_SITE_URL and VESTIBULE_API_URL are not set.";

/// Default life of a session, in seconds: a week.
const REFRESH_TTL: i64 = 604_800;

/// The parts that can run by themselves.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// The site and the identity API in one process (the default).
    #[command(after_help = SECRETS)]
    Serve(Serve),
    /// The identity API alone: accounts, tokens, sessions.
    #[command(after_help = SECRETS)]
    Api(ApiOnly),
    /// The site alone: browser sessions and pages in front of an API that runs elsewhere.
    #[command(after_help = SECRETS)]
    Gateway(GatewayOnly),
    /// Bring the database up to date, and stop.
    Migrate(Migrate),
    /// The keys that sign the tokens, while they are in a file: list them, add one, retire one. Servers follow by themselves.
    #[command(subcommand)]
    Keys(Keys),
    /// Move everything to another database.
    #[command(subcommand)]
    Db(Db),
    /// Take accounts over from another backend.
    #[command(subcommand)]
    Import(Import),
    /// End sessions.
    #[command(subcommand)]
    Sessions(Sessions),
}

/// What `vestibule db` does.
#[derive(Clone, Debug, Subcommand)]
pub enum Db {
    /// Copy everything from one database into another, empty one: accounts, sessions, all or nothing.
    ///
    /// Stop the servers first: what they write meanwhile is not copied. The source is left as it is; the target is
    /// made or migrated. Sessions go on if the signing key stays the same.
    Copy(Copy),
}

/// Settings of `vestibule db copy`.
#[derive(Args, Clone, Debug)]
pub struct Copy {
    /// Where everything is: sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME; one with a password belongs in the variable
    #[arg(long, value_name = "URL", env = "VESTIBULE_COPY_FROM", hide_env_values = true)]
    pub from: DatabaseUrl,

    /// Where everything goes, likewise; there must be nothing in it
    #[arg(long, value_name = "URL", env = "VESTIBULE_COPY_TO", hide_env_values = true)]
    pub to: DatabaseUrl,
}

/// What `vestibule import` takes over.
#[derive(Clone, Debug, Subcommand)]
pub enum Import {
    /// Take the accounts of the FastAPI backend over: numbers, names, addresses, pictures, tiers and passwords.
    ///
    /// Its PostgreSQL database is only read. Stop the backend first. Deleted accounts keep their names taken and bring nothing else. Its
    /// tokens go on until they expire, if the signing key here is the one there. It can be run again: accounts that are here already are
    /// left as they are.
    ///
    /// Exit code: 0 if everything was taken over or here already, 3 if some accounts were refused (they are listed, the others were taken
    /// over), 1 if it failed and nothing was.
    Fastapi(Fastapi),
}

/// Settings of `vestibule import fastapi`.
#[derive(Args, Clone, Debug)]
pub struct Fastapi {
    /// The backend's database, postgres://USER:PASSWORD@HOST/NAME, also as SQLAlchemy writes it (postgresql+asyncpg://…); one with a password belongs in the variable
    #[arg(long, value_name = "URL", env = "VESTIBULE_IMPORT_FROM", hide_env_values = true)]
    pub from: DatabaseUrl,

    /// Say what would be done, and write nothing
    #[arg(long, env = "VESTIBULE_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,

    /// Where accounts go.
    #[command(flatten)]
    pub data: DataArgs,
}

/// What `vestibule sessions` does.
#[derive(Clone, Debug, Subcommand)]
pub enum Sessions {
    /// End all sessions of everybody, everywhere: after a leak, and after a backup was restored.
    ///
    /// Running servers refuse them within a second, gateways within five at most. Everybody has to sign in again; accounts and passwords stay
    /// as they are.
    EndAll(EndAll),
}

/// Settings of `vestibule sessions end-all`.
#[derive(Args, Clone, Debug)]
pub struct EndAll {
    /// Don't ask; needed where there is no terminal to ask on
    #[arg(long, env = "VESTIBULE_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,

    /// Whose sessions.
    #[command(flatten)]
    pub data: DataArgs,
}

/// The URL of a database as it was given, not yet read: it may hold a password, and so never shows itself.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("DatabaseUrl(…)")
    }
}

impl DatabaseUrl {
    /// The database, or why it is none.
    ///
    /// # Errors
    /// [`InvalidDatabase`], which does not repeat the URL.
    pub fn database(&self) -> Result<Database, InvalidDatabase> {
        self.0.trim().parse()
    }
}

/// Settings of `vestibule serve`.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// The API.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The key between gateway and API.
    #[command(flatten)]
    pub feed: FeedArgs,
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Logs and the end.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// Settings of `vestibule api`.
#[derive(Args, Clone, Debug)]
pub struct ApiOnly {
    /// The API.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The key between gateway and API.
    #[command(flatten)]
    pub feed: FeedArgs,
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Logs and the end.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// Settings of `vestibule gateway`.
#[derive(Args, Clone, Debug)]
pub struct GatewayOnly {
    /// Where the API is, with or without /api/v1 at its end
    #[arg(long = "api", value_name = "URL", env = "VESTIBULE_API_URL")]
    pub api: Url,
    /// The site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// The key between gateway and API.
    #[command(flatten)]
    pub feed: FeedArgs,
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Logs and the end.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// Settings of `vestibule migrate`.
#[derive(Args, Clone, Debug)]
pub struct Migrate {
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,
}

/// What `vestibule keys` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Keys {
    /// Show each key's id, its algorithm, and what it does now
    List(KeyFileArgs),
    /// Make a key that signs once every server has had time to read it
    Add(KeyAdd),
    /// Remove a key that no live token relies on
    Retire(KeyRetire),
}

/// The file with the keys, and what is known of their tokens.
#[derive(Args, Clone, Debug)]
pub struct KeyFileArgs {
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,

    /// File with the keys that sign the tokens [default: signing-key in the data folder]
    #[arg(long, value_name = "FILE", env = "VESTIBULE_SIGNING_KEY_FILE")]
    pub signing_key_file: Option<PathBuf>,

    /// Life of a session and its refresh tokens on the servers, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_REFRESH_TTL", default_value_t = REFRESH_TTL, value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub refresh_ttl: i64,
}

/// Settings of `vestibule keys add`.
#[derive(Args, Clone, Debug)]
pub struct KeyAdd {
    /// hs256: who verifies can also sign; eddsa: who verifies can't [default: as the key that signs]
    #[arg(long, value_name = "ALGORITHM", value_parser = algorithm)]
    pub algorithm: Option<Algorithm>,

    /// How long servers get to read it before it signs, in seconds [default: 10; eddsa: 90, for others may keep the public keys for a minute]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=31_536_000))]
    pub after: Option<i64>,

    /// The file.
    #[command(flatten)]
    pub file: KeyFileArgs,
}

/// Settings of `vestibule keys retire`.
#[derive(Args, Clone, Debug)]
pub struct KeyRetire {
    /// The key's id, as vestibule keys list shows it
    #[arg(allow_hyphen_values = true)]
    pub id: String,

    /// Retire it though sessions rely on it: they are signed out
    #[arg(long)]
    pub force: bool,

    /// The file.
    #[command(flatten)]
    pub file: KeyFileArgs,
}

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

    /// A path that needs a session, besides /dashboard/**: '/account', '/teams/*/settings', '/billing/**'; may be repeated
    #[arg(long, value_name = "PATTERN", env = "VESTIBULE_PROTECT", value_delimiter = ',')]
    pub protect: Vec<PathPattern>,

    /// How long guarded pages are still served while the API can't be asked who was signed out elsewhere, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_MAX_STALE", default_value_t = 60, value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub max_stale: u64,

    /// File with the secret that seals the session cookie
    #[arg(long, value_name = "FILE", env = "AUTH_SECRET_FILE")]
    pub auth_secret_file: Option<PathBuf>,
}

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

    /// Whether login attempts are limited, per account and address and per address, and new refresh tokens, per session; off on loopback only
    #[arg(long, value_enum, env = "VESTIBULE_THROTTLE", default_value_t = Switch::On)]
    pub throttle: Switch,

    /// Whether /docs and /openapi.json are served [default: on, if the API listens on loopback]
    #[arg(long, value_enum, env = "VESTIBULE_DOCS")]
    pub docs: Option<Switch>,

    /// A web origin that may call the API with credentials (CORS); may be repeated
    #[arg(long, value_name = "ORIGIN", env = "VESTIBULE_CORS_ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub cors_origin: Vec<String>,

    /// A gateway or proxy whose X-Forwarded-For is believed; may be repeated
    #[arg(long, value_name = "ADDRESS", env = "VESTIBULE_TRUSTED_PROXY", value_delimiter = ',')]
    pub trusted_proxy: Vec<IpAddr>,

    /// File with the keys that sign the tokens; read again whenever it changes
    #[arg(long, value_name = "FILE", env = "VESTIBULE_SIGNING_KEY_FILE")]
    pub signing_key_file: Option<PathBuf>,
}

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

    /// Address that metrics are served on, as text for Prometheus at /metrics; they hold nothing secret, so other machines may read them [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", env = "VESTIBULE_METRICS_LISTEN", value_parser = listen)]
    pub metrics_listen: Option<SocketAddr>,

    /// How long running requests may take to finish after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", env = "VESTIBULE_DRAIN", default_value_t = 30)]
    pub drain: u64,
}

/// On or off.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Cli {
    /// Reads the command line and, for what it leaves open, the environment through `variable`.
    ///
    /// # Errors
    /// [`clap::Error`], which knows how to show itself; `--help` is one too.
    pub fn read(
        arguments: impl IntoIterator<Item = std::ffi::OsString>,
        variable: impl Fn(&str) -> bool,
    ) -> Result<Self, clap::Error> {
        let mut command = with_brief_names(Self::command(), &variable);
        let matches = command.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Lets the brief's variables stand in where ours are not set.
fn with_brief_names(command: Command, is_set: &impl Fn(&str) -> bool) -> Command {
    const TWINS: [(&str, &str); 2] = [
        ("VESTIBULE_SITE_URL", "NEXT_PUBLIC_SITE_URL"),
        ("VESTIBULE_API_URL", "NEXT_PUBLIC_API_URL"),
    ];
    let command = command.mut_args(|arg| {
        let twin = TWINS.iter().find(|(ours, _)| arg.get_env() == Some(OsStr::new(ours)));
        match twin {
            Some((ours, theirs)) if !is_set(ours) && is_set(theirs) => arg.env(*theirs),
            _ => arg,
        }
    });
    command.mut_subcommands(|subcommand| with_brief_names(subcommand, is_set))
}

/// `127.0.0.1:3000`, `[::1]:3000`, `localhost:3000`.
fn listen(text: &str) -> Result<SocketAddr, String> {
    let addresses =
        text.to_socket_addrs().map_err(|error| format!("has to be ADDRESS:PORT: {error}"))?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    let ipv4 = addresses.iter().find(|address| address.is_ipv4());
    ipv4.or(addresses.first()).copied().ok_or_else(|| "names no address".to_owned())
}

/// `hs256`, `eddsa`.
fn algorithm(text: &str) -> Result<Algorithm, &'static str> {
    match text {
        "hs256" => Ok(Algorithm::Hs256),
        "eddsa" => Ok(Algorithm::EdDsa),
        _ => Err("has to be hs256 or eddsa"),
    }
}

/// An origin exactly as browsers send it.
fn origin(text: &str) -> Result<String, String> {
    let site: Site = text.parse().map_err(|error| format!("{error}"))?;
    Ok(site.origin().to_owned())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;

    use super::{Cli, Role};

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split_whitespace().map(OsString::from), |_| false)
    }

    #[test]
    fn the_list_of_settings_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves() {
        let cli = read("vestibule --access-ttl 4 --throttle off").unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.api.access_ttl, 4);
        let Some(Role::Serve(serve)) = read("vestibule serve --access-ttl 5").unwrap().command
        else {
            panic!("not serve");
        };
        assert_eq!(serve.api.access_ttl, 5);
    }

    #[test]
    fn addresses_may_have_names() {
        let cli = read("vestibule --site-listen localhost:4000").unwrap();
        assert!(cli.serve.site.site_listen.ip().is_loopback());
        assert_eq!(cli.serve.site.site_listen.port(), 4000);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        for line in [
            "vestibule --site-listen nowhere",
            "vestibule --access-ttl 0",
            "vestibule --access-ttl 30m",
            "vestibule --max-stale 1",
            "vestibule --max-stale 7200",
            "vestibule --throttle maybe",
            "vestibule --site-url app.example.com",
            "vestibule --protect billing",
            "vestibule --nonsense",
            "vestibule nonsense",
            "vestibule gateway",
            "vestibule api --trusted-proxy localhost",
            "vestibule --cors-origin *",
            "vestibule keys",
            "vestibule keys retire",
            "vestibule keys add --algorithm rsa",
            "vestibule keys add --after -1",
        ] {
            assert_eq!(read(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn df_02_every_setting_has_an_environment_twin_and_help() {
        let mut command = Cli::command();
        command.build();
        fn with_all_below(command: &clap::Command) -> Vec<&clap::Command> {
            let below = command.get_subcommands().filter(|below| below.get_name() != "help");
            std::iter::once(command).chain(below.flat_map(with_all_below)).collect()
        }
        // What is done to a key is said each time: no environment decides it.
        let of_one_act = ["algorithm", "after", "force"];
        for command in with_all_below(&command) {
            for arg in command
                .get_arguments()
                .filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
            {
                let id = arg.get_id().as_str();
                assert!(arg.get_help().is_some(), "{id} has no help");
                let has_twin = arg.get_env().is_some() || of_one_act.contains(&id);
                assert!(has_twin || arg.is_positional(), "{id} has no twin");
            }
        }
    }
}
