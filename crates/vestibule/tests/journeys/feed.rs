//! The gateway follows the API's revocations. The feed is the test's own, in front of the real API: it tells
//! what a test wants told, and notes whose token it saw last.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;
use vestibule::metrics::Registry;
use vestibule_gateway::{FeedLost, Upstream};
use vestibule_types::Secret;

use crate::support::{Browser, Faults, NOW, TestApi, leads, until};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);
/// How long an answer is held open; a real API takes a second.
const HELD: Duration = Duration::from_millis(20);

pub fn key(seed: u8) -> Secret {
    Secret::from_random([seed; 32])
}

#[derive(Clone, Default)]
pub struct Feed(Arc<Told>);

#[derive(Default)]
struct Told {
    list: Mutex<List>,
    news: Notify,
}

#[derive(Default)]
struct List {
    revoked: Vec<(String, i64)>,
    everyone_before: i64,
    age_ms: u64,
    page: Option<usize>,
    /// Answered instead.
    trouble: Option<(StatusCode, &'static str)>,
    asked: u32,
    /// How much of it the gateway has learned, by the cursor that it shows.
    learned: usize,
    bearer: Option<String>,
}

impl Feed {
    fn list(&self) -> MutexGuard<'_, List> {
        self.0.list.lock().unwrap()
    }

    pub fn revoke(&self, sid: &str) {
        self.list().revoked.push((sid.to_owned(), NOW + 3600));
        self.0.news.notify_waiters();
    }

    fn breaks(&self, status: StatusCode, body: &'static str) {
        self.list().trouble = Some((status, body));
    }

    fn is_mended(&self) {
        self.list().trouble = None;
    }

    /// Until it is asked anew: what was asked before has been learned.
    async fn is_asked(&self) {
        let before = self.list().asked;
        until(async || self.list().asked > before).await;
    }

