//! What is counted, as whoever collects it reads it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, watch};
use vestibule::server::serve;
use vestibule_gateway::Upstream;

use crate::process::{Server, listening};
use crate::support::{Browser, Client, Folder, PASSWORD, Tokens, person, until};

const COUNTING: [&str; 2] = ["--metrics-listen", "127.0.0.1:0"];

/// What a process has counted.
struct Counts(String);

impl Counts {
    async fn of(server: &Server) -> Self {
        let answer = server.client("Metrics").get("/metrics").await;
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        assert_eq!((answer.status, answer.header("content-type")), (200, kind));
        Self(answer.body)
    }

    /// The series of `name` that have these labels, among others.
    fn series(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(&str, f64)> {
        let has = |line: &str| {
            let mut labels = labels.iter();
            labels.all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        };
        let lines = self.0.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && has(line)
        });
        lines
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                (series, value.parse().unwrap())
            })
            .collect()
    }

    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.series(name, labels).iter().map(|(_, value)| value).sum()
    }
}

/// A server of the test's own, until the sender is dropped.
pub async fn serving(router: Router) -> (SocketAddr, watch::Sender<bool>) {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(socket, router, stopped, Duration::ZERO));
    (address, stop)
}

#[tokio::test]
async fn logins_refreshes_and_sessions_are_counted_and_nothing_secret_is_told() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &COUNTING);
    let api = server.client("API");
    api.post_json("/api/v1/user", &person("canary")).await;
    assert_eq!(api.log_in("canary", "canary-wrong").await.status, 401);
    let tokens = Tokens::of(&api.log_in("canary@example.com", PASSWORD).await);
    let next = Tokens::of(&api.post_cookie("/api/v1/refresh", &tokens.refresh).await);
    api.post_cookie("/api/v1/refresh", &tokens.refresh).await;
    api.post_cookie("/api/v1/logout", &next.refresh).await;
    assert_eq!(api.post_cookie("/api/v1/refresh", &next.refresh).await.status, 401);
    assert_eq!(api.post_cookie("/api/v1/refresh", "no.such.token").await.status, 401);
    assert_eq!(server.client("Site").get("/login?next=/canary").await.status, 200);

    let counts = Counts::of(&server).await;
    assert!(counts.0.contains("# TYPE vestibule_logins_total counter"), "{}", counts.0);
    for (name, labels, value) in [
        ("vestibule_logins_total", &[("outcome", "wrong")][..], 1.0),
        ("vestibule_logins_total", &[("outcome", "ok")], 1.0),
        ("vestibule_refreshes_total", &[("outcome", "next")], 1.0),
        ("vestibule_refreshes_total", &[("outcome", "again")], 1.0),
        ("vestibule_refreshes_total", &[("outcome", "refused")], 2.0),
        ("vestibule_sessions_begun_total", &[("role", "api")], 1.0),
        ("vestibule_sessions_ended_total", &[("role", "api"), ("reason", "signed_out")], 1.0),
        ("vestibule_http_requests_total", &[("role", "api"), ("status", "201")], 1.0),
        ("vestibule_http_requests_total", &[("role", "api"), ("status", "200")], 4.0),
        ("vestibule_http_requests_total", &[("role", "api"), ("status", "401")], 3.0),
        ("vestibule_http_requests_total", &[("role", "gateway"), ("status", "200")], 1.0),
        ("vestibule_http_requests_total", &[("route", "/api/v1/refresh")], 4.0),
        ("vestibule_http_requests_total", &[("route", "/login"), ("upstream", "none")], 1.0),
        ("vestibule_hash_refused_total", &[], 0.0),
        ("vestibule_hash_queue", &[], 0.0),
        ("vestibule_hash_busy", &[], 0.0),
    ] {
        assert_eq!(counts.sum(name, labels), value, "{name} {labels:?} in {}", counts.0);
    }
    assert!(counts.sum("vestibule_hash_slots", &[]) >= 1.0);
    for secret in ["canary", PASSWORD, "127.0.0.1", &tokens.access, &tokens.refresh, "eyJ"] {
        assert!(!counts.0.contains(secret), "{secret} in {}", counts.0);
    }
}

