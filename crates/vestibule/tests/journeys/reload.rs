//! Routes that change while a real gateway runs (SIGHUP), and settings that it refuses.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use crate::authority::Authority;
use crate::process::{Server, refusal, vestibule};
use crate::support::{Answer, Folder, until};
use crate::weight::gateway;
use crate::wire::{End, HOST, Stub};

/// A gateway with a file of routes.
struct Stage {
    file: PathBuf,
    server: Server,
    at: SocketAddr,
    _folder: Folder,
}

impl Stage {
    async fn new(routes: &str) -> Self {
        let folder = Folder::new();
        let file = folder.path().join("vestibule.toml");
        fs::write(&file, routes).unwrap();
        let config = file.to_str().unwrap().to_owned();
        let (server, at) = gateway(&folder, &["--config", &config]).await;
        Self { file, server, at, _folder: folder }
    }

    /// Has it read the file anew.
    fn change(&self, routes: &str) {
        fs::write(&self.file, routes).unwrap();
        self.server.signal("-HUP");
    }

    async fn ask(&self, path: &str) -> Answer {
        let mut client = End::to(self.at).await;
        client.request("GET", path, &[]).await;
        client.answer().await
    }

    async fn is_there(&self, path: &str) -> bool {
        self.ask(path).await.status != 404
    }
}

