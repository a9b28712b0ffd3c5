//! Traces, from a browser's request through the gateway to the API, as a collector gets them.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use bytes::Bytes;
use http::{Method, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcome;
use prost::Message as _;
use tokio::sync::watch;

use crate::metrics::serving;
use crate::process::{Server, site_of, vestibule};
use crate::support::{Browser, Folder, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector, and what it was given.
struct Collector {
    url: String,
    taken: Arc<Mutex<Vec<Span>>>,
    _running: watch::Sender<bool>,
}

impl Collector {
    async fn new() -> Self {
        async fn take(
            State(taken): State<Arc<Mutex<Vec<Span>>>>,
            headers: HeaderMap,
            body: Bytes,
        ) -> StatusCode {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let resources = request.resource_spans.into_iter();
            let scopes = resources.flat_map(|resource| resource.scope_spans);
            taken.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
            StatusCode::OK
        }
        let taken = Arc::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
        let (address, running) = serving(router).await;
        Self { url: format!("http://{address}"), taken, _running: running }
    }

    fn spans(&self, trace: &str) -> Vec<Span> {
        let spans = self.taken.lock().unwrap();
        spans.iter().filter(|span| hex(&span.trace_id) == trace).cloned().collect()
    }

    /// All of a trace, once it has as many parts as this.
    async fn trace(&self, trace: &str, parts: usize) -> Vec<Span> {
        until(async || self.spans(trace).len() >= parts).await;
        self.spans(trace)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn said(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn one(spans: &[Span], kind: SpanKind, is: impl Fn(&Span) -> bool) -> &Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.kind() == kind && is(span)).collect();
    assert_eq!(found.len(), 1, "{kind:?} of {spans:#?}");
    found[0]
}

/// Gateway and API, each in a process of its own.
struct Pair {
    api: Server,
    site: Server,
    folder: Folder,
}

impl Pair {
    fn start(collector: &str, more: &[&str]) -> Self {
        let folder = Folder::new();
        let data = folder.path().join("data");
        let data = data.to_str().unwrap();
        let own = ["--data", data, "--otlp-endpoint", collector];
        let start = |arguments: &[&str], log: &str| {
            let mut command = vestibule(&[arguments, &own].concat());
            command.env("OTEL_BSP_SCHEDULE_DELAY", "20");
            let is_api = arguments[0] == "api";
            let database = folder.server_database().filter(|_| is_api);
            command.envs(database.map(|database| ("DATABASE_URL", &database.url)));
            let log = fs::File::create(folder.path().join(log)).unwrap();
            Server::spawn_logging(&mut command, log.into())
        };
        let api = start(&["api", "--api-listen", "127.0.0.1:0"], "api.log");
        let url = api.url("API");
        let public = ["--site-url", "http://localhost:3000", "--site-listen", "127.0.0.1:0"];
        let site = start(&[&["gateway", "--api", &url], &public[..], more].concat(), "site.log");
        Self { api, site, folder }
    }

    fn browser(&self) -> Browser {
        let port = crate::process::listening(&self.site)[0];
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        Browser::of(vestibule_gateway::Upstream::at(&url).unwrap())
    }
}

fn traced(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

#[tokio::test]
async fn one_trace_leads_from_the_browser_through_gateway_and_api() {
    let collector = Collector::new().await;
    let pair = Pair::start(&collector.url, &[]);
    let browser = pair.browser().member("ada").await;
    let traceparent = traced("01");
    let headers = [
        ("traceparent", traceparent.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("user-agent", "canary-agent"),
        ("cookie-canary", "canary-header"),
    ];
    let path = "/api/v1/user/me?q=canary-query";
    let answer = browser.peek(Method::GET, path, &headers, "").await;
    assert_eq!(answer.status, 200, "{answer}");

    let spans = collector.trace(TRACE, 3).await;
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let role = |role| move |span: &Span| said(span, "vestibule.role") == role;
    let gateway = one(&spans, SpanKind::Server, role("gateway"));
    let call = one(&spans, SpanKind::Client, |_| true);
    let api = one(&spans, SpanKind::Server, role("api"));
    assert_eq!(hex(&gateway.parent_span_id), PARENT);
    assert_eq!(call.parent_span_id, gateway.span_id);
    assert_eq!(api.parent_span_id, call.span_id);
    for span in &spans {
        assert_eq!(said(span, "http.request.method"), "GET");
        assert_eq!(said(span, "http.response.status_code"), "200");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    assert_eq!((&*api.name, &*said(api, "http.route")), ("GET /api/v1/user/me", "/api/v1/user/me"));
    let id = answer.header("x-request-id");
    assert_eq!(
        (said(gateway, "vestibule.request_id"), said(api, "vestibule.request_id")),
        (id.into(), id.into())
    );
    assert!(
        !said(gateway, "http.route").is_empty() && !said(call, "vestibule.upstream").is_empty()
    );

    let all = format!("{:?}", collector.taken.lock().unwrap());
    let token = browser.jar["vestibule"].as_str();
    for secret in
        ["canary", "ada", "example.com", "Lovelace", "eyJ", "refresh_token", "Str1ngst", token]
    {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    for log in ["site.log", "api.log"] {
        let log = fs::read_to_string(pair.folder.path().join(log)).unwrap();
        assert!(log.contains(&format!("trace.id=\"{TRACE}\"")), "{log}");
    }
}

#[tokio::test]
async fn a_refresh_belongs_to_the_trace_of_who_needed_it() {
    let collector = Collector::new().await;
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut command = vestibule(&[
        "--site-url",
        "http://localhost:3000",
        "--site-listen",
        "127.0.0.1:0",
        "--api-listen",
        "127.0.0.1:0",
        "--access-ttl",
        "4",
        "--data",
        data.to_str().unwrap(),
    ]);
    command.envs([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ]);
    command.envs(folder.server_database().map(|database| ("DATABASE_URL", database.url.as_str())));
    let server = Server::spawn(command);
    let browser = Browser::of(site_of(&server)).member("ada").await;
    let traceparent = traced("01");
    let headers = [("traceparent", traceparent.as_str()), ("sec-fetch-site", "same-origin")];
    until(async || {
        browser.peek(Method::GET, "/api/v1/user/me", &headers, "").await;
        let spans = collector.spans(TRACE);
        let is_refresh = |span: &Span| {
            span.kind() == SpanKind::Client && said(span, "http.request.method") == "POST"
        };
        spans.iter().any(is_refresh)
    })
    .await;
}

#[tokio::test]
async fn upstreams_are_told_the_trace_and_a_malformed_one_is_replaced() {
    let collector = Collector::new().await;
    let echo = async |headers: HeaderMap| {
        let said = |name: &str| {
            let values = headers.get_all(name).iter();
            values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(" and ")
        };
        format!("{};{}", said("traceparent"), said("tracestate"))
    };
    let (ui, _running) = serving(Router::new().fallback(echo)).await;
    let ui = format!("http://{ui}");
    let pair = Pair::start(&collector.url, &["--ui", &ui]);
    let browser = pair.browser();
    let ask =
        async |headers: &[(&str, &str)]| browser.peek(Method::GET, "/page", headers, "").await.body;
    let given = traced("01");
    let told = ask(&[("traceparent", &given), ("tracestate", "vendor=1")]).await;
    let (parent, state) = told.split_once(';').unwrap();
    let parts: Vec<&str> = parent.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3], state), ("00", TRACE, "01", "vendor=1"), "{told}");
    let spans = collector.trace(TRACE, 2).await;
    let call = one(&spans, SpanKind::Client, |_| true);
    assert_eq!(parts[2], hex(&call.span_id));

    for malformed in [
        "",
        "x",
        "00-0-0-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    ] {
        let told = ask(&[("traceparent", malformed), ("tracestate", "vendor=1")]).await;
        let (parent, state) = told.split_once(';').unwrap();
        let parts: Vec<&str> = parent.split('-').collect();
        assert_eq!((parts.len(), parts[1].len(), state), (4, 32, ""), "{malformed}: {told}");
        assert_ne!(parts[1], TRACE);
    }
    let unsampled = ask(&[("traceparent", &traced("00"))]).await;
    assert!(
        unsampled.starts_with(&format!("00-{TRACE}-")) && unsampled.contains("-00;"),
        "{unsampled}"
    );
    assert_eq!(collector.spans(TRACE).len(), 2);
}

#[tokio::test]
async fn without_a_collector_the_trace_of_the_client_is_passed_on_as_it_is() {
    let echo = async |headers: HeaderMap| {
        let said = |name: &str| headers[name].to_str().unwrap().to_owned();
        format!("{};{}", said("traceparent"), said("tracestate"))
    };
    let (ui, _running) = serving(Router::new().fallback(echo)).await;
    let folder = Folder::new();
    let server = Server::serve(&folder, &["--ui", &format!("http://{ui}")]);
    let headers = [("traceparent", "00-a-b-01"), ("tracestate", "vendor=1")];
    let told = server.client("Site").request("GET", "/page", &headers, "").await;
    assert_eq!(told.body, "00-a-b-01;vendor=1");
}

#[tokio::test]
async fn of_traces_that_begin_here_the_ratio_is_kept_and_an_outage_is_an_error() {
    let collector = Collector::new().await;
    let ratio = ["--trace-ratio", "0", "--ui", "http://127.0.0.1:1"];
    let pair = Pair::start(&collector.url, &ratio);
    let browser = pair.browser();
    for _ in 0..20 {
        assert_eq!(browser.peek(Method::GET, "/page", &[], "").await.status, 503);
    }
    let given = traced("01");
    browser.peek(Method::GET, "/page", &[("traceparent", &given)], "").await;
    let spans = collector.trace(TRACE, 2).await;
    for span in &spans {
        assert_eq!(span.status.as_ref().unwrap().code(), Outcome::Error, "{span:?}");
    }
    let gateway = |span: &Span| said(span, "vestibule.role") == "gateway";
    let of_site = collector.taken.lock().unwrap().iter().filter(|span| gateway(span)).count();
    assert_eq!(of_site, 1, "those before were not kept");
}

#[tokio::test]
async fn a_collector_that_is_away_changes_no_answer_and_is_named_in_the_log_once() {
    let mut pair = Pair::start("http://127.0.0.1:1", &[]);
    let mut browser = pair.browser().member("ada").await;
    for _ in 0..50 {
        assert_eq!(browser.fetch("GET", "/api/v1/user/me", None).await.status, 200);
    }
    let log = pair.folder.path().join("site.log");
    let said = || fs::read_to_string(&log).unwrap().matches("--otlp-endpoint").count();
    until(async || said() > 0).await;
    let started = now();
    pair.site.signal("-TERM");
    assert!(pair.site.child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(8), "the farewell has an end");
    assert_eq!(said(), 1);
    assert_eq!(pair.api.client("API").get("/ready").await.status, 200);
}

#[expect(clippy::disallowed_methods, reason = "measures how long a process took to end")]
fn now() -> Instant {
    Instant::now()
}