    /// The API's name of the session whose token was seen last.
    pub fn sid_seen(&self) -> String {
        let bearer = self.list().bearer.clone().unwrap();
        let claims = URL_SAFE_NO_PAD.decode(bearer.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        claims["sid"].as_str().unwrap().to_owned()
    }

    /// `api` with this feed.
    pub fn before(&self, api: Router) -> Router {
        let feed = self.clone();
        let spy = from_fn(move |request: Request, next: Next| {
            let bearer = request.headers().get("authorization");
            if let Some(bearer) = bearer.filter(|_| request.uri().path().starts_with("/api/")) {
                feed.list().bearer = Some(bearer.to_str().unwrap().to_owned());
            }
            next.run(request)
        });
        let feed = Router::new().route("/internal/revocations", get(tell)).with_state(self.clone());
        feed.merge(api).layer(spy)
    }

    /// A site in front of `api` that follows this feed, and what came of the first try.
    async fn site(&self, api: &TestApi, max_stale: Duration) -> (Browser, Result<bool, FeedLost>) {
        self.faulty_site(api, max_stale, &Faults::default()).await
    }

    async fn faulty_site(
        &self,
        api: &TestApi,
        max_stale: Duration,
        faults: &Faults,
    ) -> (Browser, Result<bool, FeedLost>) {
        let upstream = faults.around(self.before(api.inner.router()));
        let (gateway, browser) = api.gateway_over(upstream, None, max_stale);
        let heard = gateway.follow_revocations(&key(9)).await;
        (browser, heard)
    }
}

async fn tell(
    State(feed): State<Feed>,
    Query(asked): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let after: usize = asked.get("after").map_or(0, |cursor| {
        cursor.strip_prefix("c+/= ").expect("one of its own cursors").parse().unwrap()
    });
    feed.list().asked += 1;
    feed.list().learned = after;
    if headers["authorization"] != format!("Bearer {}", key(9).to_text().as_str()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if let Some(trouble) = feed.list().trouble {
        return trouble.into_response();
    }
    let is_new = feed.list().revoked.len() > after;
    if !is_new {
        let _news_or_not = tokio::time::timeout(HELD, feed.0.news.notified()).await;
    }
    let list = feed.list();
    let rest = &list.revoked[after..];
    let page = &rest[..rest.len().min(list.page.unwrap_or(usize::MAX))];
    let page = json!({
        "cursor": format!("c+/= {}", after + page.len()), "more": page.len() < rest.len(),
        "age_ms": list.age_ms, "everyone_before": list.everyone_before, "revoked": page,
    });
    page.to_string().into_response()
}

/// What the site says of itself.
async fn ready(browser: &Browser) -> (u16, Value) {
    let answer = browser.client.get("/ready").await;
    (answer.status, answer.json())
}

async fn status(browser: &Browser, path: &str) -> u16 {
    browser.clone().visit(path).await.status
}

#[tokio::test]
async fn rv_02_a_session_revoked_elsewhere_is_refused_without_a_call_to_the_api() {
    let (api, feed, faults) = (TestApi::new().await, Feed::default(), Faults::default());
    let (browser, heard) = feed.faulty_site(&api, LONG, &faults).await;
    assert_eq!(heard, Ok(true));
    assert_eq!(ready(&browser).await, (200, json!({"status": "ready", "revocations": "followed"})));
    let mut other = Browser { jar: Default::default(), ..browser.clone() }.member("bob").await;
    let mut browser = browser.member("ada").await;
    assert_eq!(browser.visit("/dashboard").await.status, 200);

    feed.revoke(&feed.sid_seen());
    until(async || status(&browser, "/dashboard").await == 303).await;
    let calls = || faults.count("/api/v1/user/me/") + faults.count("/api/v1/refresh");
    calls();
    assert_eq!(browser.clone().fetch("GET", "/api/v1/user/ada", None).await.status, 401);
    let answer = browser.visit("/dashboard").await;
    assert_eq!(leads(&answer), (StatusCode::SEE_OTHER, "/login?next=%2Fdashboard"));
    assert!(!browser.is_signed_in(), "the cookie is gone: {answer}");
    assert_eq!(calls(), 0);
    assert_eq!(other.visit("/dashboard").await.status, 200, "nobody else's session");
    assert_eq!(browser.sign_in("ada").await.status, 303);
    assert_eq!(browser.visit("/dashboard").await.status, 200, "the next session is another");
}

#[tokio::test]
async fn ky_07_everyone_before_signs_everybody_out() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    let (browser, _) = feed.site(&api, LONG).await;
    let mut browser = browser.member("ada").await;
    api.clock.advance(1);
    let mut newer = Browser { jar: Default::default(), ..browser.clone() }.member("bob").await;
    feed.list().everyone_before = NOW;
    until(async || status(&browser, "/dashboard").await == 303).await;
    assert_eq!(browser.visit("/dashboard").await.status, 303);
    assert!(!browser.is_signed_in());
    assert_eq!(newer.visit("/dashboard").await.status, 200);
}

#[tokio::test]
async fn rf_09_a_revocation_wins_over_a_refresh_under_way() {
    let (api, feed, faults) = (TestApi::new().await, Feed::default(), Faults::default());
    let (browser, _) = feed.faulty_site(&api, LONG, &faults).await;
    let browser = browser.member("ada").await;
    api.clock.advance(1790);
    let gate = faults.hold("/api/v1/refresh");
    let waiting = {
        let mut browser = browser.clone();
        tokio::spawn(async move { (browser.visit("/dashboard").await, browser) })
    };
    faults.held(1).await;
    feed.revoke(&feed.sid_seen());
    until(async || feed.list().learned == 1).await;
    gate.add_permits(1);
    let (answer, browser) = waiting.await.unwrap();
    assert_eq!(answer.status, 303, "{answer}");
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn an_api_without_a_feed_is_no_trouble() {
    let api = TestApi::new().await;
    let feed = Feed::default();
    feed.breaks(StatusCode::NOT_FOUND, "");
    let (browser, heard) = feed.site(&api, SHORT).await;
    assert_eq!(heard, Ok(false));
    let mut browser = browser.member("ada").await;
    assert_eq!(browser.visit("/dashboard").await.status, 200);
    assert_eq!(ready(&browser).await, (200, json!({"status": "ready", "revocations": "off"})));
}

#[tokio::test]
async fn rv_03_f18_guarded_pages_go_on_without_the_feed_up_to_max_stale_and_are_back_with_it() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    let another = Feed::default();
    let patient = another.site(&api, LONG).await.0.member("ada").await;
    let (browser, _) = feed.site(&api, SHORT).await;
    let mut browser = Browser { jar: patient.jar.clone(), ..browser };
    until(async || status(&browser, "/dashboard").await == 200).await;

    for trouble in [StatusCode::BAD_GATEWAY, StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED] {
        feed.breaks(trouble, "");
        another.breaks(trouble, "");
        feed.is_asked().await;
        until(async || status(&browser, "/dashboard").await == 503).await;
        let page = browser.visit("/dashboard").await;
        assert_eq!((page.status, page.header("retry-after")), (503, "2"), "{page}");
        assert!(page.cookies().is_empty() && browser.is_signed_in(), "{page}");
        assert!(page.body.contains("Your session is kept"), "{page}");
        let data = browser.fetch("GET", "/billing/data", None).await;
        assert_eq!((data.status, &data.json()["code"]), (503, &json!("revocations_unknown")));
        let (status_of_site, said) = ready(&browser).await;
        assert_eq!((status_of_site, &said["code"]), (503, &json!("revocations_unknown")));

        assert_eq!(browser.visit("/").await.status, 200, "it is not guarded");
        assert_eq!(browser.fetch("GET", "/api/v1/user/me", None).await.status, 200);
        assert_eq!(browser.fetch("GET", "/api/v1/teams/7", None).await.status, 404, "the API's");
        let mut stranger = Browser { jar: Default::default(), ..browser.clone() };
        assert_eq!(stranger.visit("/dashboard").await.status, 303, "there is nothing to find out");
        assert_eq!(status(&patient, "/dashboard").await, 200);

        feed.is_mended();
        until(async || status(&browser, "/dashboard").await == 200).await;
    }
}

#[tokio::test]
async fn rv_03_ready_says_when_the_knowledge_is_old() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    feed.list().age_ms = 10_000;
    let (browser, heard) = feed.site(&api, LONG).await;
    assert_eq!(heard, Ok(true));
    let (status, said) = ready(&browser).await;
    assert_eq!((status, &said["revocations"]), (200, &json!("stale")), "{said}");
    assert!((10..60).contains(&said["age_s"].as_u64().unwrap()), "{said}");
    feed.list().age_ms = 61_000;
    let (browser, _) = feed.site(&api, LONG).await;
    assert_eq!(ready(&browser).await.0, 503, "the API's own ignorance counts");
}

