//! An API, a site, and what talks to them. Time stands still until a test moves it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use vestibule::secrets::Secrets;
use vestibule::wiring::{self, SiteParts};
use vestibule_api::{Api, ApiSettings, Store};
use vestibule_gateway::{App, Gateway, HopSettings, Plan, PlanSettings, Upstream};
use vestibule_types::{ClientAddress, Clock, Secret};

use crate::database::{Engine, TestDatabase};
use crate::fastapi::{Fastapi, me};

pub const NOW: i64 = 1_800_000_000;
pub const PASSWORD: &str = "Str1ngst!";

/// A folder of its own, gone with the test.
pub struct Folder {
    path: PathBuf,
    database: OnceLock<Box<TestDatabase>>,
}

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("vestibule-journey-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self { path, database: OnceLock::new() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database that servers with this folder use, if it isn't a file in it.
    pub fn server_database(&self) -> Option<&TestDatabase> {
        let is_server = Engine::of_this_run() == Engine::Postgres;
        is_server.then(|| self.database.get_or_init(|| Box::new(TestDatabase::new())).as_ref())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// An identity API on a database of its own.
pub struct TestApi {
    pub clock: Clock,
    pub database: Arc<TestDatabase>,
    pub inner: Api,
    pub client: Client,
    /// Stands in for it, if this run is about that.
    fastapi: Option<Fastapi>,
}

impl TestApi {
    pub async fn new() -> Self {
        Self::with(ApiSettings { throttle: false, ..ApiSettings::default() }).await
    }

    pub async fn with(settings: ApiSettings) -> Self {
        Self::on(&Arc::new(TestDatabase::new()), &Clock::stopped_at(NOW), settings).await
    }

    /// A node of its own on a database that several may share.
    pub async fn on(database: &Arc<TestDatabase>, clock: &Clock, settings: ApiSettings) -> Self {
        let store = Store::open(&database.database()).await.unwrap();
        let keys = Secret::from_random([3; 32]).into();
        let fastapi = Fastapi::of_this_run(&settings, clock);
        let (inner, router) = wiring::api(store, keys, settings, clock.clone()).await.unwrap();
        let router = fastapi.as_ref().map_or(router, |fastapi| fastapi.router().into());
        let client = Client::of(Upstream::in_process(router));
        Self { clock: clock.clone(), database: database.clone(), inner, client, fastapi }
    }

    /// The API's routes: what a site stands in front of.
    pub fn router(&self) -> Router {
        self.fastapi.as_ref().map_or_else(|| self.inner.router(), Fastapi::router)
    }

    /// Registers `username` and answers the user.
    pub async fn register(&self, username: &str) -> Value {
        let answer = self.client.post_json("/api/v1/user", &person(username)).await;
        assert_eq!(answer.status, 201, "{answer}");
        answer.json()
    }

    pub async fn log_in(&self, username: &str) -> Tokens {
        let answer = self.client.log_in(username, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer}");
        Tokens::of(&answer)
    }

    /// Registers and logs in.
    pub async fn member(&self, username: &str) -> Tokens {
        self.register(username).await;
        self.log_in(username).await
    }

    pub async fn me(&self, access: &str) -> Answer {
        self.client.get_as(me(), access).await
    }

    pub async fn refresh(&self, refresh: &str) -> Answer {
        self.client.post_cookie("/api/v1/refresh", refresh).await
    }

    /// The site in front of this API, in-process.
    pub fn site(&self) -> Browser {
        self.site_over(Upstream::in_process(self.router()), None)
    }

    /// The site in front of this API, which `faults` befall.
    pub fn faulty_site(&self, faults: &Faults) -> Browser {
        self.site_over(faults.around(self.router()), None)
    }

    /// The site in front of anything, with this API's clock.
    pub fn site_over(&self, api: Upstream, ui: Option<Upstream>) -> Browser {
        self.gateway_over(api, ui, Duration::from_secs(60)).1
    }

    /// The same with its gateway, which can be told to follow revocations.
    pub fn gateway_over(
        &self,
        api: Upstream,
        ui: Option<Upstream>,
        max_stale: Duration,
    ) -> (Gateway, Browser) {
        self.gateway_behind(HopSettings::default(), api, ui, max_stale)
    }

    /// The same with proxies in front.
    pub fn gateway_behind(
        &self,
        hops: HopSettings,
        api: Upstream,
        ui: Option<Upstream>,
        max_stale: Duration,
    ) -> (Gateway, Browser) {
        let parts = self.site_parts(hops, api.clone(), ui, max_stale);
        let (gateway, router) = wiring::site(parts, api, self.clock.clone());
        (gateway, Browser::of(Upstream::in_process(router)))
    }

    /// The same with any plan.
    pub fn gateway_by(&self, plan: PlanSettings, max_stale: Duration) -> (Gateway, Browser) {
        let (gateway, router) = self.router_by(plan, max_stale);
        (gateway, Browser::of(Upstream::in_process(router)))
    }

    /// The same as it is served on a socket.
    pub fn router_by(&self, plan: PlanSettings, max_stale: Duration) -> (Gateway, App) {
        let api = plan.api.clone();
        let parts = parts_by(plan, HopSettings::default(), max_stale);
        wiring::site(parts, api, self.clock.clone())
    }

    /// What the sites of these tests are made of.
    pub fn site_parts(
        &self,
        hops: HopSettings,
        api: Upstream,
        ui: Option<Upstream>,
        max_stale: Duration,
    ) -> SiteParts {
        let protect = ["/billing/**", "/api/v1/teams/**"].map(|guarded| guarded.parse().unwrap());
        let plan = PlanSettings { ui, protect: protect.to_vec(), ..PlanSettings::new(api) };
        parts_by(plan, hops, max_stale)
    }
}

fn parts_by(plan: PlanSettings, hops: HopSettings, max_stale: Duration) -> SiteParts {
    SiteParts {
        site: "http://localhost:3000".parse().unwrap(),
        secrets: Secrets { first: Secret::from_random([5; 32]), older: Vec::new() },
        plan: Plan::new(plan).unwrap(),
        max_stale,
        hops,
    }
}

pub fn person(username: &str) -> Value {
    json!({
        "name": "Ada Lovelace", "username": username,
        "email": format!("{username}@example.com"), "password": PASSWORD,
    })
}

/// What a login hands out.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    pub fn of(answer: &Answer) -> Self {
        let access = answer.json()["access_token"].as_str().unwrap().to_owned();
        let cookie =
            answer.cookies().into_iter().find(|line| line.starts_with("refresh_token=")).unwrap();
        let refresh =
            cookie.split(';').next().unwrap().trim_start_matches("refresh_token=").to_owned();
        Self { access, refresh }
    }
}

