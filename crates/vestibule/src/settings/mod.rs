//! Settings: one list for flag, variable, default and help. `vestibule --help` is the reference.

mod api;
mod doctor;
mod edge;
mod hops;
mod init;
mod next_key;
mod operate;
mod process;
mod routes;
mod site;

use std::ffi::OsStr;
use std::net::{SocketAddr, ToSocketAddrs as _};

use clap::{
    Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use http::Method;
use url::Url;

pub use api::ApiArgs;
pub use doctor::Doctor;
pub use edge::EdgeArgs;
pub use hops::HopArgs;
pub use init::{Front, Init, InitNext};
pub use next_key::NextKeyArgs;
pub use operate::{
    Copy, DatabaseUrl, Db, EndAll, Fastapi, Import, KeyAdd, KeyFileArgs, KeyRetire, Keys, Migrate,
    Sessions,
};
pub use process::{DataArgs, FeedArgs, LogFormat, ProcessArgs};
pub use routes::RouteArgs;
pub use site::SiteArgs;

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
  AUTH_SECRET, AUTH_SECRET_FILE                          seals the session cookie (serve, gateway, next-key)
  VESTIBULE_SIGNING_KEY, VESTIBULE_SIGNING_KEY_FILE      signs the tokens (serve, api)
  DATABASE_URL, DATABASE_URL_FILE                        a PostgreSQL database instead of SQLite (all but gateway)
  VESTIBULE_FEED_KEY, VESTIBULE_FEED_KEY_FILE            lets a gateway ask the API who was signed out elsewhere (all)
Each key or secret is 32 random bytes or more, in base64 or hexadecimal: openssl rand -base64 32
To change one, put the new one in front of the old one, with a comma between; drop the old one after a week.
Signing keys in a file change while the servers run: vestibule keys --help, docs/keys.md.
On loopback a missing one is made and kept in the data folder; elsewhere it has to be given, except for the
feed key, without which a gateway does not ask. A gateway never makes that one: it has to be the API's.
NEXT_PUBLIC_SITE_URL and NEXT_PUBLIC_API_URL are read where VESTIBULE_SITE_URL and VESTIBULE_API_URL are not set,
OTEL_EXPORTER_OTLP_ENDPOINT where VESTIBULE_OTLP_ENDPOINT is not.";

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
    /// Say whether the settings of a site are right, and what becomes of a request; starts nothing.
    Check(Check),
    /// Ask a running site, as a stranger would, whether it is set up rightly; with Next.js, whether its files are where they have to be.
    Doctor(Doctor),
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
    /// Write what an app needs into it.
    #[command(subcommand)]
    Init(Init),
    /// Print the key by which a Next.js app in front of the site asks who a visitor is (VESTIBULE_KEY there).
    NextKey(NextKeyArgs),
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

/// Settings of `vestibule check`.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Where the API is, with or without /api/v1 at its end
    #[arg(
        long = "api",
        value_name = "URL",
        env = "VESTIBULE_API_URL",
        default_value = "http://localhost:8000"
    )]
    pub api: Url,
    /// The site.
    #[command(flatten)]
    pub site: SiteArgs,

    /// A request's method, such as GET
    #[arg(requires = "path")]
    pub method: Option<Method>,

    /// A request's path, with or without a query
    pub path: Option<String>,
}

/// On or off.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
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

/// Lets the variables of the brief and of OpenTelemetry stand in where ours are not set.
fn with_brief_names(command: Command, is_set: &impl Fn(&str) -> bool) -> Command {
    const TWINS: [(&str, &str); 3] = [
        ("VESTIBULE_SITE_URL", "NEXT_PUBLIC_SITE_URL"),
        ("VESTIBULE_API_URL", "NEXT_PUBLIC_API_URL"),
        ("VESTIBULE_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
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
            "vestibule --ui-session cookie",
            "vestibule --site-url app.example.com",
            "vestibule --protect billing",
            "vestibule --nonsense",
            "vestibule nonsense",
            "vestibule gateway",
            "vestibule api --trusted-proxy localhost",
            "vestibule api --trusted-proxy 0.0.0.0/0",
            "vestibule --trusted-hop 10.0.0.1/8",
            "vestibule --also-host app/x",
            "vestibule --cors-origin *",
            "vestibule --otlp-endpoint localhost",
            "vestibule --trace-ratio 1.1",
            "vestibule --trace-ratio NaN",
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
