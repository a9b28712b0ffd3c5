//! The path that we see is the path that servers behind us see: axum's router, Starlette's, and Node's `URL`.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::extract::Path as PathParameter;
use axum::routing::get;
use vestibule_fuzz_targets::{Mutator, TARGETS};
use vestibule_gateway::{CanonicalPath, PathPattern};
use vestibule_testbed::fastapi;

/// Another one asks for other paths; this one asks for the same on every machine.
const SEED: u64 = 5;
/// How many mutations of the corpus are made.
const ROUNDS: usize = 15_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn gw_05_axum_sees_the_path_that_we_see() {
    let below =
        async |PathParameter(rest): PathParameter<String>| format!("dashboard\n/dashboard/{rest}");
    let elsewhere =
        async |PathParameter(rest): PathParameter<String>| format!("elsewhere\n/{rest}");
    let routes = Router::new()
        .route("/dashboard", get(async || "dashboard\n/dashboard"))
        .route("/dashboard/", get(async || "dashboard\n/dashboard/"))
        .route("/dashboard/{*rest}", get(below))
        .route("/", get(async || "elsewhere\n/"))
        .route("/{*rest}", get(elsewhere));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });
    tokio::task::spawn_blocking(move || sees_what_we_see(address)).await.unwrap();
}

#[test]
fn gw_05_starlette_sees_the_path_that_we_see() {
    let python = fastapi::Installed::find().unwrap();
    let server = Server::start(Command::new(python.python()).arg("starlette_server.py"));
    sees_what_we_see(server.address);
}

#[test]
fn gw_05_node_sees_the_path_that_we_see() {
    let server = Server::start(Command::new("node").arg("node-server.mjs"));
    sees_what_we_see(server.address);
}

/// What goes out is seen as it is guarded. And what came in, had it gone out as it was, would not have been seen
/// otherwise: so wherever a server reads a path differently from us, we have refused it.
fn sees_what_we_see(server: SocketAddr) {
    let dashboard: PathPattern = "/dashboard/**".parse().unwrap();
    let mut client = Client::of(server);
    let (mut accepted, mut guarded) = (0, 0);
    for raw in raw_paths() {
        let Ok(path) = CanonicalPath::parse(&raw) else { continue };
        let ours: Vec<String> = path.segments().map(|one| one.decoded().into_owned()).collect();
        let seen = client.ask(path.as_str()).expect("a canonical path is answered");
        let slash = if path.as_str().ends_with('/') { "/" } else { "" };
        let whole = format!("/{}{}", ours.join("/"), if ours.is_empty() { "" } else { slash });
        assert_eq!(seen.path, whole, "{raw}");
        assert_eq!(seen.is_dashboard, dashboard.matches_to_the_letter(&path), "{raw}");
        assert!(!seen.is_dashboard || dashboard.matches(&path), "{raw}");
        if let Some(seen) = client.ask(&raw) {
            assert_eq!(resolved(&seen.path), ours, "{raw} as it came");
        }
        accepted += 1;
        guarded += usize::from(seen.is_dashboard);
    }
    assert!(accepted > 1_000 && guarded > 30, "{accepted} paths, {guarded} below /dashboard");
}

/// The corpus's paths and mutations of them, as far as they can stand in a request line.
fn raw_paths() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/path");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let words = TARGETS.iter().find(|target| target.name == "path").unwrap().words;
    let mut mutator = Mutator::new(SEED);
    let mutations: Vec<Vec<u8>> = (0..ROUNDS).map(|_| mutator.mutate(&corpus, words)).collect();
    let first_line = |data: &Vec<u8>| {
        let line = data.split(|byte| *byte == b'\n').next()?.to_vec();
        let is_sendable = |byte: &u8| byte.is_ascii_graphic() && !b"?#".contains(byte);
        String::from_utf8(line).ok().filter(|line| line.bytes().all(|byte| is_sendable(&byte)))
    };
    corpus.iter().chain(&mutations).filter_map(first_line).collect()
}

/// Names with dots resolved, as RFC 3986, 5.2.4 has it: some servers do, others never.
fn resolved(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name.to_owned()),
        }
    }
    names
}

/// What a server says of one path.
struct Seen {
    is_dashboard: bool,
    path: String,
}

/// Sends targets as they are.
struct Client {
    server: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Client {
    fn of(server: SocketAddr) -> Self {
        Self { server, stream: BufReader::new(TcpStream::connect(server).unwrap()) }
    }

    /// `None` if the server refuses the path.
    fn ask(&mut self, target: &str) -> Option<Seen> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let status = self.line();
        let mut length = 0;
        loop {
            let line = self.line().to_ascii_lowercase();
            match line.strip_prefix("content-length:") {
                Some(number) => length = number.trim().parse().unwrap(),
                None if line.is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        if !status.contains(" 200 ") {
            *self = Self::of(self.server); // Who refuses may hang up.
            return None;
        }
        let body = String::from_utf8(body).unwrap();
        let (place, path) = body.split_once('\n').unwrap();
        Some(Seen { is_dashboard: place == "dashboard", path: path.to_owned() })
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// A server in `tests/paths`, which prints its port first.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/paths");
        command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|why| panic!("{why}: {command:?}"));
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { child, address: ([127, 0, 0, 1], said.trim().parse().unwrap()).into() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