fn route(path: &str, to: &str) -> String {
    format!("[[routes]]\npath = \"{path}\"\nto = \"{to}\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_outlives_a_reload_and_connections_are_kept() {
    let (one, other) = (Stub::new().await, Stub::new().await);
    let upstream = format!("[upstreams.one]\naddresses = [\"{}\"]\n", one.url());
    let stage = Stage::new(&format!("{upstream}{}", route("/one/**", "one"))).await;

    let mut waiting = End::to(stage.at).await;
    waiting.request("GET", "/one/wait", &[]).await;
    let (mut kept, _) = one.asked().await;
    let mut follower = End::to(stage.at).await;
    follower.request("GET", "/one/events", &[]).await;
    let (mut events, _) = one.asked().await;
    events.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n").await;
    assert_eq!(follower.head().await.status(), 200);
    assert_eq!(follower.chunk().await, "data: 1\n\n");
    let mut talker = End::to(stage.at).await;
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n";
    talker.send(format!("GET /one/socket HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}\r\n")).await;
    let (mut socket, _) = one.asked().await;
    socket
        .send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        .await;
    assert_eq!(talker.head().await.status(), 101);

    // The upstream stays as it is; its route gets another path, and there is a new one.
    let (one_moved, new) = (route("/moved/**", "one"), route("/new/**", "http://127.0.0.1:1"));
    stage.change(&format!("{upstream}{one_moved}{new}"));
    until(async || stage.is_there("/new/x").await).await;
    assert!(!stage.is_there("/one/x").await);
    kept.answer_with("waited").await;
    assert_eq!(waiting.answer().await.body, "waited");
    events.send("data: 2\n\n").await;
    assert_eq!(follower.chunk().await, "data: 2\n\n");
    talker.send("ping").await;
    assert_eq!(socket.take(4).await, b"ping");
    // On the connection that was made before.
    waiting.request("GET", "/moved/x", &[]).await;
    assert_eq!(kept.head().await.line, "GET /moved/x HTTP/1.1");
    kept.answer_with("kept").await;
    assert_eq!(waiting.answer().await.body, "kept");

    // Another address by the same name: another upstream.
    let upstream = format!("[upstreams.one]\naddresses = [\"{}\"]\n", other.url());
    stage.change(&format!("{upstream}{one_moved}{}", route("/newer/**", "http://127.0.0.1:1")));
    until(async || stage.is_there("/newer/x").await).await;
    waiting.request("GET", "/moved/x", &[]).await;
    let (mut moved, _) = other.asked().await;
    moved.answer_with("other").await;
    assert_eq!(waiting.answer().await.body, "other");
    events.send("data: 3\n\n").await;
    assert_eq!(follower.chunk().await, "data: 3\n\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_dropped_by_a_reload() {
    let alive = crate::wire::h2c(axum::Router::new().fallback(async || "alive")).await;
    let stage = Stage::new(&route("/x/**", &format!("http://{alive}"))).await;
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let at = stage.at;
            tokio::spawn(async move {
                let mut client = End::to(at).await;
                for _ in 0..300 {
                    client.request("GET", "/x/y", &[]).await;
                    assert_eq!(client.answer().await.says(), "200 alive");
                }
            })
        })
        .collect();
    let mut version = 0;
    while !asking.iter().all(|asking| asking.is_finished()) {
        version += 1;
        let marker = route(&format!("/v{version}/**"), "http://127.0.0.1:1");
        // By turns the same upstream and a new one.
        let to =
            if version % 2 == 0 { format!("http://{alive}") } else { format!("http://{alive}/.") };
        stage.change(&format!("{}{marker}", route("/x/**", &to)));
        until(async || stage.is_there(&format!("/v{version}/x")).await).await;
    }
    for asking in asking {
        asking.await.unwrap();
    }
    assert!(version > 3, "only {version} reloads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_right_changes_nothing_and_the_log_says_why() {
    let folder = Folder::new();
    let (file, log) = (folder.path().join("vestibule.toml"), folder.path().join("log"));
    let alive = crate::wire::h2c(axum::Router::new().fallback(async || "alive")).await;
    let good = route("/x/**", &format!("http://{alive}"));
    fs::write(&file, &good).unwrap();
    let mut command = vestibule(&[
        "gateway",
        "--api",
        &format!("http://{alive}"),
        "--site-listen",
        "127.0.0.1:0",
        "--site-url",
        "http://localhost:3000",
        "--data",
        folder.path().join("data").to_str().unwrap(),
        "--config",
        file.to_str().unwrap(),
    ]);
    command.env("AUTH_SECRET", "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=");
    let out = Stdio::from(fs::File::create(&log).unwrap());
    let server = tokio::task::spawn_blocking(move || Server::spawn_logging(&mut command, out));
    let server = server.await.unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], crate::process::listening(&server)[0]));
    for (broken, why) in [
        (format!("{good}methods = [\"get\"]\n"), "get is not a method"),
        (format!("{good}limit = 5\n"), "line 4: unknown field `limit`"),
        (format!("{good}{good}body-limit = \"10MB\"\n"), "line 7: has to be a number of bytes"),
        (format!("{good}[[routes"), "line 4"),
        (format!("{good}[upstreams.x]\naddresses = []\n"), "upstream x has no address"),
    ] {
        fs::write(&file, &broken).unwrap();
        server.signal("-HUP");
        let said = || fs::read_to_string(&log).unwrap();
        until(async || said().contains(why)).await;
        let line = said().lines().find(|line| line.contains(why)).unwrap().to_owned();
        assert!(line.contains("ERROR") && line.contains("the routes stay as they were"), "{line}");
        let mut client = End::to(at).await;
        client.request("GET", "/x/y", &[]).await;
        assert_eq!(client.answer().await.body, "alive", "{broken}");
    }
    fs::remove_file(&file).unwrap();
    server.signal("-HUP");
    until(async || fs::read_to_string(&log).unwrap().contains("can't be read")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_written_anew_is_trusted_after_a_reload() {
    let (folder, before, after) = (Folder::new(), Authority::new(), Authority::new());
    let ca = before.file(&folder, "ca.pem");
    let alive = axum::Router::new().fallback(async || "alive");
    let at = after.sign("localhost").serve(alive, &["h2"], None).await;
    let upstream = format!(
        "[upstreams.safe]\naddresses = [\"https://localhost:{}\"]\nca = {ca:?}\n{}",
        at.port(),
        route("/x/**", "safe")
    );
    let stage = Stage::new(&upstream).await;
    assert_eq!(stage.ask("/x/y").await.status, 503);
    after.file(&folder, "ca.pem");
    stage.change(&upstream);
    until(async || stage.ask("/x/y").await.status == 200).await;
}

#[test]
fn what_is_wrong_with_routes_is_said_at_the_start_with_the_place_and_the_reason() {
    let folder = Folder::new();
    let file = folder.path().join("vestibule.toml");
    let check = |arguments: &[&str]| {
        let config = ["check", "--config", file.to_str().unwrap()];
        vestibule(&[&config[..], arguments].concat()).output().unwrap()
    };
    let files = [
        ("[[route]]\n", "line 1: unknown field `route`"),
        ("\n\n[[routes]]\npath = \"/x\"\n", "line 3: missing field `to`"),
        ("[[routes]]\npath = \"/x\"\nto = 5\n", "line 3: invalid type"),
        (
            "[[routes]]\npath = \"/x\"\nto = \"u\"\ntoken = \"maybe\"\n",
            "line 4: unknown variant `maybe`",
        ),
        ("[[routes]]\npath = \"/x\"\nto = \"u\"\nbody-limit = -1\n", "line 4"),
        ("[upstreams.x]\naddresses = [\"http://h\"]\nmax = 5\n", "line 3: unknown field `max`"),
        ("[upstreams.x]\naddresses = \"http://h\"\n", "line 2: invalid type"),
        ("[upstreams.x]\naddresses = [\"http://h\"]\n[upstreams.x]\n", "line 3"),
        (
            "[upstreams.x]\naddresses = [\"ftp://h\"]\n",
            "upstream x has to be a URL such as http://",
        ),
        (
            "[upstreams.x]\naddresses = [\"http://h\"]\nmax-requests = 0\n",
            "max-requests has to be 1 or more",
        ),
        (
            "[upstreams.x]\naddresses = [\"https://h\"]\nca = \"/nowhere.pem\"\n",
            "upstream x needs /nowhere.pem",
        ),
        (
            "[upstreams.x]\naddresses = [\"https://h\"]\nclient-cert = \"/c.pem\"\n",
            "both or neither",
        ),
        (
            "[upstreams.x]\naddresses = [\"http://h\"]\nhealth = { path = \"x\" }\n",
            "a path such as /health",
        ),
        ("[upstreams.api]\naddresses = [\"http://h\"]\n", "can't be called api"),
        ("[[routes]]\npath = \"/x\"\nto = \"ui\"\n", "no --ui"),
        ("[[routes]]\npath = \"/x\"\nto = \"nobody\"\n", "upstream nobody has to be a URL"),
        (
            "[[routes]]\npath = \"/login\"\nto = \"http://h\"\n",
            "route /login: this path is Vestibule's own",
        ),
        ("[[routes]]\npath = \"/_vestibule/x\"\nto = \"http://h\"\n", "Vestibule's own"),
        ("[[routes]]\npath = \"x\"\nto = \"http://h\"\n", "does not begin with a slash"),
        (
            "[[routes]]\npath = \"/x\"\nto = \"http://h\"\nstrip = \"/y\"\n",
            "not the beginning of the path",
        ),
        (
            "[[routes]]\npath = \"/x\"\nto = \"http://h\"\nguard = false\ntiers = [1]\n",
            "need a session",
        ),
    ];
    for (text, why) in files {
        fs::write(&file, text).unwrap();
        let said = refusal(&check(&[]));
        assert!(said.contains(why), "{text:?}: {said}");
    }
    fs::write(&file, "").unwrap();
    for (flag, why) in [
        ("/x", "has to be PATH = UPSTREAM"),
        ("/x = http://h strip", "strip is not NAME=VALUE"),
        ("/x = http://h nonsense=1", "unknown field `nonsense`"),
        ("/x = http://h token=maybe", "unknown variant `maybe`"),
        ("/x = http://h body-limit=10MB", "10MiB"),
    ] {
        let output = check(&["--route", flag]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why) && said.contains("--route"), "{flag}: {said}");
    }
    for (flag, why) in [
        ("/x = ftp://h", "upstream ftp://h has to be a URL"),
        ("/logout = http://h", "Vestibule's own"),
        ("/x = http://h methods=get", "get is not a method"),
    ] {
        assert!(refusal(&check(&["--route", flag])).contains(why), "{flag}");
    }
    fs::remove_file(&file).unwrap();
    assert!(refusal(&check(&[])).contains("vestibule.toml can't be read"));
}
