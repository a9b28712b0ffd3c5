//! One account with one session, made with keys and at a time that never change: what the pieces are measured on.

use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vestibule::secrets::Secrets;
use vestibule::wiring::{self, SiteParts};
use vestibule_api::{Api, ApiSettings, Database, Store};
use vestibule_gateway::{
    AccountId, App, HopSettings, Plan, PlanSettings, RouteSpec, SealKeys, Session, SessionChange,
    SessionCookie, SessionTag, SessionUser, Site, Upstream,
};
use vestibule_types::{Clock, Secret, Token};

use crate::Failure;

/// When it always is, in Unix seconds.
pub(crate) const NOW: i64 = 1_800_000_000;

/// Where the browser thinks it is.
pub(crate) const ORIGIN: &str = "http://localhost:3000";

/// What a browser says of itself, beside cookies: Chromium's, on a page of the site.
pub(crate) const BROWSER: [(&str, &str); 9] = [
    ("sec-ch-ua", "\"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\""),
    ("sec-ch-ua-mobile", "?0"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("accept", "application/json"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.9"),
];

pub(crate) const PERSON: [(&str, &str); 2] = [("username", "ada"), ("password", "Str1ngst!")];

const DATABASE: &str = "fixture.sqlite";
const TOKENS: &str = "tokens.json";

/// The tokens of the session.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// Makes account and session in `folder`, which takes a password hash or two.
pub(crate) async fn prepare(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let (api, app) = api(folder, &Clock::stopped_at(NOW)).await?;
    register(&app).await?;
    let Tokens { access, refresh } = login(&app).await?;
    fs::write(folder.join(TOKENS), json!({"access": access, "refresh": refresh}).to_string())?;
    api.close().await;
    Ok(())
}

/// Makes the account.
pub(crate) async fn register(app: &App) -> Result<(), Failure> {
    let person = json!({"name": "Ada Lovelace", "email": "ada@example.com",
        "username": PERSON[0].1, "password": PERSON[1].1});
    let register = Request::post("/api/v1/user").header(CONTENT_TYPE, "application/json");
    let answer = app.clone().oneshot(register.body(Body::from(person.to_string()))?).await?;
    match answer.status().as_u16() {
        201 => Ok(()),
        status => Err(format!("an account can't be made: {status}").into()),
    }
}

/// Begins a session.
pub(crate) async fn login(app: &App) -> Result<Tokens, Failure> {
    let form = format!("username={}&password={}", PERSON[0].1, PERSON[1].1);
    let login = Request::post("/api/v1/login")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))?;
    let answer = app.clone().oneshot(login).await?;
    let refresh = refresh_cookie(answer.headers())?;
    let body: Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    let access = body["access_token"].as_str().ok_or("the login has no access token")?;
    Ok(Tokens { access: access.to_owned(), refresh })
}

/// The tokens that [`prepare`] left in `folder`.
pub(crate) fn tokens(folder: &Path) -> Result<Tokens, Failure> {
    let kept: Value = serde_json::from_str(&fs::read_to_string(folder.join(TOKENS))?)?;
    let text = |name: &str| kept[name].as_str().map(str::to_owned).ok_or("no such token");
    Ok(Tokens { access: text("access")?, refresh: text("refresh")? })
}

/// The refresh token that an answer of the API sets.
pub(crate) fn refresh_cookie(headers: &HeaderMap) -> Result<String, Failure> {
    let lines = headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let token =
        |line: &str| line.strip_prefix("refresh_token=")?.split(';').next().map(str::to_owned);
    Ok(lines.filter_map(token).next().ok_or("an answer sets no refresh token")?)
}

/// The API on the database in `folder`.
pub(crate) async fn api(folder: &Path, clock: &Clock) -> Result<(Api, App), Failure> {
    api_on(&Database::Sqlite(folder.join(DATABASE)), clock).await
}

/// The API on `database`.
pub(crate) async fn api_on(database: &Database, clock: &Clock) -> Result<(Api, App), Failure> {
    let store = Store::open(database).await?;
    let settings = ApiSettings { throttle: false, ..ApiSettings::default() };
    let keys = Secret::from_random([7; 32]).into();
    Ok(wiring::api(store, keys, settings, clock.clone()).await?)
}

/// The site, with a route `/app/**` to `application`, guarded and with the token attached.
pub(crate) fn site(application: Upstream, clock: &Clock) -> Result<App, Failure> {
    let spec: RouteSpec = "/app/** = http://127.0.0.1:9 token=attach guard=true".parse()?;
    let api = Upstream::in_process(Router::new());
    let plan = PlanSettings { routes: vec![(spec, application)], ..PlanSettings::new(api.clone()) };
    let parts = SiteParts {
        site: ORIGIN.parse()?,
        secrets: Secrets { first: secret(), older: Vec::new() },
        plan: Plan::new(plan)?,
        max_stale: Duration::from_secs(60),
        hops: HopSettings::default(),
    };
    Ok(wiring::site(parts, api, clock.clone()).1)
}

/// What seals and opens the site's cookie.
pub(crate) fn cookie() -> Result<SessionCookie, Failure> {
    let site: Site = ORIGIN.parse()?;
    Ok(SessionCookie::new(&site, &SealKeys::new(secret(), Vec::new())))
}

/// The session of `tokens` as a browser's cookie holds it.
pub(crate) fn session(tokens: &Tokens) -> Result<Session, Failure> {
    Ok(Session {
        sid: SessionTag::from([0; 16]),
        access: Token::from(tokens.access.clone()),
        refresh: Some(Token::from(tokens.refresh.clone())),
        access_from: NOW,
        access_until: NOW + 1_800,
        began: NOW,
        ends_at: NOW + 604_800,
        persistent: true,
        user: SessionUser {
            id: AccountId::Number(1),
            username: PERSON[0].1.to_owned(),
            name: "Ada Lovelace".to_owned(),
            email: Some("ada@example.com".to_owned()),
        },
    })
}

/// The headers of a browser that holds `session`, a cookie of the application beside it.
pub(crate) fn browser(cookie: &SessionCookie, session: &Session) -> Result<HeaderMap, Failure> {
    let mut pairs = vec!["theme=dark".to_owned()];
    for line in cookie.write(&SessionChange::Replace(session.clone()), NOW)? {
        pairs.extend(line.to_str()?.split(';').next().map(str::to_owned));
    }
    let mut headers: HeaderMap = BROWSER
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    headers.insert(HOST, HeaderValue::from_static("localhost:3000"));
    headers.insert(COOKIE, HeaderValue::try_from(pairs.join("; "))?);
    Ok(headers)
}

fn secret() -> Secret {
    Secret::from_random([9; 32])
}
