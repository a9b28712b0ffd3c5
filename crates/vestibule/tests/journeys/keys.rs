//! Signing keys that change under a running server: `vestibule keys`, and who verifies elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::process::{Server, refusal, site_of, vestibule};
use crate::support::{Answer, Browser, Client, Folder, PASSWORD, Tokens, person, until};

const KEY: &str = "n8Hs3Kd0Vb6Qw1Zx5Lc9Rt2Yp7Mf4Jg8TaXuWvEyO1E=";

fn data(folder: &Folder) -> PathBuf {
    folder.path().join("data")
}

/// `vestibule keys` on the data folder.
fn keys(data: &Path, arguments: &[&str]) -> Output {
    let data = ["--data", data.to_str().unwrap()];
    vestibule(&[&["keys"], arguments, &data].concat()).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Id, algorithm and duty of every key.
fn listed(data: &Path) -> Vec<[String; 3]> {
    let row = |line: &str| {
        let mut columns = line.splitn(3, "  ").map(|column| column.trim().to_owned());
        [(); 3].map(|()| columns.next().unwrap())
    };
    said(&keys(data, &["list"])).lines().skip(1).map(row).collect()
}

/// The header of a token, as anybody reads it.
fn header(token: &str) -> Value {
    let part = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&part).unwrap()
}

/// Whether the key with `id` signed it; HS256 tokens name no key.
fn is_by(token: &str, algorithm: &str, id: &str) -> bool {
    let header = header(token);
    let kid = header["kid"].as_str().map(|kid| kid[..8].to_owned());
    header["alg"] == algorithm && kid.is_none_or(|kid| kid == id)
}

async fn published(api: &Client) -> Vec<String> {
    let set = api.get("/.well-known/jwks.json").await.json();
    set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn keys_are_listed_added_and_retired_in_the_file_that_the_server_reads() {
    let folder = Folder::new();
    let data = data(&folder);
    assert!(refusal(&keys(&data, &["list"])).contains("--signing-key-file"));
    drop(Server::serve(&folder, &[]));

    let file = data.join("signing-key");
    let first = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# the first one\n{first}")).unwrap();
    let added = said(&keys(&data, &["add", "--algorithm", "eddsa", "--after", "0"]));
    let [old, new] = listed(&data).try_into().unwrap();
    assert_eq!([old[1].as_str(), &old[2][..8]], ["HS256", "verifies"]);
    assert_eq!([new[1].as_str(), &new[2]], ["EdDSA", "signs"]);
    assert!(added.contains(&new[0]), "{added}");

    let refused = refusal(&keys(&data, &["retire", &new[0]]));
    assert!(refused.contains("vestibule keys add"), "{refused}");
    let refused = refusal(&keys(&data, &["retire", &old[0]]));
    assert!(refused.contains("until 20") && refused.contains("--force"), "{refused}");
    said(&keys(&data, &["retire", &old[0], "--force"]));
    assert_eq!(listed(&data), [new]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# the first one\nEdDSA:") && !text.contains(first.trim()), "{text}");
    let names: Vec<_> =
        fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("new")), "{names:?}");

    let mut in_variable = vestibule(&["keys", "add", "--data", data.to_str().unwrap()]);
    let refused = refusal(&in_variable.env("VESTIBULE_SIGNING_KEY", KEY).output().unwrap());
    assert!(refused.contains("VESTIBULE_SIGNING_KEY") && !refused.contains(KEY), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

/// Uses its tokens, and those before, and refreshes them, until told to stop. Tells each access token.
fn api_client(api: Client, mut tokens: Tokens, load: &Load) -> JoinHandle<()> {
    let load = load.clone();
    tokio::spawn(async move {
        let mut before = tokens.clone();
        while !load.stop.borrow().to_owned() {
            for access in [&tokens.access, &before.access] {
                load.count(&api.get_as("/api/v1/user/me", access).await);
            }
            let answer = api.post_cookie("/api/v1/refresh", &tokens.refresh).await;
            load.count(&answer);
            before = std::mem::replace(&mut tokens, Tokens::of(&answer));
            load.newest.send_replace(tokens.access.clone());
        }
    })
}

/// Calls and opens pages with one session; its gateway refreshes when the token is due.
fn browser(mut browser: Browser, load: &Load) -> JoinHandle<()> {
    let load = load.clone();
    let at_first = browser.jar["vestibule"].clone();
    tokio::spawn(async move {
        while !load.stop.borrow().to_owned() {
            load.count(&browser.fetch("GET", "/api/v1/user/me", None).await);
            load.count(&browser.visit("/dashboard").await);
            if browser.jar["vestibule"] != at_first {
                load.refreshed.store(true, Ordering::Relaxed);
            }
        }
    })
}

#[derive(Clone)]
struct Load {
    stop: watch::Receiver<bool>,
    newest: watch::Sender<String>,
    answers: Arc<AtomicU32>,
    refreshed: Arc<AtomicBool>,
}

impl Load {
    fn count(&self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{answer}");
        self.answers.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ky_06_three_rotations_under_load_refuse_no_request() {
    let folder = Folder::new();
    // Lives of four seconds, so that the browser's tokens are refreshed while keys change.
    let more = ["--site-url", "http://localhost:3000", "--access-ttl", "4", "--throttle", "off"];
    let server = Server::serve(&folder, &more);
    let (api, data) = (server.client("API"), data(&folder));
    assert_eq!(published(&api).await, Vec::<String>::new());

    let ada = Browser::of(site_of(&server)).member("ada").await;
    let mut sleeper = Browser::of(site_of(&server)).member("eve").await;
    api.post_json("/api/v1/user", &person("bob")).await;
    let tokens = Tokens::of(&api.log_in("bob", PASSWORD).await);
    let at_first = tokens.refresh.clone();

    let (stop, stopped) = watch::channel(false);
    let load = Load {
        stop: stopped,
        newest: watch::Sender::new(tokens.access.clone()),
        answers: Arc::default(),
        refreshed: Arc::default(),
    };
    let running = [api_client(api.clone(), tokens, &load), browser(ada, &load)];

    let newest = load.newest.subscribe();
    for algorithm in ["eddsa", "hs256", "eddsa"] {
        let known = listed(&data).len();
        said(&keys(&data, &["add", "--algorithm", algorithm, "--after", "1"]));
        let [id, algorithm, _] = listed(&data)[known].clone();
        until(async || is_by(&newest.borrow(), &algorithm, &id)).await;
        assert_eq!(listed(&data)[known][2], "signs");
    }
    until(async || load.refreshed.load(Ordering::Relaxed)).await;
    stop.send(true).unwrap();
    for client in running {
        client.await.unwrap();
    }
    let answers = load.answers.load(Ordering::Relaxed);
    assert!(answers > 50, "{answers} answers are no load");

    let public: Vec<[String; 3]> =
        listed(&data).into_iter().filter(|key| key[1] == "EdDSA").collect();
    let kids = published(&api).await;
    assert_eq!(
        kids.iter().map(|kid| &kid[..8]).collect::<Vec<_>>(),
        [&public[0][0], &public[1][0]]
    );
    let newest = Tokens::of(&api.log_in("bob", PASSWORD).await);
    assert_eq!(header(&newest.access)["kid"], kids[1], "the newest signs");
    assert_eq!(header(&newest.refresh)["kid"], kids[1]);
    assert_eq!(header(&at_first)["alg"], "HS256");
    assert_eq!(sleeper.visit("/dashboard").await.status, 200, "who slept is signed in still");
}
