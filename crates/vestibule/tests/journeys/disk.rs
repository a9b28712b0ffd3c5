//! The disk fails, or the process dies over it: what was acknowledged stays, and nothing else is claimed.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;

use http::{Method, StatusCode};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::mpsc::{Sender, channel};

use crate::process::{Server, site_of, vestibule};
use crate::support::{Answer, Browser, Client, Folder, PASSWORD, Tokens, leads, person};

/// A life of seconds: the sessions of earlier rounds are due, so that their refreshes write.
const SHORT: [&str; 4] = ["--throttle", "off", "--access-ttl", "4"];

#[tokio::test]
async fn f01_f17_killed_at_any_moment_it_has_kept_what_it_acknowledged() {
    let folder = Folder::new();
    let mut workers: Vec<Acknowledged> = (0..4).map(|_| Acknowledged::default()).collect();
    for (round, enough) in [3, 25, 8, 40, 15, 1, 33, 21].into_iter().enumerate() {
        let mut server = Server::serve_on_sqlite(&folder, &SHORT);
        let (done, mut count) = channel(1);
        let work = workers.drain(..).enumerate().map(|(worker, known)| {
            let name = format!("r{round}w{worker}n");
            tokio::spawn(known.work(server.client("API"), name, done.clone()))
        });
        let work: Vec<_> = work.collect();
        for _ in 0..enough {
            count.recv().await.unwrap();
        }
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        drop(count);
        for worker in work {
            workers.push(worker.await.unwrap());
        }

        let server = Server::serve_on_sqlite(&folder, &SHORT);
        assert_eq!(integrity(&folder).await, "ok", "round {round}");
        for known in &mut workers {
            known.hold(&server.client("API")).await;
        }
    }
    let server = Server::serve_on_sqlite(&folder, &SHORT);
    for known in &mut workers {
        assert!(known.accounts >= 2 && known.moves >= 2, "too little was tried: {known:?}");
        for _ in 0..known.alive.len() {
            known.refresh(&server.client("API")).await.expect("an answer");
        }
    }
    assert!(workers.iter().any(|known| !known.ended.is_empty()), "nobody signed out: {workers:?}");
}

/// What one client was told.
#[derive(Debug, Default)]
struct Acknowledged {
    /// Registered in this round.
    people: Vec<String>,
    /// Registered in the rounds before.
    accounts: usize,
    /// The newest refresh token of each session, that used longest ago in front.
    alive: VecDeque<String>,
    /// Refreshes that were answered by another token.
    moves: usize,
    /// A refresh token of each session that was ended.
    ended: Vec<String>,
}

impl Acknowledged {
    /// Registers, signs in, refreshes and signs out until no answer comes any more; tells `done` of each that did.
    async fn work(mut self, client: Client, name: String, done: Sender<()>) -> Self {
        for number in 0.. {
            if self.lap(&client, &format!("{name}{number}"), &done).await.is_none() {
                break;
            }
        }
        self
    }

    /// `None` as soon as an answer is missing.
    async fn lap(&mut self, client: &Client, username: &str, done: &Sender<()>) -> Option<()> {
        let body = person(username).to_string();
        let json = [("content-type", "application/json")];
        let answer = client.try_request("POST", "/api/v1/user", &json, body).await?;
        assert_eq!(answer.status, 201, "{answer}");
        self.people.push(username.to_owned());
        let _ = done.send(()).await;

        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = format!("username={username}&password={PASSWORD}");
        let answer = client.try_request("POST", "/api/v1/login", &form, body).await?;
        self.alive.push_back(newest(&answer));
        let _ = done.send(()).await;

        for _ in 0..4 {
            self.refresh(client).await?;
            let _ = done.send(()).await;
        }
        if self.alive.len() > 2 {
            // Unless it is answered, nobody knows whether this session has ended.
            let token = self.alive.pop_front().expect("there are three");
            let answer = post(client, "/api/v1/logout", &token).await?;
            assert_eq!(answer.status, 200, "{answer}");
            self.ended.push(token);
            let _ = done.send(()).await;
        }
        Some(())
    }

