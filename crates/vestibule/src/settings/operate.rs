use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use vestibule_api::{Algorithm, Database, InvalidDatabase};

use super::{DataArgs, REFRESH_TTL};

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

/// `hs256`, `eddsa`.
fn algorithm(text: &str) -> Result<Algorithm, &'static str> {
    match text {
        "hs256" => Ok(Algorithm::Hs256),
        "eddsa" => Ok(Algorithm::EdDsa),
        _ => Err("has to be hs256 or eddsa"),
    }
}