/// A status, headers and the whole body.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self}"))
    }

    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_else(|| panic!("no text: {self}")).to_owned()
    }

    /// `loc.field:type` of every entry of a 422.
    pub fn refused(&self) -> Vec<String> {
        let json = self.json();
        let entries = json["detail"].as_array().unwrap_or_else(|| panic!("no list: {self}"));
        let place = |entry: &Value| {
            let loc: Vec<String> =
                entry["loc"].as_array().unwrap().iter().map(Value::to_string).collect();
            loc.join(".").replace('"', "")
        };
        entries
            .iter()
            .map(|entry| format!("{}:{}", place(entry), entry["type"].as_str().unwrap()))
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn cookies(&self) -> Vec<String> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    }

    pub fn says(&self) -> String {
        format!("{} {}", self.status, self.body)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?} {}", self.status, self.headers, self.body)
    }
}

/// Sends requests and reads answers whole.
#[derive(Clone)]
pub struct Client {
    to: Upstream,
    address: IpAddr,
    /// What requests say in `Host`, unless they say it themselves.
    host: Option<&'static str>,
}

impl Client {
    pub fn of(to: Upstream) -> Self {
        Self { to, address: IpAddr::from([127, 0, 0, 1]), host: None }
    }

    pub fn at_address(&self, address: [u8; 4]) -> Self {
        Self { address: address.into(), ..self.clone() }
    }

    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.try_request(method, path, headers, body).await.expect("an answer")
    }

    /// The whole answer, or nothing if the connection broke.
    pub async fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(path);
        let has_host = headers.iter().any(|(name, _)| *name == "host");
        if let Some(host) = self.host.filter(|_| !has_host) {
            request = request.header("host", host);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = request.extension(ClientAddress(self.address));
        let response = self.to.send(request.body(Body::from(body.into())).unwrap()).await.ok()?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "").await
    }

    pub async fn get_as(&self, path: &str, access: &str) -> Answer {
        self.request("GET", path, &[("authorization", &format!("Bearer {access}"))], "").await
    }

    pub async fn delete_as(&self, path: &str, access: &str) -> Answer {
        self.request("DELETE", path, &[("authorization", &format!("Bearer {access}"))], "").await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub async fn patch_as(&self, path: &str, access: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {access}");
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        self.request("PATCH", path, &headers, body.to_string()).await
    }

    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.request("POST", path, &[("content-type", "application/x-www-form-urlencoded")], body)
            .await
    }

    pub async fn log_in(&self, username: &str, password: &str) -> Answer {
        self.post_form("/api/v1/login", &[("username", username), ("password", password)]).await
    }

    pub async fn post_cookie(&self, path: &str, refresh: &str) -> Answer {
        self.request("POST", path, &[("cookie", &format!("refresh_token={refresh}"))], "").await
    }
}

/// A browser on the site: keeps cookies, says where its requests come from.
#[derive(Clone)]
pub struct Browser {
    pub client: Client,
    pub jar: BTreeMap<String, String>,
}

impl Browser {
    pub fn of(site: Upstream) -> Self {
        let client = Client { host: Some("localhost:3000"), ..Client::of(site) };
        Self { client, jar: BTreeMap::new() }
    }