#[tokio::test]
async fn sessions_are_counted_at_their_begin_and_by_the_reason_of_their_end() {
    let folder = Folder::new();
    let public = ["--site-url", "http://localhost:3000"];
    let server = Server::serve(&folder, &[&COUNTING[..], &public].concat());
    let api = server.client("API");
    let metrics = server.url("Metrics");
    let mut ports = listening(&server).into_iter().map(|port| format!("http://127.0.0.1:{port}"));
    let known = [&server.url("API"), &metrics];
    let site = ports.find(|url| !known.contains(&url)).unwrap();
    let site = Upstream::at(&site.parse().unwrap()).unwrap();
    let mut browser = Browser::of(site).member("ada").await;
    let log_in = async || Tokens::of(&api.log_in("ada", PASSWORD).await);
    let (mine, _, _) = (log_in().await, log_in().await, log_in().await);
    let bearer = format!("Bearer {}", mine.access);
    let ended = api.delete_as("/api/v1/user/me/sessions", &mine.access).await;
    assert_eq!(ended.status, 200, "{ended}");
    log_in().await;
    let body = format!(r#"{{"current_password":"{PASSWORD}","new_password":"An0ther!Pass"}}"#);
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let changed = api.request("PUT", "/api/v1/user/me/password", &headers, body).await;
    assert_eq!(changed.status, 200, "{changed}");
    assert_eq!(api.delete_as("/api/v1/user/ada", &mine.access).await.status, 200);
    browser.submit("/logout", &[]).await;

    let counts = Counts::of(&server).await;
    let begun = |role| counts.sum("vestibule_sessions_begun_total", &[("role", role)]);
    assert_eq!((begun("gateway"), begun("api")), (1.0, 5.0), "{}", counts.0);
    for (reason, sessions) in
        [("ended_by_owner", 3.0), ("password_changed", 1.0), ("account_deleted", 1.0)]
    {
        let labels = [("role", "api"), ("reason", reason)];
        assert_eq!(counts.sum("vestibule_sessions_ended_total", &labels), sessions, "{reason}");
    }
}

#[tokio::test]
async fn requests_are_counted_and_timed_by_route_and_upstream() {
    let folder = Folder::new();
    let pages = Router::new().fallback(async || "a page");
    let (ui, _running) = serving(pages).await;
    let ui = format!("http://{ui}");
    let server = Server::serve(&folder, &[&COUNTING[..], &["--ui", &ui]].concat());
    let site = server.client("Site");
    for path in ["/a", "/b?c=d", "/e/f"] {
        assert_eq!(site.get(path).await.status, 200);
    }
    assert_eq!(site.get("/api/v1/user/me").await.status, 401);

    let counts = Counts::of(&server).await;
    let requests = counts.series("vestibule_http_requests_total", &[("role", "gateway")]);
    let with_upstream: Vec<_> =
        requests.iter().filter(|(series, _)| !series.contains(r#"upstream="none""#)).collect();
    assert_eq!(with_upstream.len(), 2, "one a route: {requests:?}");
    let of = |name: &str, class: &str| counts.sum(name, &[("role", "gateway"), ("class", class)]);
    assert_eq!(of("vestibule_http_request_seconds_count", "2xx"), 3.0, "{}", counts.0);
    assert_eq!(of("vestibule_http_request_seconds_count", "4xx"), 1.0);
    let last = [("role", "gateway"), ("class", "2xx"), ("le", "+Inf")];
    assert_eq!(counts.sum("vestibule_http_request_seconds_bucket", &last), 3.0);
    assert!(of("vestibule_http_request_seconds_sum", "2xx") > 0.0);
    assert!(counts.sum("vestibule_upstream_seconds_count", &[("outcome", "2xx")]) >= 3.0);
}

#[tokio::test]
async fn rl_07_whatever_clients_send_the_number_of_series_stays_the_same() {
    let folder = Folder::new();
    let (ui, _running) = serving(Router::new().fallback(async || "a page")).await;
    let ui = format!("http://{ui}");
    let server = Server::serve(&folder, &[&COUNTING[..], &["--ui", &ui]].concat());
    // Letters alone: a method with digits in it is not even read.
    let letter = |digit: char| char::from(b'A' + (digit as u8 - b'0'));
    let method =
        |number: u32| format!("X{}", number.to_string().chars().map(letter).collect::<String>());
    let send = async |from: u32| {
        for (name, number) in ["API", "Site"]
            .iter()
            .flat_map(|name| (from..from + 20).map(move |number| (name, number)))
        {
            let client: Client = server.client(name);
            for path in [
                format!("/{number}"),
                format!("/api/v1/user/u{number}"),
                format!("/api/v1/{number}/x"),
                format!("/dashboard/{number}"),
                format!("/_vestibule/{number}.css"),
                format!("/%2e%2e/{number}%00"),
                format!("/\"}} 1\nforged{{x=\"{number}")
                    .replace('\n', "%0a")
                    .replace(['"', '{', '}', ' '], "'"),
            ] {
                let agent = format!("agent-{number}");
                let headers = [("user-agent", &*agent), ("x-request-id", &*agent)];
                client.request("GET", &path, &headers, "").await;
                client.request(&method(number), &path, &headers, "").await;
            }
        }
    };
    send(0).await;
    // Told for the first time when the news were read for the first time.
    let held = r#"vestibule_revocations_held{role="api"}"#;
    until(async || Counts::of(&server).await.0.contains(held)).await;
    let first = Counts::of(&server).await;
    send(1000).await;
    let second = Counts::of(&server).await;
    assert_eq!(second.0.lines().count(), first.0.lines().count(), "{}", second.0);
    let others = second.sum("vestibule_http_requests_total", &[("method", "other")]);
    assert!(others > 100.0, "{others} in {}", second.0);
    for canary in ["1007", "agent-", "XBA", "forged"] {
        let found = second.0.lines().find(|line| line.contains(canary) && line.contains('{'));
        let is_value = |line: &str| !line.split(' ').next().unwrap().contains(canary);
        assert!(found.is_none_or(is_value), "{canary} in {found:?}");
    }
}

#[tokio::test]
async fn a_request_is_in_flight_until_its_answer_is_sent_to_the_end() {
    let folder = Folder::new();
    let gate = Arc::new(Semaphore::new(0));
    let streamed = gate.clone();
    let stream = get(async move || {
        let rest = async move {
            streamed.acquire().await.unwrap().forget();
            Ok(Bytes::from_static(b"last"))
        };
        let first =
            futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
        Body::from_stream(first.chain(futures_util::stream::once(rest)))
    });
    let (ui, _running) = serving(Router::new().route("/stream", stream)).await;
    let ui = format!("http://{ui}");
    let server = Server::serve(&folder, &[&COUNTING[..], &["--ui", &ui]].concat());
    let in_flight = async || {
        let counts = Counts::of(&server).await;
        counts.sum("vestibule_http_requests_in_flight", &[("role", "gateway")])
    };
    let request = http::Request::get("/stream").body(Body::empty()).unwrap();
    let mut body = server.upstream("Site").send(request).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    assert_eq!(in_flight().await, 1.0);
    gate.add_permits(1);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "last");
    until(async || in_flight().await == 0.0).await;
}

#[tokio::test]
async fn every_metric_that_is_counted_is_described_and_has_a_row_in_the_documentation() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &COUNTING);
    server.client("API").log_in("nobody", PASSWORD).await;
    server.client("API").post_cookie("/api/v1/refresh", "x").await;
    assert_eq!(server.client("Site").get("/login").await.status, 200);
    let counts = Counts::of(&server).await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let table = std::fs::read_to_string(file).unwrap();
    let kinds = counts.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<&str> = kinds.filter_map(|kind| kind.split(' ').next()).collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(table.contains(&format!("`{name}`")), "{name} has no row");
        assert!(counts.0.contains(&format!("# HELP {name} ")), "{name} is not described");
    }
}