    /// The session in front is refreshed, and goes to the back.
    async fn refresh(&mut self, client: &Client) -> Option<()> {
        let token = self.alive.front().expect("one is signed in").clone();
        let newest = newest(&post(client, "/api/v1/refresh", &token).await?);
        self.moves += usize::from(newest != token);
        self.alive.pop_front();
        self.alive.push_back(newest);
        Some(())
    }

    /// The accounts are there, and who signed out is out.
    async fn hold(&mut self, client: &Client) {
        self.accounts += self.people.len();
        for username in self.people.drain(..) {
            let status = client.log_in(&username, PASSWORD).await.status;
            assert_eq!(status, 200, "{username} is lost");
        }
        for token in &self.ended {
            let answer = client.post_cookie("/api/v1/refresh", token).await;
            assert_eq!(answer.status, 401, "a sign-out is lost: {answer}");
        }
    }
}

async fn post(client: &Client, path: &str, refresh: &str) -> Option<Answer> {
    client.try_request("POST", path, &[("cookie", &format!("refresh_token={refresh}"))], "").await
}

fn newest(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer}");
    Tokens::of(answer).refresh
}

#[tokio::test]
async fn f16_on_a_full_disk_writes_are_an_outage_and_reads_go_on_and_nothing_is_lost() {
    let folder = Folder::new();
    // No file grows beyond 1 MB.
    let mut server = limited(&folder, "2048");
    let (api, mut site) = (server.client("API"), Browser::of(site_of(&server)));
    let mut people = vec!["ada".to_owned()];
    api.post_json("/api/v1/user", &person("ada")).await;
    let tokens = Tokens::of(&api.log_in("ada", PASSWORD).await);
    assert_eq!(site.sign_in("ada").await.status, 303);
    let mut spare = Vec::new();
    for _ in 0..12 {
        spare.push(newest(&api.log_in("ada", PASSWORD).await));
    }
    let refused = loop {
        let username = format!("person{}", people.len());
        let answer = api.post_json("/api/v1/user", &person(&username)).await;
        if answer.status != 201 {
            break answer;
        }
        people.push(username);
        assert!(people.len() < 500, "the disk is never full");
    };
    is_outage(&refused);
    assert!(people.len() > 3, "it was full from the beginning: {people:?}");
    // What is left may have room for smaller writes: until there is none.
    let mut ended = Vec::new();
    for token in &spare {
        let answer = api.post_cookie("/api/v1/logout", token).await;
        ended.push(answer.status == 200);
    }
    assert_eq!(ended.last(), Some(&false), "the disk is not quite full");
    // A refresh writes less than a sign-out.
    let mut is_full = false;
    for (token, _) in spare.iter().zip(&ended).filter(|(_, ended)| !**ended) {
        is_full = api.post_cookie("/api/v1/refresh", token).await.status == 503;
    }
    assert!(is_full, "the disk is not quite full");
    writes_fail_and_reads_go_on(&api, &tokens).await;

    assert_eq!(site.visit("/dashboard").await.status, 200);
    assert_eq!(site.peek(Method::GET, "/api/v1/user/me", &[], "").await.status, 200);
    let out = site.submit("/logout", &[]).await;
    assert_eq!(leads(&out), (StatusCode::SEE_OTHER, "/login?notice=signed-out"));
    assert!(!site.is_signed_in(), "whatever the API said");

    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let server = Server::serve_on_sqlite(&folder, &["--throttle", "off"]);
    let api = server.client("API");
    assert_eq!(integrity(&folder).await, "ok");
    for username in &people {
        assert_eq!(api.log_in(username, PASSWORD).await.status, 200, "{username} is lost");
    }
    assert_eq!(api.post_json("/api/v1/user", &person("late")).await.status, 201);
    for (token, ended) in spare.iter().zip(ended).chain([(&tokens.refresh, false)]) {
        let answer = api.post_cookie("/api/v1/refresh", token).await;
        assert_eq!(answer.status, if ended { 401 } else { 200 }, "{answer}");
    }
}