    fn cookie(&self) -> String {
        self.jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// Takes what an answer sets, as a jar does.
    pub fn keep(&mut self, answer: &Answer) {
        for line in answer.cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((&line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Sends a request with the jar's cookies and keeps nothing.
    pub async fn peek(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let cookie = self.cookie();
        let mut all = headers.to_vec();
        if !cookie.is_empty() {
            all.push(("cookie", &cookie));
        }
        self.client.request(method.as_str(), path, &all, body).await
    }

    /// Goes to a page.
    pub async fn visit(&mut self, path: &str) -> Answer {
        let answer = self.peek(Method::GET, path, &NAVIGATION, "").await;
        self.keep(&answer);
        answer
    }

    /// Submits a form of the site's own.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut headers = NAVIGATION.to_vec();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        headers.push(("origin", "http://localhost:3000"));
        let answer = self.peek(Method::POST, path, &headers, body).await;
        self.keep(&answer);
        answer
    }

    /// Calls as a script of the site's own pages does.
    pub async fn fetch(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut headers = SCRIPT.to_vec();
        let body = body.map(ToString::to_string);
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let answer =
            self.peek(method.parse().unwrap(), path, &headers, body.unwrap_or_default()).await;
        self.keep(&answer);
        answer
    }

    pub async fn register(&mut self, username: &str) -> Answer {
        let email = format!("{username}@example.com");
        let fields = [
            ("name", "Ada Lovelace"),
            ("username", username),
            ("email", &email),
            ("password", PASSWORD),
        ];
        self.submit("/register", &fields).await
    }

    pub async fn sign_in(&mut self, username: &str) -> Answer {
        self.submit("/login", &[("username", username), ("password", PASSWORD)]).await
    }

    /// Registers and signs in.
    pub async fn member(mut self, username: &str) -> Self {
        assert_eq!(self.register(username).await.status, 303);
        assert_eq!(self.sign_in(username).await.status, 303);
        self
    }

    pub fn is_signed_in(&self) -> bool {
        self.jar.contains_key("vestibule")
    }
}

const NAVIGATION: [(&str, &str); 4] = [
    ("accept", "text/html"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];

const SCRIPT: [(&str, &str); 4] = [
    ("accept", "*/*"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
];

/// Where an answer leads.
pub fn leads(answer: &Answer) -> (StatusCode, &str) {
    (StatusCode::from_u16(answer.status).unwrap(), answer.header("location"))
}

/// Asks until it is so; what has not come true after ten seconds never will.
pub async fn until(is_so: impl AsyncFn() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asking).await.expect("it comes true");
}

/// What can happen to an API: it counts its requests, stops answering, or holds one back.
#[derive(Clone, Default)]
pub struct Faults(Arc<FaultState>);

#[derive(Default)]
struct FaultState {
    counts: Mutex<BTreeMap<String, u32>>,
    down: AtomicBool,
    away: AtomicBool,
    refused_once: Mutex<Option<String>>,
    failing: Mutex<Option<String>>,
    held: Mutex<Option<(String, Arc<Semaphore>)>>,
    waiting: AtomicU32,
}

impl Faults {
    /// `api` with these faults.
    pub fn around(&self, api: Router) -> Upstream {
        let faults = self.clone();
        Upstream::in_process(api.layer(from_fn(
            move |request: axum::extract::Request, next: Next| {
                let faults = faults.clone();
                async move { faults.pass(request, next).await }
            },
        )))
    }

    async fn pass(&self, request: axum::extract::Request, next: Next) -> Response {
        let path = request.uri().path().to_owned();
        *self.0.counts.lock().unwrap().entry(path.clone()).or_default() += 1;
        if self.0.refused_once.lock().unwrap().take_if(|refused| *refused == path).is_some() {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        if self.0.failing.lock().unwrap().as_ref() == Some(&path) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        if self.0.away.load(Ordering::SeqCst) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        let held = self.0.held.lock().unwrap().clone().filter(|(held, _)| *held == path);
        let response = next.run(request).await;
        if let Some((_, gate)) = held {
            self.0.waiting.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
        }
        if self.0.down.load(Ordering::SeqCst) {
            StatusCode::BAD_GATEWAY.into_response()
        } else {
            response
        }
    }

    /// How often `path` was asked for since last time.
    pub fn count(&self, path: &str) -> u32 {
        self.0.counts.lock().unwrap().remove(path).unwrap_or_default()
    }

    /// The next request for `path` is told that its token is dead.
    pub fn refuse_once(&self, path: &str) {
        *self.0.refused_once.lock().unwrap() = Some(path.to_owned());
    }

    /// `path` answers 500 from now on.
    pub fn fail(&self, path: &str) {
        *self.0.failing.lock().unwrap() = Some(path.to_owned());
    }

    /// Requests don't reach it at all from now on.
    pub fn refuse_to_run(&self) {
        self.0.away.store(true, Ordering::SeqCst);
    }

    pub fn run_again(&self) {
        self.0.away.store(false, Ordering::SeqCst);
    }

    pub fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// Holds back the answers of `path`, after it did its work, until the gate gets permits.
    pub fn hold(&self, path: &str) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.0.held.lock().unwrap() = Some((path.to_owned(), gate.clone()));
        gate
    }

    /// Until so many answers are held back.
    pub async fn held(&self, count: u32) {
        until(async || self.0.waiting.load(Ordering::SeqCst) >= count).await;
    }
}
