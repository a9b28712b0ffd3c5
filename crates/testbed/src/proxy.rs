use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// A running proxy in a folder of its own. It ends when it is dropped or when this process ends, however that
/// comes about.
#[derive(Debug)]
pub struct Proxy {
    shell: Child,
    folder: Folder,
}

/// Runs the program until its own standard input is closed.
const SCRIPT: &str = r#""$@" >log 2>&1 & pid=$!; cat >/dev/null; kill -TERM $pid; wait $pid"#;

/// How often, and how far apart, its ports are tried before it counts as failed.
const TRIES: u32 = 1_000;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

impl Proxy {
    /// Starts `program` in `folder` and waits until it listens on `ports`.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        folder: Folder,
        ports: &[u16],
    ) -> Result<Self, String> {
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(program)
            .args(arguments)
            .current_dir(&folder.0)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &folder.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("/bin/sh: {error}"))?;
        let proxy = Self { shell, folder };
        for port in ports {
            if !(0..TRIES).any(|_| listens(*port)) {
                return Err(format!("{} does not listen:\n{}", program.display(), proxy.log()));
            }
        }
        Ok(proxy)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.0.join("log")).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn listens(port: u16) -> bool {
    let answers = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    if !answers {
        sleep(BETWEEN_TRIES);
    }
    answers
}

/// A temporary folder that goes with its owner.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "vestibule-proxy-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<String, String> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path.display().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Ports of 127.0.0.1 that nobody listens on, for programs that can't choose one by themselves. They are below those
/// that the system gives to outgoing connections, and given out once.
///
/// # Panics
/// If there are none.
pub fn free_ports<const N: usize>() -> [u16; N] {
    [(); N].map(|()| (0..SPAN).find_map(|_| free_port()).expect("a free port"))
}

const FIRST: u32 = 20_000;
const SPAN: u32 = 12_000;

fn free_port() -> Option<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that run beside one another begin far apart.
    let at =
        std::process::id().wrapping_mul(101).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let port = u16::try_from(FIRST + at % SPAN).ok()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
}

/// The program `name` from the search path or where Debian keeps servers.
pub(crate) fn program(name: &str, package: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| format!("{name} is not in PATH. Install it: sudo apt-get install {package}"))
}