#[tokio::test]
async fn gw_17_health_and_metrics_are_known_by_their_paths_and_metrics_on_a_socket_of_their_own() {
    const PROBES: [&str; 4] =
        ["GoogleHC/1.0", "kube-probe/1.33", "ELB-HealthChecker/2.0", "Prometheus/3.5"];
    let folder = Folder::new();
    let server = Server::serve(&folder, &COUNTING);
    for agent in PROBES {
        let headers = [("user-agent", agent)];
        for (name, path, status) in [
            ("Site", "/dashboard", 401),
            ("Site", "/api/v1/user/me", 401),
            ("Site", "/nowhere", 404),
            ("Site", "/metrics", 404),
            ("API", "/api/v1/user/me", 401),
            ("API", "/metrics", 404),
            ("Metrics", "/", 404),
            ("Metrics", "/metrics", 200),
            ("Metrics", "/api/v1/user/me", 404),
            ("Metrics", "/dashboard", 404),
            ("Metrics", "/health", 404),
        ] {
            let with = server.client(name).request("GET", path, &headers, "").await;
            assert_eq!(with.status, status, "{agent} {name} {path}");
            assert_eq!(server.client(name).get(path).await.status, status, "{name} {path}");
        }
    }
    for name in ["Site", "API"] {
        let health = server.client(name).get("/health").await;
        assert_eq!(health.says(), r#"200 {"status":"ok"}"#, "{name}");
    }
}

#[tokio::test]
async fn gw_17_metrics_are_on_their_own_socket_and_no_user_agent_opens_anything() {
    let folder = Folder::new();
    let server = Server::serve(&folder, &["--metrics-listen", "127.0.0.1:0"]);
    for agent in ["kube-probe/1.30", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Prometheus/3.0"] {
        let headers = [("user-agent", agent)];
        let ask = async |name: &str, path: &str| {
            server.client(name).request("GET", path, &headers, "").await.status
        };
        assert_eq!(ask("Site", "/metrics").await, 404, "{agent}");
        assert_eq!(ask("API", "/metrics").await, 404, "{agent}");
        assert_eq!(ask("Metrics", "/metrics").await, 200, "{agent}");
        assert_eq!(ask("Metrics", "/dashboard").await, 404, "{agent}");
        assert_eq!(ask("Site", "/health").await, 200, "{agent}");
        assert_ne!(ask("Site", "/dashboard").await, 200, "{agent}");
    }
}

#[tokio::test]
async fn each_part_alone_counts_too_and_without_the_setting_none_does() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let any = "127.0.0.1:0";
    let api = ["api", "--api-listen", any, "--data", data];
    assert!(!Server::start(&api).said.contains("etrics"));

    let api = Server::start(&[&api[..], &COUNTING].concat());
    let url = api.url("API");
    let gateway = ["gateway", "--api", &url, "--site-listen", any, "--data", data];
    let gateway = Server::start(&[&gateway[..], &COUNTING].concat());
    assert_eq!(gateway.client("Site").get("/login").await.status, 200);
    for (server, role) in [(api, "api"), (gateway, "gateway")] {
        let counts = Counts::of(&server).await;
        let labels = [("role", role), ("status", "200")];
        assert!(counts.sum("vestibule_http_requests_total", &labels) > 0.0, "{}", counts.0);
    }
}
