//! A browser: keeps cookies in the order in which answers arrive, and says where its requests come from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::time::timeout;
use vestibule_gateway::{Opened, Session, Upstream};
use vestibule_types::Clock;

use crate::World;
use crate::balancer::claims;

/// A status, where it leads, and the whole body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default()
    }

    /// 502, 503, 504: nothing is known.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.status, 502..=504)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends a request, and lets `keep` see the headers as soon as they are there. `None` if the connection broke or
/// patience came to its end.
pub(crate) async fn ask(
    to: &Upstream,
    request: Request<Body>,
    patience: Duration,
    keep: impl FnOnce(&HeaderMap),
) -> Option<Answer> {
    let exchange = async {
        let (head, body) = to.send(request).await.ok()?.into_parts();
        keep(&head.headers);
        let body = body.collect().await.ok()?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
    };
    timeout(patience, exchange).await.ok().flatten()
}

/// What a browser says of a request.
#[derive(Clone, Copy)]
pub(crate) enum From {
    /// The person, by a link or a form.
    Navigation,
    /// A script of a page.
    Script,
}

/// A browser on the site, whichever gateway it reaches.
pub(crate) struct Browser {
    world: Arc<World>,
    jar: Mutex<Jar>,
}

#[derive(Default)]
struct Jar {
    cookies: BTreeMap<String, String>,
    /// How often the session's cookie was deleted.
    deleted: u32,
    /// The session at the API, as of the last cookie.
    sid: String,
    /// And where its refresh token stands.
    place: String,
}

/// Name of the session's cookie on an http site.
const COOKIE: &str = "vestibule";

/// How long a browser waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

impl Browser {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self { world: world.clone(), jar: Mutex::default() }
    }

    /// Sends a request to `gateway` with the cookies that it has now, and keeps those of the answer.
    pub(crate) async fn send(
        &self,
        gateway: usize,
        from: From,
        request: http::request::Builder,
        body: String,
    ) -> Option<Answer> {
        let request = with_origin(&self.world, from, request);
        let mut request = request.body(Body::from(body)).expect("a request of ours is legal");
        let cookies = self.cookies();
        if !cookies.is_empty() {
            let cookies = cookies.parse().expect("cookies are legal in a header");
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        let upstream = &self.world.cluster.gateways[gateway].upstream;
        ask(upstream, request, PATIENCE, |headers| self.keep(gateway, headers)).await
    }

    pub(crate) async fn get(&self, gateway: usize, from: From, path: &str) -> Option<Answer> {
        self.send(gateway, from, Request::get(path), String::new()).await
    }

    /// Submits a form of the site's own.
    pub(crate) async fn submit(
        &self,
        gateway: usize,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Option<Answer> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(gateway, From::Navigation, request, body).await
    }

    /// Whether it was acknowledged.
    pub(crate) async fn register(&self, gateway: usize, username: &str, password: &str) -> bool {
        let email = format!("{username}@example.com");
        let fields = [
            ("name", "Ada Lovelace"),
            ("username", username),
            ("email", &email),
            ("password", password),
        ];
        let answer = self.submit(gateway, "/register", &fields).await;
        answer.is_some_and(|answer| answer.status == 303 && answer.location().starts_with("/login"))
    }

    pub(crate) async fn sign_in(
        &self,
        gateway: usize,
        username: &str,
        password: &str,
    ) -> Option<Answer> {
        self.submit(gateway, "/login", &[("username", username), ("password", password)]).await
    }

    /// The header with all cookies.
    pub(crate) fn cookies(&self) -> String {
        let jar = self.jar();
        let pairs = jar.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// What the session's cookie holds, if there is one.
    pub(crate) fn session(&self) -> Option<Session> {
        let cookie = self.jar().cookies.get(COOKIE).map(|value| format!("{COOKIE}={value}"))?;
        opened(&self.world, &cookie)
    }

    /// The session's name at the API, also when it is over.
    pub(crate) fn sid(&self) -> String {
        self.jar().sid.clone()
    }

    /// The session, and where the refresh token in the jar stands.
    pub(crate) fn place(&self) -> (String, String) {
        let jar = self.jar();
        (jar.sid.clone(), jar.place.clone())
    }

    /// How often a gateway deleted the session's cookie.
    pub(crate) fn deleted(&self) -> u32 {
        self.jar().deleted
    }

    /// Takes what an answer sets, as a jar does.
    fn keep(&self, gateway: usize, headers: &HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok())
        {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            let is_deleted = attributes.contains("Max-Age=0");
            let session = (name == COOKIE && !is_deleted)
                .then(|| opened(&self.world, &format!("{COOKIE}={value}")))
                .flatten();
            let mut jar = self.jar();
            match is_deleted {
                true => jar.cookies.remove(name),
                false => jar.cookies.insert(name.to_owned(), value.to_owned()),
            };
            if name == COOKIE && is_deleted {
                jar.deleted += 1;
                let line = format!("gateway {}: the cookie is deleted", gateway + 1);
                self.world.record.tell(&jar.sid, &line);
            }
            let Some(session) = session else { continue };
            let refresh = session.refresh.as_ref().and_then(|token| claims(token.reveal()));
            let Some(refresh) = refresh else { continue };
            let line = format!("gateway {}: the jar has {}", gateway + 1, refresh.place());
            self.world.record.tell(&refresh.sid, &line);
            self.world.record.count("cookies renewed");
            jar.place = refresh.place();
            jar.sid = refresh.sid;
        }
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request as a browser sends it from a page of the site.
pub(crate) fn with_origin(
    world: &World,
    from: From,
    request: http::request::Builder,
) -> http::request::Builder {
    let (accept, mode, dest) = match from {
        From::Navigation => ("text/html,*/*;q=0.8", "navigate", "document"),
        From::Script => ("*/*", "cors", "empty"),
    };
    let is_read = request.method_ref().is_some_and(http::Method::is_safe);
    let host = world.cluster.origin.trim_start_matches("http://");
    let request = request
        .header(header::HOST, host)
        .header(header::ACCEPT, accept)
        .header("sec-fetch-site", "same-origin")
        .header("sec-fetch-mode", mode)
        .header("sec-fetch-dest", dest);
    if is_read { request } else { request.header(header::ORIGIN, &world.cluster.origin) }
}

fn opened(world: &World, cookie: &str) -> Option<Session> {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, cookie.parse().ok()?);
    match world.cluster.cookie.read(&headers, Clock::system().now()) {
        Opened::Session(session) => Some(session),
        _ => None,
    }
}
