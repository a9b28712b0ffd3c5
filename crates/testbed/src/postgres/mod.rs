//! A private PostgreSQL server (15 or newer) in a temporary folder, gone with the test.

mod installed;
mod watchdog;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

pub use installed::Installed;
use watchdog::Watchdog;

use crate::port::free_port;

/// Name of the only role, a superuser without a password.
const ROLE: &str = "vestibule";

/// How a server differs from the quickest one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// It also listens on a port of 127.0.0.1, for what sits between a client and its server.
    pub tcp: bool,
    /// What it acknowledged outlives [`Server::restart_hard`]. Otherwise about the last second may be lost.
    pub durable: bool,
}

/// A running server. It ends when it is dropped or when this process ends, however that comes about.
#[derive(Debug)]
pub struct Server {
    installed: Installed,
    watchdog: Mutex<Watchdog>,
    folder: String,
    port: u16,
    options: Options,
}

/// The server that all tests of this process share.
///
/// # Panics
/// If it can't be started.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| Server::start().unwrap_or_else(|why| panic!("{why}")))
}

impl Server {
    /// Starts the quickest server: on a Unix socket only, and careless about crashes.
    ///
    /// # Errors
    /// What is missing, or what the server said.
    pub fn start() -> Result<Self, String> {
        Self::start_with(Options::default())
    }

    /// Starts a server with `options`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(options: Options) -> Result<Self, String> {
        let installed = Installed::find()?;
        let mut watchdog = Watchdog::start(&installed)?;
        watchdog.order("init")?;
        let port = start_on_a_port(&mut watchdog, options)?;
        let folder = watchdog.folder().to_owned();
        Ok(Self { installed, watchdog: Mutex::new(watchdog), folder, port, options })
    }

    /// The address of a database through the Unix socket, as sqlx reads it.
    pub fn url(&self, database: &str) -> String {
        // The port is part of the socket's name, and would come from PGPORT if it were left out.
        format!("postgres://{ROLE}@localhost:{}/{database}?host={}", self.port, self.folder)
    }

    /// The address of a database through 127.0.0.1.
    ///
    /// # Panics
    /// Unless the server was started with [`Options::tcp`].
    pub fn tcp_url(&self, database: &str) -> String {
        assert!(self.options.tcp, "this server was not started with tcp");
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port, of 127.0.0.1 if the server was started with [`Options::tcp`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's folder: its socket, its data and its `log`.
    pub fn folder(&self) -> &Path {
        Path::new(&self.folder)
    }

    /// Makes an empty database.
    ///
    /// # Panics
    /// As [`Server::sql`].
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!(r#"CREATE DATABASE "{name}" TEMPLATE template0"#));
    }

    /// Makes a database that is a copy of `template`, to which nobody may be connected. Takes some 60 ms,
    /// where migrating an empty one would take longer.
    ///
    /// # Panics
    /// As [`Server::sql`].
    pub fn create_from(&self, name: &str, template: &str) {
        let sql = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY"#);
        self.sql("postgres", &sql);
    }

    /// Runs `text` in `database` and answers its rows, a line each, with `|` between the columns.
    ///
    /// # Panics
    /// If the server refuses it, or does not run.
    pub fn sql(&self, database: &str, text: &str) -> String {
        let output = Command::new(self.installed.program("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--variable", "ON_ERROR_STOP=1", "--username", ROLE])
            .args(["--host", &self.folder, "--port", &self.port.to_string()])
            .args(["--dbname", database, "--command", text])
            .env_clear()
            .output()
            .unwrap_or_else(|error| panic!("psql can't be run: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}: {said}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Breaks all connections at once, without a word to the clients' transactions (SIGQUIT), as an outage does.
    ///
    /// # Panics
    /// If it does not run.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Ends the outage: same folder, same port. It has recovered when this returns.
    ///
    /// # Panics
    /// If it can't be started, or runs already.
    pub fn start_again(&self) {
        self.order("start");
    }

    /// An outage as short as can be.
    ///
    /// # Panics
    /// As [`Server::stop`] and [`Server::start_again`].
    pub fn restart_hard(&self) {
        self.stop();
        self.start_again();
    }

    fn order(&self, task: &str) {
        let mut watchdog = self.watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        watchdog.order(task).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// The port that the server was started on. Another process may be faster to take one that was free.
fn start_on_a_port(watchdog: &mut Watchdog, options: Options) -> Result<u16, String> {
    for tries_left in (0..5).rev() {
        let port = if options.tcp { free_port()? } else { 5432 };
        configure(watchdog.folder(), &settings(options, port))?;
        match watchdog.order("start") {
            Ok(()) => return Ok(port),
            Err(why) if tries_left == 0 || !options.tcp => return Err(why),
            Err(_) => {}
        }
    }
    Err("no port is free".to_owned())
}

/// Of a setting that is given twice the server takes the last.
fn configure(folder: &str, settings: &str) -> Result<(), String> {
    let file = format!("{folder}/data/postgresql.conf");
    let opened = OpenOptions::new().append(true).open(&file);
    opened
        .and_then(|mut file| file.write_all(settings.as_bytes()))
        .map_err(|error| format!("{file} can't be written: {error}"))
}

fn settings(Options { tcp, durable }: Options, port: u16) -> String {
    let addresses = if tcp { "127.0.0.1" } else { "" };
    let durable = if durable { "on" } else { "off" };
    format!(
        "
port = {port}
listen_addresses = '{addresses}'
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
max_connections = 200
shared_buffers = '16MB'
"
    )
}
