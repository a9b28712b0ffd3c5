//! The binary itself: starting, refusing to start, draining, dying.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use serde_json::json;
use tokio::sync::watch;
use url::Url;
use vestibule::server::serve;
use vestibule_gateway::Upstream;

use crate::support::{Browser, Client, Folder, PASSWORD, Tokens, person};

const SECRET: &str = "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=";
const KEY: &str = "n8Hs3Kd0Vb6Qw1Zx5Lc9Rt2Yp7Mf4Jg8TaXuWvEyO1E=";

/// `vestibule` with an environment of its own.
pub fn vestibule(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running server and what it printed at its start.
pub struct Server {
    pub child: Child,
    pub said: String,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(vestibule(arguments))
    }

    pub fn spawn(mut command: Command) -> Self {
        Self::spawn_logging(&mut command, Stdio::null())
    }

    pub fn spawn_logging(command: &mut Command, log: Stdio) -> Self {
        let mut child = command.stderr(log).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Next: ") {
            assert_ne!(out.read_line(&mut said).unwrap(), 0, "it ended: {said}");
        }
        Self { child, said }
    }

    /// Everything on ports of its own.
    pub fn serve(folder: &Folder, more: &[&str]) -> Self {
        let mut command = Self::everything(folder, more);
        command.envs(folder.server_database().map(|database| ("DATABASE_URL", &database.url)));
        Self::spawn(command)
    }

    /// The same, on a SQLite file whatever the run is about.
    pub fn serve_on_sqlite(folder: &Folder, more: &[&str]) -> Self {
        Self::spawn(Self::everything(folder, more))
    }

    fn everything(folder: &Folder, more: &[&str]) -> Command {
        let data = folder.path().join("data");
        let mut arguments = vec![
            "--site-listen",
            "127.0.0.1:0",
            "--api-listen",
            "127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
        ];
        arguments.extend_from_slice(more);
        vestibule(&arguments)
    }

    /// The address that it printed for `name`.
    pub fn url(&self, name: &str) -> String {
        let line = self
            .said
            .lines()
            .find(|line| line.trim_start().starts_with(name))
            .unwrap_or_else(|| panic!("{}", self.said));
        let url = line.split_whitespace().last().unwrap();
        url.replace("localhost", "127.0.0.1").replace("/api/v1", "").replace("/metrics", "")
    }

    pub fn upstream(&self, name: &str) -> Upstream {
        Upstream::at(&Url::parse(&self.url(name)).unwrap()).unwrap()
    }

    pub fn client(&self, name: &str) -> Client {
        Client::of(self.upstream(name))
    }

    /// Whoever reads the log leaves.
    pub fn hang_up_the_log(&mut self) {
        drop(self.child.stderr.take().expect("a log into a pipe"));
    }

    /// Waits for its end; whether that was as it should be.
    pub fn has_ended_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    pub fn signal(&self, signal: &str) {
        let status =
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One line with cause and mend, and a failure.
pub fn refusal(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!output.status.success(), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

#[tokio::test]
async fn with_no_setting_but_ports_it_serves_site_api_and_docs() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &[]);
    for (name, path) in
        [("Site", "/"), ("Site", "/login"), ("API", "/health"), ("API", "/ready"), ("API", "/docs")]
    {
        let answer = server.client(name).get(path).await;
        assert_eq!(answer.status, 200, "{name} {path}: {answer}");
    }
    assert!(server.said.contains("/register and create the first account"), "{}", server.said);
    let mut names = vec!["auth-secret", "signing-key", "feed-key"];
    if folder.server_database().is_none() {
        names.extend(["vestibule.sqlite", "vestibule.sqlite-wal"]);
    }
    for name in names {
        let mode =
            fs::metadata(folder.path().join("data").join(name)).unwrap().permissions().mode()
                & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[tokio::test]
async fn the_whole_journey_over_tcp_with_gateway_and_api_apart() {
    let folder = Folder::new();
    let data = folder.path().join("api");
    let data = data.to_str().unwrap();
    let api = Server::start(&[
        "api",
        "--api-listen",
        "127.0.0.1:0",
        "--data",
        data,
        "--trusted-proxy",
        "127.0.0.1",
    ]);
    let site_data = folder.path().join("site");
    let mut command = vestibule(&[
        "gateway",
        "--site-listen",
        "127.0.0.1:0",
        "--data",
        site_data.to_str().unwrap(),
        "--site-url",
        "http://localhost:3000",
    ]);
    command.env("NEXT_PUBLIC_API_URL", api.url("API")).env("AUTH_SECRET", SECRET);
    let site = Server::spawn(command);
    assert!(!site_data.exists(), "a gateway with a secret keeps nothing");
    assert!(site.said.contains("Weak: sign-outs elsewhere"), "it has no feed key: {}", site.said);

    let address = format!("http://127.0.0.1:{}", listening(&site)[0]);
    let browser = Browser::of(Upstream::at(&Url::parse(&address).unwrap()).unwrap());
    let mut browser = browser.member("ada").await;
    assert_eq!(browser.visit("/dashboard").await.status, 200);
    assert_eq!(browser.fetch("GET", "/api/v1/user/me", None).await.json()["username"], "ada");

    drop(api);
    let down = browser.visit("/dashboard").await;
    assert_eq!((down.status, down.header("retry-after")), (503, "2"), "{down}");
    assert!(down.body.contains("Your session is kept") && browser.is_signed_in());
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
}

/// The ports that a process listens on, by its sockets: the site prints its public address.
pub fn listening(server: &Server) -> Vec<u16> {
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let fds = fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap();
    let inodes: Vec<String> = fds
        .filter_map(|fd| fs::read_link(fd.unwrap().path()).ok())
        .filter_map(|link| {
            Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    let port = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns[3] == "0A" && inodes.iter().any(|inode| inode == columns[9]);
        let port = columns[1].split(':').nth(1).unwrap();
        listens.then(|| u16::from_str_radix(port, 16).unwrap())
    };
    sockets.lines().skip(1).filter_map(port).collect()
}

#[test]
fn what_stops_it_is_one_line_with_the_cause_and_the_mend() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let any = "127.0.0.1:0";
    let https = ["--site-url", "https://app.example.com"];
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 21] = [
        (&["--site-listen", &taken], &[], &["can't listen", "--site-listen"]),
        (&["--api-listen", &taken], &[], &["can't listen", "--api-listen"]),
        (&["--site-listen", "192.0.2.1:80"], &[], &["can't listen", "--site-listen"]),
        (&["--metrics-listen", &taken], &[], &["can't listen", "--metrics-listen"]),
        (&["--data", "/dev/null/x"], &[], &["/dev/null/x", "--data"]),
        (&[], &[("AUTH_SECRET", "hunter2")], &["AUTH_SECRET", "openssl rand -base64 32"]),
        (
            &[],
            &[("VESTIBULE_SIGNING_KEY", "secret-secret-secret-secret-secret-secret")],
            &["VESTIBULE_SIGNING_KEY"],
        ),
        (
            &[],
            &[("AUTH_SECRET", SECRET), ("VESTIBULE_SIGNING_KEY", SECRET)],
            &["the same", "openssl"],
        ),
        (
            &[],
            &[("VESTIBULE_SIGNING_KEY", KEY), ("VESTIBULE_FEED_KEY", KEY)],
            &["VESTIBULE_FEED_KEY and VESTIBULE_SIGNING_KEY are the same", "openssl"],
        ),
        (&https, &[("VESTIBULE_SIGNING_KEY", KEY)], &["AUTH_SECRET is missing"]),
        (&https, &[("AUTH_SECRET", SECRET)], &["VESTIBULE_SIGNING_KEY is missing"]),
        (&["--site-url", "http://app.example.com"], &[], &["not on loopback", "https"]),
        (&["--site-listen", "0.0.0.0:0"], &[], &["open to other machines", "https"]),
        (
            &[https[0], https[1], "--access-ttl", "60"],
            &[("AUTH_SECRET", SECRET), ("VESTIBULE_SIGNING_KEY", KEY)],
            &["--access-ttl 60", "loopback only"],
        ),
        (
            &[https[0], https[1], "--throttle", "off"],
            &[("AUTH_SECRET", SECRET), ("VESTIBULE_SIGNING_KEY", KEY)],
            &["--throttle off", "loopback only"],
        ),
        (
            &[https[0], https[1], "--short-session-ttl", "60"],
            &[("AUTH_SECRET", SECRET), ("VESTIBULE_SIGNING_KEY", KEY)],
            &["--short-session-ttl 60", "loopback only"],
        ),
        (
            &["--short-session-ttl", "604801"],
            &[],
            &["longer than --refresh-ttl 604800", "at most --short-session-ttl 604800"],
        ),
        (
            &["--session-cap", "604799"],
            &[],
            &["shorter than --refresh-ttl 604800", "at least --session-cap 604800"],
        ),
        (
            &["--idle-limit", "1799"],
            &[],
            &["shorter than --access-ttl 1800", "at least --idle-limit 1800"],
        ),
        (
            &["--refresh-ttl", "3600", "--short-session-ttl", "3601"],
            &[],
            &["--short-session-ttl 3601", "--refresh-ttl 3600"],
        ),
        (&["--log", "=="], &[], &["--log"]),
    ];
    for (arguments, environment, said) in cases {
        let mut all: Vec<&str> = arguments.to_vec();
        for (flag, value) in [("--data", data), ("--site-listen", any), ("--api-listen", any)] {
            if !all.contains(&flag) {
                all.extend([flag, value]);
            }
        }
        let output = vestibule(&all).envs(environment.iter().copied()).output().unwrap();
        let refusal = refusal(&output);
        for part in said {
            assert!(refusal.contains(part), "{part:?} not in {refusal}");
        }
        for (_, secret) in environment {
            assert!(!refusal.contains(secret), "SE-05: {refusal}");
        }
    }
}

#[test]
fn a_gateway_whose_api_cannot_be_reached_says_so_and_ends() {
    let folder = Folder::new();
    let output = vestibule(&[
        "gateway",
        "--api",
        "http://127.0.0.1:1",
        "--site-listen",
        "127.0.0.1:0",
        "--data",
        folder.path().to_str().unwrap(),
    ]);
    let refusal = refusal(&{ output }.output().unwrap());
    assert!(refusal.contains("http://127.0.0.1:1") && refusal.contains("--api"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_feed_key_the_api_refuses_says_so_and_ends() {
    let folder = Folder::new();
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let refuses = Router::new().fallback(async || StatusCode::UNAUTHORIZED);
    let (_running, stopped) = watch::channel(false);
    tokio::spawn(serve(socket, refuses, stopped, Duration::ZERO));
    let data = folder.path().to_str().unwrap();
    let mut command = vestibule(&[
        "gateway",
        "--log",
        "error",
        "--api",
        &url,
        "--site-listen",
        "127.0.0.1:0",
        "--data",
        data,
    ]);
    command.env("VESTIBULE_FEED_KEY", KEY);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let refusal = refusal(&output);
    assert!(refusal.contains(&url) && refusal.contains("VESTIBULE_FEED_KEY"), "{refusal}");
    assert!(!refusal.contains(KEY), "SE-05: {refusal}");
}

#[test]
fn df_02_what_is_weak_is_printed_at_the_start() {
    let folder = Folder::new();
    let server =
        Server::serve(&folder, &["--access-ttl", "4", "--refresh-ttl", "60", "--throttle", "off"]);
    for weakness in ["--access-ttl 4", "--refresh-ttl 60", "--throttle off", "the site is http"] {
        assert!(server.said.contains(weakness), "{weakness} not in {}", server.said);
    }
}

#[test]
fn help_names_every_setting_and_the_secrets() {
    let help = |arguments: &[&str]| {
        let output = vestibule(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let all = help(&["--help"]);
    for name in [
        "--site-listen",
        "--api-listen",
        "--site-url",
        "--data",
        "--access-ttl",
        "--throttle",
        "--ui",
        "--protect",
        "AUTH_SECRET",
        "VESTIBULE_SIGNING_KEY",
        "VESTIBULE_FEED_KEY",
        "--feed-key-file",
        "--max-stale",
        "gateway",
        "migrate",
    ] {
        assert!(all.contains(name), "{name}");
    }
    assert!(help(&["gateway", "--help"]).contains("VESTIBULE_API_URL"));
    assert!(help(&["--version"]).starts_with("vestibule "));
}

#[tokio::test]
async fn migrate_makes_the_database_and_leaves_one_that_is_up_to_date() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    for _ in 0..2 {
        let output = vestibule(&["migrate", "--data", data.to_str().unwrap()]).output().unwrap();
        assert!(
            output.status.success()
                && String::from_utf8_lossy(&output.stdout).contains("up to date")
        );
    }
    let server = Server::serve(&folder, &[]);
    assert_eq!(server.client("API").get("/ready").await.status, 200);
}

#[tokio::test]
async fn sigterm_lets_a_running_request_finish() {
    let folder = Folder::new();
    let mut server = Server::serve(&folder, &[]);
    let address = server.url("API").replace("http://", "");
    let body = person("ada").to_string();
    let (first, rest) = body.split_at(20);
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /api/v1/user HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The handler asks for the body: the request is running.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(first.as_bytes()).unwrap();
    server.signal("-TERM");
    while TcpStream::connect(&address).is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    assert!(server.child.wait().unwrap().success());
    let again = Server::serve(&folder, &[]);
    assert_eq!(again.client("API").log_in("ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn rv_09_a_logout_that_was_answered_survives_a_crash() {
    let folder = Folder::new();
    let mut server = Server::serve(&folder, &[]);
    let client = server.client("API");
    client.post_json("/api/v1/user", &person("ada")).await;
    let tokens = Tokens::of(&client.log_in("ada", PASSWORD).await);
    let kept = Tokens::of(&client.log_in("ada", PASSWORD).await);
    assert_eq!(client.post_cookie("/api/v1/logout", &tokens.refresh).await.status, 200);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let server = Server::serve(&folder, &[]);
    let client = server.client("API");
    assert_eq!(client.get_as("/api/v1/user/me", &tokens.access).await.status, 401);
    assert_eq!(client.post_cookie("/api/v1/refresh", &tokens.refresh).await.status, 401);
    assert_eq!(
        client.get_as("/api/v1/user/me", &kept.access).await.status,
        200,
        "the key was kept too"
    );
}

#[tokio::test]
async fn se_05_no_secret_is_in_the_log_at_its_most_talkative() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut command = vestibule(&[
        "--site-listen",
        "127.0.0.1:0",
        "--api-listen",
        "127.0.0.1:0",
        "--site-url",
        "http://localhost:3000",
        "--data",
        data.to_str().unwrap(),
        "--log",
        "trace",
        "--log-format",
        "json",
    ]);
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut server = Server::spawn_logging(&mut command, log.into());
    let api = server.client("API");
    api.post_json("/api/v1/user", &person("ada")).await;
    api.post_json("/api/v1/user", &json!({"password": "canary-in-a-bad-body"})).await;
    api.log_in("ada", "canary-wrong-password").await;
    api.log_in("canary-unknown-name", PASSWORD).await;
    let tokens = Tokens::of(&api.log_in("ada@example.com", PASSWORD).await);
    api.get_as("/api/v1/user/me", &tokens.access).await;
    let mut browser = Browser::of(site_of(&server));
    browser.sign_in("ada").await;
    let sealed = browser.jar["vestibule"].clone();
    assert_eq!(browser.visit("/dashboard?secret=canary-in-a-query").await.status, 200);
    server.signal("-TERM");
    server.child.wait().unwrap();

    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("answered"), "something is logged");
    let secret = fs::read_to_string(data.join("auth-secret")).unwrap();
    let key = fs::read_to_string(data.join("signing-key")).unwrap();
    for canary in [
        PASSWORD,
        "canary-",
        &tokens.access,
        &tokens.refresh,
        &sealed,
        &secret,
        &key,
        "ada@example.com",
        "eyJ",
    ] {
        let found = log.lines().find(|line| line.contains(canary));
        assert!(found.is_none(), "{canary} in {found:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_the_api_was_not_told_of_is_named_in_its_log_once() {
    let folder = Folder::new();
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    for (more, lines) in [(&[][..], 1), (&["--trusted-proxy", "127.0.0.1"][..], 0)] {
        let data = folder.path().join("data");
        let mut arguments =
            vec!["api", "--api-listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        arguments.extend_from_slice(more);
        let mut command = vestibule(&arguments);
        let file = fs::File::create(folder.path().join("log")).unwrap();
        let server = Server::spawn_logging(&mut command, file.into());
        let client = server.client("API");
        for _ in 0..3 {
            client
                .request("GET", "/api/v1/user/me", &[("x-forwarded-for", "203.0.113.7")], "")
                .await;
            let form = [
                ("content-type", "application/x-www-form-urlencoded"),
                ("x-forwarded-for", "203.0.113.7"),
            ];
            client.request("POST", "/api/v1/login", &form, "username=ada&password=x").await;
        }
        drop(server);
        assert_eq!(log().matches("--trusted-proxy").count(), lines, "{more:?}");
    }
}

#[tokio::test]
async fn ky_03_ky_06_new_keys_in_front_of_the_old_ones_sign_nobody_out() {
    const SECRET2: &str = "Zr4Tq9Lw2Xk7Vn0Bm5Hc8Jd3Sf6Gy1Pu+eIaOoCQiVM=";
    const KEY2: &str = "Wd7Kp2Xs9Qv4Lb1Tn6Mz3Rh8Jc5Fg0Ya/uEiOtBVxNk=";
    let folder = Folder::new();
    let start = |secrets: String, keys: String| {
        let data = folder.path().join("data");
        let mut command = vestibule(&[
            "--site-listen",
            "127.0.0.1:0",
            "--api-listen",
            "127.0.0.1:0",
            "--site-url",
            "http://localhost:3000",
            "--data",
            data.to_str().unwrap(),
        ]);
        command.env("AUTH_SECRET", secrets).env("VESTIBULE_SIGNING_KEY", keys);
        Server::spawn(command)
    };
    let mut jar = std::collections::BTreeMap::new();
    let both = |new: &str, old: &str| format!("{new},{old}");
    let steps = [
        (SECRET.to_owned(), KEY.to_owned()),
        (both(SECRET, SECRET2), both(KEY, KEY2)),
        (both(SECRET2, SECRET), both(KEY2, KEY)),
    ];
    for (step, (secrets, keys)) in steps.into_iter().enumerate() {
        let server = start(secrets, keys);
        let site = site_of(&server);
        let mut browser = Browser { jar, ..Browser::of(site) };
        if step == 0 {
            browser = browser.member("ada").await;
        }
        assert_eq!(browser.visit("/dashboard").await.status, 200, "step {step}");
        jar = browser.jar;
    }
    let server = start(SECRET2.to_owned(), KEY2.to_owned());
    let mut browser = Browser { jar, ..Browser::of(site_of(&server)) };
    let answer = browser.visit("/dashboard").await;
    assert_eq!(
        (answer.status, answer.cookies().len()),
        (303, 0),
        "what only the old one opens is not signed in here"
    );
}

/// The site of a process that was told another public address than the one it listens on.
pub fn site_of(server: &Server) -> Upstream {
    let api = Url::parse(&server.url("API")).unwrap().port();
    let ports = listening(server);
    let port = ports.into_iter().find(|port| Some(*port) != api).unwrap();
    Upstream::at(&Url::parse(&format!("http://127.0.0.1:{port}")).unwrap()).unwrap()
}
