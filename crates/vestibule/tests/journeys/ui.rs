//! A UI such as Next.js behind the site, as far as these journeys need one: it keeps what it was asked, and answers what
//! a test has it say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use serde_json::Value;
use vestibule_gateway::{Gateway, PlanSettings, SessionPolicy, Upstream};

use crate::support::{Answer, Browser, Client, TestApi};

/// What it answers to one path.
#[derive(Clone)]
pub struct Says {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
}

#[derive(Clone, Default)]
pub struct Ui {
    asked: Arc<Mutex<Vec<HeaderMap>>>,
    says: Arc<Mutex<BTreeMap<String, Says>>>,
}

impl Ui {
    pub fn upstream(&self) -> Upstream {
        let ui = self.clone();
        Upstream::in_process(
            Router::new().fallback(async move |request: Request| ui.answer(&request)),
        )
    }

    /// As Next.js answers a page that it has made beforehand, unless a test has it say something else.
    fn answer(&self, request: &Request) -> Response {
        self.asked.lock().unwrap().push(request.headers().clone());
        let says = self.says.lock().unwrap().get(request.uri().path()).cloned();
        let usual = [("cache-control", "s-maxage=31536000"), ("etag", "\"page\"")];
        let usual = usual.map(|(name, value)| (name, value.to_owned())).to_vec();
        let Says { status, headers } = says.unwrap_or(Says { status: 200, headers: usual });
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body("a page".into()).unwrap()
    }

    /// From now on `path` is answered with this.
    pub fn says(&self, path: &str, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.says.lock().unwrap().insert(path.to_owned(), Says { status, headers });
    }

    /// The head of the request that came last.
    pub fn asked(&self) -> Asked {
        Asked(self.asked.lock().unwrap().last().cloned().expect("it was asked"))
    }
}

/// What the UI was told.
pub struct Asked(pub HeaderMap);

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn ticket(&self) -> Option<&str> {
        self.header("x-vestibule-session")
    }

    /// The claims of the identity, not verified.
    pub fn identity(&self) -> Option<Value> {
        Some(claims(self.header("x-vestibule-identity")?))
    }
}

pub fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// The site in front of this UI, and the UI's server code.
pub struct Stand {
    pub api: TestApi,
    pub gateway: Gateway,
    pub ui: Ui,
    pub browser: Browser,
    pub server: Client,
}

impl Stand {
    pub async fn new() -> Self {
        Self::with(SessionPolicy::Ticket).await
    }

    pub async fn with(ui_session: SessionPolicy) -> Self {
        let api = TestApi::new().await;
        let upstream = Upstream::in_process(api.router());
        Self::over(api, upstream, |plan| PlanSettings { ui_session, ..plan })
    }

    /// With `upstream` in the API's place, and the usual plan changed.
    pub fn over(
        api: TestApi,
        upstream: Upstream,
        change: impl FnOnce(PlanSettings) -> PlanSettings,
    ) -> Self {
        let ui = Ui::default();
        let plan = PlanSettings { ui: Some(ui.upstream()), ..PlanSettings::new(upstream) };
        let (gateway, browser) = api.gateway_by(change(plan), Duration::from_secs(60));
        let server = browser.client.at_address([127, 0, 0, 2]);
        Self { api, gateway, ui, browser, server }
    }

    /// With somebody signed in, whose browser is at an address of its own.
    pub async fn member(mut self, username: &str) -> Self {
        self.browser.client = self.browser.client.at_address([203, 0, 113, 7]);
        self.browser = self.browser.member(username).await;
        self
    }

    /// What the UI is told when this page is visited.
    pub async fn visit(&mut self, path: &str) -> Asked {
        let answer = self.browser.visit(path).await;
        assert_eq!(answer.body, "a page", "{answer}");
        self.ui.asked()
    }

    /// The ticket that comes with a page.
    pub async fn ticket(&mut self) -> String {
        self.visit("/").await.ticket().expect("there is a ticket").to_owned()
    }

    /// Server code calls with a ticket, as Node.js does.
    pub async fn call(&self, method: &str, path: &str, ticket: &str) -> Answer {
        self.call_with(method, path, &[("x-vestibule-session", ticket)]).await
    }

    pub async fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let node = [("accept", "*/*"), ("sec-fetch-mode", "cors"), ("user-agent", "node")];
        self.server.request(method, path, &[&node, headers].concat(), "").await
    }
}