#[tokio::test]
async fn rv_06_a_gateway_is_not_ready_before_its_list_is_loaded() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    let mut member = feed.site(&api, LONG).await.0.member("ada").await;
    assert_eq!(member.visit("/dashboard").await.status, 200);
    for (status_of_feed, body, lost) in [
        (StatusCode::SERVICE_UNAVAILABLE, "", "it can't work now"),
        (StatusCode::OK, "<html>it works</html>", "it can't work now"),
        (StatusCode::UNAUTHORIZED, "", "the feed key is refused"),
    ] {
        feed.breaks(status_of_feed, body);
        let (browser, heard) = feed.site(&api, LONG).await;
        assert_eq!(heard.unwrap_err().to_string(), lost);
        let browser = Browser { jar: member.jar.clone(), ..browser };
        assert_eq!(ready(&browser).await.0, 503);
        assert_eq!(status(&browser, "/dashboard").await, 503);
        assert_eq!(status(&browser, "/login?next=%2Fdashboard").await / 100, 3, "still a member");
        feed.is_mended();
        until(async || ready(&browser).await.0 == 200).await;
        assert_eq!(status(&browser, "/dashboard").await, 200);
    }
}

#[tokio::test]
async fn a_gateway_with_another_key_is_refused_and_says_so() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    let upstream = Faults::default().around(feed.before(api.inner.router()));
    let (gateway, browser) = api.gateway_over(upstream, None, LONG);
    assert_eq!(gateway.follow_revocations(&key(8)).await, Err(FeedLost::Refused));
    assert_eq!(ready(&browser).await.0, 503);
}

#[tokio::test]
async fn rv_06_all_pages_of_a_long_list_are_loaded_before_it_is_ready() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    let mut browser = feed.site(&api, LONG).await.0.member("ada").await;
    browser.visit("/dashboard").await;
    let sid = feed.sid_seen();
    (0..5).for_each(|n| feed.revoke(&format!("other {n}")));
    feed.revoke(&sid);
    feed.list().page = Some(2);
    feed.list().asked = 0;
    let (later, heard) = feed.site(&api, LONG).await;
    assert_eq!(heard, Ok(true));
    assert!(feed.list().asked >= 3);
    let later = Browser { jar: browser.jar.clone(), ..later };
    assert_eq!(status(&later, "/dashboard").await, 303, "it was on the third page");
}

#[test]
fn rv_03_the_metrics_tell_how_old_the_knowledge_is_and_how_much_is_held() {
    let counts = Registry::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journey = async {
        let (api, feed) = (TestApi::new().await, Feed::default());
        feed.list().age_ms = 7_000;
        feed.revoke("somebody's");
        assert_eq!(feed.site(&api, LONG).await.1, Ok(true));
    };
    metrics::with_local_recorder(&counts, || runtime.block_on(journey));
    let told = counts.text();
    assert!(told.contains(r#"vestibule_revocations_held{role="gateway"} 1"#), "{told}");
    assert!(told.contains(r#"vestibule_revocations_age_seconds{role="gateway"} 7"#), "{told}");
}

/// An API's stream that tells something at once and then nothing for ever.
async fn events() -> Response {
    let hello = stream::once(async { Ok::<_, Infallible>("data: hello\n\n") });
    let body = Body::from_stream(hello.chain(stream::pending()));
    ([("content-type", "text/event-stream")], body).into_response()
}

#[tokio::test]
async fn rv_10_an_event_stream_ends_with_its_session_wherever_that_ends() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    let more = Router::new().route("/api/v1/events", get(events));
    let router = feed.before(api.inner.router()).merge(more);
    let (gateway, browser) = api.gateway_over(Upstream::in_process(router), None, LONG);
    assert_eq!(gateway.follow_revocations(&key(9)).await, Ok(true));
    for elsewhere in [true, false] {
        let name = if elsewhere { "ada" } else { "bob" };
        let mut browser = browser.clone().member(name).await;
        browser.fetch("GET", "/api/v1/user/me", None).await;
        let listening = browser.clone();
        let stream =
            tokio::spawn(
                async move { listening.clone().fetch("GET", "/api/v1/events", None).await },
            );
        feed.is_asked().await;
        assert!(!stream.is_finished());
        if elsewhere {
            feed.revoke(&feed.sid_seen());
        } else {
            browser.submit("/logout", &[]).await;
        }
        let heard = tokio::time::timeout(Duration::from_secs(10), stream).await.unwrap().unwrap();
        assert_eq!(heard.body, "data: hello\n\n");
    }
}