#[tokio::test]
async fn f16_where_nothing_can_be_written_reads_go_on_and_it_recovers_by_itself() {
    let folder = Folder::new();
    let server = limited(&folder, "unlimited");
    let api = server.client("API");
    api.post_json("/api/v1/user", &person("ada")).await;
    let tokens = Tokens::of(&api.log_in("ada", PASSWORD).await);

    limit(&server, "0");
    writes_fail_and_reads_go_on(&api, &tokens).await;
    limit(&server, "unlimited");

    assert_eq!(api.post_json("/api/v1/user", &person("late")).await.status, 201);
    assert_eq!(api.log_in("late", PASSWORD).await.status, 200);
    let next = Tokens::of(&api.post_cookie("/api/v1/refresh", &tokens.refresh).await);
    assert_eq!(api.post_cookie("/api/v1/logout", &next.refresh).await.status, 200);
    assert_eq!(api.get_as("/api/v1/user/me", &tokens.access).await.status, 401);
    assert_eq!(integrity(&folder).await, "ok");
}

/// ada, whose `tokens` these are and who has not refreshed yet, finds the disk as it is.
async fn writes_fail_and_reads_go_on(api: &Client, tokens: &Tokens) {
    for round in 0..3 {
        is_outage(&api.post_json("/api/v1/user", &person(&format!("refused{round}"))).await);
        is_outage(&api.log_in("ada", PASSWORD).await);
        let refreshed = api.post_cookie("/api/v1/refresh", &tokens.refresh).await;
        is_outage(&refreshed);
        assert!(refreshed.cookies().is_empty(), "the cookie is kept: {refreshed}");
        is_outage(&api.post_cookie("/api/v1/logout", &tokens.refresh).await);
        let name = json!({"name": "Augusta"});
        is_outage(&api.patch_as("/api/v1/user/ada", &tokens.access, &name).await);

        assert_eq!(api.log_in("ada", "wrong-password").await.status, 401);
        for path in ["/api/v1/user/me", "/api/v1/user/ada", "/api/v1/user/me/sessions"] {
            let answer = api.get_as(path, &tokens.access).await;
            assert_eq!(answer.status, 200, "{path}: {answer}");
            assert!(!answer.body.contains("Augusta"), "{answer}");
        }
        assert_eq!(api.get("/health").await.status, 200);
    }
    let nobody = api.get_as("/api/v1/user/refused0", &tokens.access).await;
    assert_eq!(nobody.status, 404, "what was refused is not there: {nobody}");
}

fn is_outage(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer}");
    assert!(!answer.header("retry-after").is_empty(), "{answer}");
}

/// Everything on ports of its own, in a process whose files grow to so many blocks of 512 bytes at most.
fn limited(folder: &Folder, blocks: &str) -> Server {
    // Ignoring the signal lets the write fail instead, as it does on a full disk.
    let script = r#"trap "" XFSZ; ulimit -S -f "$0"; exec "$@""#;
    let binary = vestibule(&[]).get_program().to_owned();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, blocks]).arg(binary);
    command.args(["--site-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"]);
    command.args(["--site-url", "http://localhost:3000"]);
    command.args(["--throttle", "off", "--data"]).arg(folder.path().join("data"));
    command.env_clear().stdout(std::process::Stdio::piped());
    Server::spawn(command)
}

/// From now on its files grow to so many bytes at most.
fn limit(server: &Server, bytes: &str) {
    let pid = server.child.id().to_string();
    let limit = format!("--fsize={bytes}:");
    let status = Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap();
    assert!(status.success());
}

/// What SQLite says of its file.
async fn integrity(folder: &Folder) -> String {
    let file: PathBuf = folder.path().join("data/vestibule.sqlite");
    let mut connection =
        SqliteConnectOptions::new().filename(file).read_only(true).connect().await.unwrap();
    let said = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await;
    connection.close().await.unwrap();
    said.unwrap()
}
