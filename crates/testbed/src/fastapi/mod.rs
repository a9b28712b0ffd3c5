//! The brief's FastAPI backend (`tests/fastapi`), on a port of 127.0.0.1, with a database of its own.

mod installed;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

pub use installed::{Installed, PYTHON};

use crate::port::free_port;

/// How a server differs from the one that the contract describes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Life of an access token, in seconds.
    pub access_seconds: i64,
    /// Life of a refresh token, in seconds.
    pub refresh_seconds: i64,
    /// Whether a refresh token is good for one refresh only, which then answers the next one.
    pub rotate_refresh: bool,
    /// The time that its clock stands at, in Unix seconds, until [`Server::set_time`]; `None`: it has the system's.
    pub time: Option<i64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { access_seconds: 1800, refresh_seconds: 604_800, rotate_refresh: false, time: None }
    }
}

/// A running server. It ends when it is dropped, or when this process ends, however that comes about: it holds
/// the other end of a pipe.
#[derive(Debug)]
pub struct Server {
    installed: Installed,
    options: Options,
    folder: PathBuf,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one as the contract describes it.
    ///
    /// # Errors
    /// What is missing, or what it said.
    pub fn start() -> Result<Self, String> {
        Self::start_with(Options::default())
    }

    /// Starts one with `options`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(options: Options) -> Result<Self, String> {
        let mut server = Self {
            installed: Installed::find()?,
            options,
            folder: own_folder()?,
            port: 0,
            child: Mutex::default(),
        };
        server.write_time(options.time)?;
        for tries_left in (0..5).rev() {
            server.port = free_port()?;
            match server.spawn() {
                // Another process may be faster to take a port that was free.
                Err(_) if tries_left > 0 => {}
                Err(why) => return Err(why),
                Ok(child) => {
                    *server.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
                    break;
                }
            }
        }
        Ok(server)
    }

    /// `http://127.0.0.1:` and the port.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Moves its clock to `time` (Unix seconds), if it was started with one that can be moved.
    ///
    /// # Panics
    /// If the file of the clock can't be written.
    pub fn set_time(&self, time: i64) {
        let written = self.write_time(self.options.time.map(|_| time));
        written.unwrap_or_else(|why| panic!("{why}"));
    }

    /// Ends it at once, with whatever it is doing (SIGKILL).
    ///
    /// # Panics
    /// If it does not run.
    pub fn stop(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        end(child.expect("it runs"));
    }

    /// Starts it again: same port, same accounts. It answers when this returns.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn start_again(&self) {
        let child = self.spawn().unwrap_or_else(|why| panic!("{why}"));
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    fn spawn(&self) -> Result<Child, String> {
        let switch = |on| if on { "on" } else { "off" };
        let log = fs::File::create(self.folder.join("log")).map_err(|why| why.to_string())?;
        let mut command = Command::new(self.installed.python());
        command
            .args(["serve.py", "--port", &self.port.to_string(), "--scratch"])
            .arg(&self.folder)
            .current_dir(installed::application())
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("DATABASE", self.folder.join("backend.sqlite"))
            .env("ACCESS_SECONDS", self.options.access_seconds.to_string())
            .env("REFRESH_SECONDS", self.options.refresh_seconds.to_string())
            .env("ROTATE_REFRESH", switch(self.options.rotate_refresh))
            // The least there is: what a hash costs is not what is tested.
            .env("BCRYPT_ROUNDS", "4")
            .envs(self.options.time.map(|_| ("CLOCK_FILE", self.clock_file())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let child = command.spawn().map_err(|why| format!("{why}: {command:?}"))?;
        self.ready(child)
    }

    /// Waits for the address, which it prints when it is about to answer.
    fn ready(&self, mut child: Child) -> Result<Child, String> {
        let mut said = String::new();
        let out = child.stdout.take().expect("its output is piped");
        let read = BufReader::new(out).read_line(&mut said);
        if read.is_ok() && said.trim_end() == self.url() {
            return Ok(child);
        }
        end(child);
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("the FastAPI backend did not start:\n{log}"))
    }

    fn clock_file(&self) -> PathBuf {
        self.folder.join("clock")
    }

    /// A new file in place of the old one: whoever reads it sees the one or the other.
    fn write_time(&self, time: Option<i64>) -> Result<(), String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Some(time) = time else { return Ok(()) };
        let new = self.folder.join(format!("clock-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let written = fs::write(&new, time.to_string());
        written.and_then(|()| fs::rename(&new, self.clock_file())).map_err(|why| why.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            end(child);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn own_folder() -> Result<PathBuf, String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("vestibule-fastapi-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    Ok(folder)
}
