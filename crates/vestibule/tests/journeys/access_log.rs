//! The access log: one entry a request, once it is over.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use futures_util::stream;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::metrics::serving;
use crate::process::{Server, site_of, vestibule};
use crate::support::{Browser, Folder, PASSWORD, Tokens, person, until};

/// A server that writes its log into a file.
struct Logging {
    server: Server,
    file: PathBuf,
}

impl Logging {
    fn start(folder: &Folder, more: &[&str]) -> Self {
        let data = folder.path().join("data");
        let own = ["--site-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"];
        let public = ["--site-url", "http://localhost:3000", "--data", data.to_str().unwrap()];
        let mut command = vestibule(&[&own[..], &public, more].concat());
        command.envs(folder.server_database().map(|database| ("DATABASE_URL", &database.url)));
        let file = folder.path().join("log");
        let log = fs::File::create(&file).unwrap();
        Self { server: Server::spawn_logging(&mut command, log.into()), file }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// The entries of requests for `path`, of a log in JSON.
    fn entries(&self, path: &str) -> Vec<Value> {
        let text = self.text();
        // The last line may be half there.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        lines.filter(|line| line["message"] == "answered" && line["http.path"] == path).collect()
    }

    async fn entry(&self, path: &str) -> Value {
        until(async || !self.entries(path).is_empty()).await;
        let mut entries = self.entries(path);
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.remove(0)
    }
}

const JSON: [&str; 2] = ["--log-format", "json"];

#[tokio::test]
async fn each_request_is_one_entry_that_says_who_what_where_and_how_long() {
    let folder = Folder::new();
    let echo = post(async |body: Bytes| format!("{}!", body.len()));
    let (ui, _running) = serving(Router::new().route("/echo", echo)).await;
    let ui = format!("http://{ui}");
    let log = Logging::start(&folder, &[&JSON[..], &["--ui", &ui]].concat());
    let browser = Browser::of(site_of(&log.server)).member("ada").await;
    let headers = [("sec-fetch-site", "same-origin"), ("user-agent", "a/1 \"b\"")];
    let answer = browser.peek("POST".parse().unwrap(), "/echo?q=canary", &headers, "12345").await;
    assert_eq!(answer.says(), "200 5!");

    let entry = log.entry("/echo").await;
    for (field, value) in [
        ("level", json!("INFO")),
        ("role", json!("gateway")),
        ("http.method", json!("POST")),
        ("http.status", json!(200)),
        ("http.end", json!("complete")),
        ("received_bytes", json!(5)),
        ("sent_bytes", json!(2)),
        ("client.address", json!("127.0.0.1")),
        ("client.agent", json!("a/1 \"b\"")),
        ("user.id", json!("1")),
        ("request.id", json!(answer.header("x-request-id"))),
    ] {
        assert_eq!(entry[field], value, "{field} in {entry}");
    }
    let (first, all) = (&entry["first_byte_ms"], &entry["elapsed_ms"]);
    assert!(first.as_u64().unwrap() <= all.as_u64().unwrap(), "{entry}");
    assert!(entry["http.route"].is_string() && entry["upstream"].is_string(), "{entry}");
    for secret in ["canary", "ada", "example.com", "Lovelace", &browser.jar["vestibule"]] {
        assert!(!entry.to_string().contains(secret), "{secret} in {entry}");
    }
}

#[tokio::test]
async fn the_api_writes_the_number_of_who_showed_a_live_token_and_of_nobody_else() {
    let folder = Folder::new();
    let log = Logging::start(&folder, &JSON);
    let api = log.server.client("API");
    api.post_json("/api/v1/user", &person("ada")).await;
    let tokens = Tokens::of(&api.log_in("ada", PASSWORD).await);
    api.get_as("/api/v1/user/me/", &tokens.access).await;
    api.get_as("/api/v1/user/me", "x").await;
    let known = log.entry("/api/v1/user/me/").await;
    let asked = (&known["role"], &known["http.route"], &known["http.status"], &known["user.id"]);
    let me = json!("/api/v1/user/me");
    assert_eq!(asked, (&json!("api"), &me, &json!(200), &json!("1")), "{known}");
    let unknown = log.entry("/api/v1/user/me").await;
    assert_eq!((&unknown["http.status"], &unknown["user.id"]), (&json!(401), &Value::Null));
}

#[tokio::test]
async fn an_entry_says_whether_the_answer_was_sent_to_its_end() {
    let folder = Folder::new();
    let asked = Arc::new(Semaphore::new(0));
    let never = asked.clone();
    let first = || stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
    let gate = Arc::new(Semaphore::new(0));
    let arrived = gate.clone();
    let breaks = move || {
        let arrived = arrived.clone();
        stream::once(async move {
            arrived.acquire().await.unwrap().forget();
            Err(std::io::Error::other("it broke"))
        })
    };
    let ui = Router::new()
        .route("/endless", get(async move || Body::from_stream(first().chain(stream::pending()))))
        .route("/broken", get(async move || Body::from_stream(first().chain(breaks()))))
        .route("/whole", get(async || "whole"))
        .route(
            "/never",
            get(async move || {
                never.add_permits(1);
                std::future::pending::<()>().await;
            }),
        );
    let (ui, _running) = serving(ui).await;
    let ui = format!("http://{ui}");
    let log = Logging::start(&folder, &[&JSON[..], &["--ui", &ui]].concat());
    let ask = async |path: &str| {
        let request = http::Request::get(path).header("host", "localhost:3000");
        let request = request.body(Body::empty()).unwrap();
        site_of(&log.server).send(request).await.unwrap().into_body()
    };

    let mut body = ask("/endless").await;
    body.frame().await.unwrap().unwrap();
    assert!(log.entries("/endless").is_empty(), "not before it is over");
    drop(body);
    let left = log.entry("/endless").await;
    let ended = (&left["http.end"], &left["http.status"], &left["sent_bytes"]);
    assert_eq!(ended, (&json!("aborted"), &json!(200), &json!(5)), "{left}");

    let mut body = ask("/broken").await;
    body.frame().await.unwrap().unwrap();
    gate.add_permits(1);
    assert!(body.collect().await.is_err());
    assert_eq!(log.entry("/broken").await["http.end"], "broken");
    assert_eq!(ask("/whole").await.collect().await.unwrap().to_bytes(), "whole");
    assert_eq!(log.entry("/whole").await["http.end"], "complete");

    let waiting = ask("/never");
    tokio::select! {
        _ = waiting => unreachable!("it never answers"),
        permit = asked.acquire() => permit.unwrap().forget(),
    }
    let gone = log.entry("/never").await;
    assert_eq!((&gone["http.end"], &gone["http.status"]), (&json!("aborted"), &Value::Null));
}

#[tokio::test]
async fn an_answer_without_a_body_is_complete_and_an_outage_is_a_warning() {
    let folder = Folder::new();
    let log = Logging::start(&folder, &[&JSON[..], &["--ui", "http://127.0.0.1:1"]].concat());
    let site = Browser::of(site_of(&log.server));
    site.client.request("HEAD", "/_vestibule/vestibule.css", &[], "").await;
    let head = log.entry("/_vestibule/vestibule.css").await;
    assert_eq!((&head["http.end"], &head["sent_bytes"]), (&json!("complete"), &json!(0)));
    assert_eq!(site.client.get("/away").await.status, 503);
    assert_eq!(log.entry("/away").await["level"], "WARN");
}

/// Sends these bytes as they are, and reads to the end.
fn raw(site: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(site.trim_start_matches("http://")).unwrap();
    stream.write_all(bytes).unwrap();
    let _whatever_it_says = stream.read_to_end(&mut Vec::new());
}

#[tokio::test]
async fn lo_02_nothing_that_a_client_sends_forges_an_entry() {
    for format in ["json", "human"] {
        let folder = Folder::new();
        let log = Logging::start(&folder, &["--log-format", format]);
        let api = log.server.url("API");
        let hostile: [&[u8]; 6] = [
            b"GET /a%0aanswered%0d%0a HTTP/1.1",
            b"GET /x\"\",\"message\":\"answered HTTP/1.1",
            b"GET /b?answered%0a HTTP/1.1",
            b"GET /\xe2\x80\xa8answered HTTP/1.1",
            b"answered /c HTTP/1.1",
            b"GET /d HTTP/1.1\r\nuser-agent: x\" http.status=200 \tanswered\x9b31m \xff\"}",
        ];
        for head in hostile {
            raw(&api, &[head, b"\r\nhost: x\r\nconnection: close\r\n\r\n"].concat());
        }
        log.server.client("API").get("/last").await;
        until(async || log.text().contains("/last")).await;
        let text = log.text();
        for line in text.lines() {
            let is_entry = match format {
                "json" => serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()),
                _ => line.starts_with("20") && line.contains("Z ") && line.len() > 30,
            };
            assert!(is_entry, "{line:?}");
            assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        }
        let answered = match format {
            "json" => text.matches("\"message\":\"answered\"").count(),
            _ => text.lines().filter(|line| line.contains("INFO answered role=")).count(),
        };
        // Those that are no HTTP at all are refused before anybody logs a request.
        assert!((4..=7).contains(&answered), "{text}");
        let requests = text.lines().filter(|line| line.contains("http.path")).count();
        assert_eq!(answered, requests, "{text}");
    }
}

#[tokio::test]
async fn without_the_access_log_everything_else_is_still_logged() {
    let folder = Folder::new();
    let log = Logging::start(&folder, &["--access-log", "off"]);
    let api = log.server.client("API");
    api.post_json("/api/v1/user", &person("ada")).await;
    api.log_in("ada", PASSWORD).await;
    until(async || log.text().contains("signed in")).await;
    assert!(!log.text().contains("answered"), "{}", log.text());
}

#[tokio::test]
async fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let own = ["api", "--api-listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    let mut command = vestibule(&own);
    command.envs(folder.server_database().map(|database| ("DATABASE_URL", &database.url)));
    let mut server = Server::spawn_logging(&mut command, Stdio::piped());
    server.hang_up_the_log();
    let api = server.client("API");
    for _ in 0..3 {
        assert_eq!(api.get("/nowhere").await.status, 404);
    }
    // Signing in is logged by more than the line of its request.
    api.post_json("/api/v1/user", &person("ada")).await;
    assert_eq!(api.log_in("ada", PASSWORD).await.status, 200);
    server.signal("-TERM");
    assert!(server.has_ended_well());
}
