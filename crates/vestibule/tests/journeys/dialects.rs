//! The gateway in front of APIs of five kinds, each told of by a table `[api]` alone: where a session is kept, a browser
//! notices no difference.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, delete, get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use vestibule::config_file::ConfigFile;
use vestibule_gateway::{PlanSettings, Upstream};
use vestibule_types::Clock;

use crate::process::{refusal, vestibule};
use crate::support::{Browser, Folder, PASSWORD, TestApi};

/// Seconds that access tokens of these APIs live.
const LIFE: i64 = 300;

/// What an API remembers: which tokens live, until when, and what it was asked.
#[derive(Clone)]
struct Stub {
    clock: Clock,
    live: Arc<Mutex<BTreeMap<String, i64>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), live: Arc::default(), asked: Arc::default() }
    }

    /// A token that says nothing.
    fn opaque(&self, kind: &str, life: i64) -> String {
        let mut live = self.live.lock().unwrap();
        let token = format!("{kind}-{}", live.len());
        live.insert(token.clone(), self.clock.now() + life);
        token
    }

    /// A token that tells when it was made and when it dies.
    fn jwt(&self, kind: &str, life: i64) -> String {
        let mut live = self.live.lock().unwrap();
        let now = self.clock.now();
        let claims = json!({"token_type": kind, "iat": now, "exp": now + life, "jti": live.len()});
        let token = format!("{kind}.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
        live.insert(token.clone(), now + life);
        token
    }

    fn is_live(&self, kind: &str, token: &str) -> bool {
        let until = self.live.lock().unwrap().get(token).copied();
        token.starts_with(kind) && until.is_some_and(|until| self.clock.now() < until)
    }

    fn kill(&self, token: &str) {
        self.live.lock().unwrap().remove(token);
    }

    fn ask(&self, what: &str) {
        self.asked.lock().unwrap().push(what.to_owned());
    }

    /// How often it was asked this since last time.
    fn count(&self, what: &str) -> usize {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.len();
        asked.retain(|other| other != what);
        before - asked.len()
    }

    fn lives(&self) -> usize {
        let now = self.clock.now();
        self.live.lock().unwrap().values().filter(|until| now < **until).count()
    }
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({"detail": "no"}))).into_response()
}

/// What `header` has behind `before`.
fn behind(headers: &HeaderMap, header: &str, before: &str) -> String {
    let value = headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix(before).unwrap_or_default().to_owned()
}

/// An answer to whoever shows a live access token; it also tries to hand tokens to the browser.
fn guarded(stub: &Stub, access: &str, body: Value) -> Response {
    if !stub.is_live("access", access) {
        return unauthorized();
    }
    let evil = ["access_token", "refresh_token", "access", "refresh"]
        .map(|name| ("set-cookie", format!("{name}=stolen; Path=/")));
    let mut response = Json(body).into_response();
    for (name, value) in evil {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response.headers_mut().append("set-cookie", "theme=dark".parse().unwrap());
    response
}

/// What is particular in a journey.
struct Kind {
    settings: &'static str,
    /// What the API's own ways in and out are.
    entrances: &'static [&'static str],
    /// A route that wants an access token.
    data: &'static str,
    refreshes: bool,
    signs_out: bool,
}

/// From the first wrong password to the sign-out.
async fn journey(api: &TestApi, stub: &Stub, router: Router, kind: Kind) {
    let router = router.fallback(any(async || StatusCode::IM_A_TEAPOT));
    let mut browser = site(api, router, kind.settings);
    let wrong = browser.submit("/login", &[("username", "ada"), ("password", "wrong")]).await;
    assert_eq!(wrong.status, 401, "{wrong}");
    assert_eq!(browser.sign_in("ada").await.status, 303);
    let page = browser.visit("/dashboard").await;
    assert!(page.body.contains("Ada Lovelace") && page.body.contains("ada@example.com"), "{page}");

    let answer = browser.fetch("GET", kind.data, None).await;
    assert_eq!(answer.status, 200, "{answer}");
    let set = answer.cookies();
    for name in ["access_token", "refresh_token", "access", "refresh"] {
        let is_its = name.contains('_') || kind.settings.contains(&format!("cookie {name}\""));
        let passes = set.contains(&format!("{name}=stolen; Path=/"));
        assert_eq!(passes, !is_its, "{name}: {set:?}");
    }
    assert!(set.contains(&"theme=dark".to_owned()), "{set:?}");
    for entrance in kind.entrances {
        for spelled in [entrance.to_string(), entrance.to_uppercase(), format!("{entrance}/")] {
            let spelled = spelled.replace("//", "/").replacen("/API", "/api", 1);
            assert_eq!(browser.fetch("POST", &spelled, None).await.status, 404, "{spelled}");
        }
    }
    stub.count("refresh");
    for _ in 0..3 {
        if kind.refreshes {
            api.clock.advance(LIFE + 1);
        }
        assert_eq!(browser.fetch("GET", kind.data, None).await.status, 200);
        assert_eq!(stub.count("refresh"), usize::from(kind.refreshes));
    }

    let copy = browser.clone();
    assert_eq!(browser.submit("/logout", &[]).await.status, 303);
    if kind.signs_out {
        assert_eq!(stub.count("logout"), 1);
    }
    let mut elsewhere = Browser { jar: copy.jar, ..site(api, Router::new(), kind.settings) };
    assert!(elsewhere.fetch("GET", kind.data, None).await.status >= 400);
}

fn site(api: &TestApi, router: Router, settings: &str) -> Browser {
    let config: ConfigFile = toml::from_str(settings).unwrap_or_else(|why| panic!("{why}"));
    let plan = PlanSettings {
        dialect: config.api.unwrap(),
        ..PlanSettings::new(Upstream::in_process(router))
    };
    api.gateway_by(plan, std::time::Duration::from_secs(60)).1
}

const SIMPLEJWT: &str = r#"
[api]
prefix = "/api"
without = ["register"]
login = { path = "/api/token/", send = "json" }
refresh = { path = "/api/token/refresh/" }
logout = { path = "/api/token/blacklist/" }
me = { path = "/api/users/me/" }
user = { name = "full_name" }
tokens = { access = "body access", refresh = "body refresh" }
"#;

fn simplejwt(stub: &Stub) -> Router {
    let login = async |State(stub): State<Stub>, Json(fields): Json<Value>| {
        if fields != json!({"username": "ada", "password": PASSWORD}) {
            return unauthorized();
        }
        let (access, refresh) = (stub.jwt("access", LIFE), stub.jwt("refresh", 86_400));
        Json(json!({"access": access, "refresh": refresh})).into_response()
    };
    let refresh = async |State(stub): State<Stub>, Json(fields): Json<Value>| {
        stub.ask("refresh");
        match stub.is_live("refresh", fields["refresh"].as_str().unwrap()) {
            true => Json(json!({"access": stub.jwt("access", LIFE)})).into_response(),
            false => unauthorized(),
        }
    };
    let logout = async |State(stub): State<Stub>, Json(fields): Json<Value>| {
        stub.ask("logout");
        stub.kill(fields["refresh"].as_str().unwrap());
        Json(json!({})).into_response()
    };
    let me = async |State(stub): State<Stub>, headers: HeaderMap| {
        let user = json!({"id": "0199e7f2-6f3b-7c5e-9d1a-000000000001", "username": "ada",
            "full_name": "Ada Lovelace", "email": "ada@example.com"});
        guarded(&stub, &behind(&headers, "authorization", "Bearer "), user)
    };
    Router::new()
        .route("/api/token/", post(login))
        .route("/api/token/refresh/", post(refresh))
        .route("/api/token/blacklist/", post(logout))
        .route("/api/users/me/", get(me))
        .with_state(stub.clone())
}

#[tokio::test]
async fn django_with_simplejwt_has_sessions() {
    let api = TestApi::new().await;
    let stub = Stub::new(&api.clock);
    let kind = Kind {
        settings: SIMPLEJWT,
        entrances: &["/api/token", "/api/token/refresh/", "/api/token/blacklist/"],
        data: "/api/users/me/",
        refreshes: true,
        signs_out: true,
    };
    journey(&api, &stub, simplejwt(&stub), kind).await;
    let mut browser = site(&api, simplejwt(&stub), SIMPLEJWT);
    browser.sign_in("ada").await;
    let page = browser.visit("/dashboard").await;
    assert!(page.body.contains("0199e7f2-6f3b-7c5e-9d1a-000000000001"), "{page}");
    let me = browser.fetch("GET", "/api/v1/user/me", None).await;
    assert_eq!(me.json()["full_name"], "Ada Lovelace", "as the site's own scripts ask for it");
    let closed = Browser { jar: BTreeMap::new(), ..browser };
    let form = closed.clone().visit("/login").await;
    assert!(form.status == 200 && !form.body.contains("/register"), "{form}");
    assert_eq!(closed.clone().visit("/register").await.status, 404);
}

#[tokio::test]
async fn dj_rest_auth_with_nested_tokens_and_the_user_beside_them_has_sessions() {
    const SETTINGS: &str = r#"
[api]
prefix = "/api"
without = ["me", "logout"]
[api.login]
path = "/api/auth/login/"
send = "json"
username = "email"
constants = { client = "web", version = 2 }
[api.refresh]
path = "/api/auth/token/refresh/"
[api.tokens]
access = "body data.tokens.access"
refresh = "body /data/tokens/refresh"
[api.user]
id = "data.user.pk"
username = "data.user.username"
name = "data.user.name"
email = "data.user.email"
"#;
    let api = TestApi::new().await;
    let stub = Stub::new(&api.clock);
    let login = async |State(stub): State<Stub>, Json(fields): Json<Value>| {
        let right = json!({"email": "ada", "password": PASSWORD, "client": "web", "version": 2});
        if fields != right {
            let body = json!({"non_field_errors": ["Unable to log in."]});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
        let tokens =
            json!({"access": stub.jwt("access", LIFE), "refresh": stub.jwt("refresh", 86_400)});
        let user =
            json!({"pk": 7, "username": "ada", "name": "Ada Lovelace", "email": "ada@example.com"});
        Json(json!({"data": {"tokens": tokens, "user": user}})).into_response()
    };
    let refresh = async |State(stub): State<Stub>, Json(fields): Json<Value>| {
        stub.ask("refresh");
        if !stub.is_live("refresh", fields["refresh"].as_str().unwrap()) {
            return unauthorized();
        }
        stub.kill(fields["refresh"].as_str().unwrap());
        let tokens =
            json!({"access": stub.jwt("access", LIFE), "refresh": stub.jwt("refresh", 86_400)});
        Json(json!({"data": {"tokens": tokens}})).into_response()
    };
    let things = async |State(stub): State<Stub>, headers: HeaderMap| {
        guarded(&stub, &behind(&headers, "authorization", "Bearer "), json!([]))
    };
    let router = Router::new()
        .route("/api/auth/login/", post(login))
        .route("/api/auth/token/refresh/", post(refresh))
        .route("/api/things", get(things))
        .with_state(stub.clone());
    let kind = Kind {
        settings: SETTINGS,
        entrances: &["/api/auth/login/", "/api/auth/token/refresh/"],
        data: "/api/things",
        refreshes: true,
        signs_out: false,
    };
    journey(&api, &stub, router, kind).await;
}

#[tokio::test]
async fn an_oauth_server_with_the_password_grant_has_sessions() {
    const SETTINGS: &str = r#"
[api]
prefix = "/resource"
without = ["register"]
[api.login]
path = "/oauth/token"
remember = ""
constants = { grant_type = "password", client_id = "web" }
[api.refresh]
path = "/oauth/token"
token = "form refresh_token"
constants = { grant_type = "refresh_token", client_id = "web" }
[api.logout]
path = "/oauth/revoke"
token = "form token"
constants = { client_id = "web" }
[api.me]
path = "/oauth/userinfo"
[api.user]
id = "sub"
username = "preferred_username"
[api.tokens]
refresh = "body refresh_token"
expires-in = "expires_in"
refresh-expires-in = "refresh_expires_in"
"#;
    let api = TestApi::new().await;
    let stub = Stub::new(&api.clock);
    let token = async |State(stub): State<Stub>, Form(form): Form<BTreeMap<String, String>>| {
        let is = |name: &str, value: &str| form.get(name).is_some_and(|text| text == value);
        let is_right = match form.get("grant_type").map(String::as_str) {
            Some("password") => {
                is("username", "ada") && is("password", PASSWORD) && form.len() == 4
            }
            Some("refresh_token") => {
                stub.ask("refresh");
                let token = &form["refresh_token"];
                let is_live = stub.is_live("refresh", token);
                stub.kill(token);
                is_live
            }
            _ => false,
        };
        if !is_right || !is("client_id", "web") {
            let body = json!({"error": "invalid_grant"});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
        let (access, refresh) = (stub.opaque("access", LIFE), stub.opaque("refresh", 86_400));
        Json(json!({"access_token": access, "token_type": "Bearer", "expires_in": LIFE.to_string(),
            "refresh_token": refresh, "refresh_expires_in": 86_400}))
        .into_response()
    };
    let revoke = async |State(stub): State<Stub>, Form(form): Form<BTreeMap<String, String>>| {
        stub.ask("logout");
        stub.kill(&form["token"]);
        assert_eq!(form["client_id"], "web");
    };
    let user = async |State(stub): State<Stub>, headers: HeaderMap| {
        let user = json!({"sub": "248289761001", "preferred_username": "ada",
            "name": "Ada Lovelace", "email": "ada@example.com"});
        guarded(&stub, &behind(&headers, "authorization", "Bearer "), user)
    };
    let router = Router::new()
        .route("/oauth/token", post(token))
        .route("/oauth/revoke", post(revoke))
        .route("/oauth/userinfo", get(user))
        .route("/resource/things", get(user))
        .with_state(stub.clone());
    let kind = Kind {
        settings: SETTINGS,
        entrances: &["/oauth/token", "/oauth/revoke"],
        data: "/resource/things",
        refreshes: true,
        signs_out: true,
    };
    journey(&api, &stub, router.clone(), kind).await;

    let mut browser = site(&api, router, SETTINGS);
    browser.sign_in("ada").await;
    stub.live.lock().unwrap().clear();
    api.clock.advance(LIFE + 1);
    assert_eq!(browser.fetch("GET", "/resource/things", None).await.status, 401);
    assert!(!browser.is_signed_in(), "400 invalid_grant is definitive (RFC 6749, 5.2)");
}

#[tokio::test]
async fn an_api_that_hands_out_and_takes_both_tokens_in_cookies_has_sessions() {
    const SETTINGS: &str = r#"
[api]
prefix = "/api"
[api.login]
path = "/api/session"
send = "json"
username = "email"
[api.refresh]
path = "/api/session/renew"
method = "PUT"
[api.logout]
path = "/api/session/end"
method = "DELETE"
[api.me]
path = "/api/me"
[api.user]
name = "profile.name"
email = "profile.emails.0"
[api.tokens]
access = "cookie access"
refresh = "cookie refresh"
[api.call]
cookie = "access"
"#;
    fn hand_out(stub: &Stub) -> Response {
        let (access, refresh) = (stub.opaque("access", LIFE), stub.opaque("refresh", 86_400));
        let mut response = StatusCode::NO_CONTENT.into_response();
        for line in [
            format!("access={access}; Path=/; Max-Age={LIFE}; HttpOnly"),
            format!("refresh={refresh}; Path=/api/session; Max-Age=86400; HttpOnly"),
        ] {
            response.headers_mut().append("set-cookie", line.parse().unwrap());
        }
        response
    }
    fn cookie(headers: &HeaderMap, name: &str) -> String {
        let line = behind(headers, "cookie", "");
        let found = line.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    }
    let api = TestApi::new().await;
    let stub = Stub::new(&api.clock);
    let login = async |State(stub): State<Stub>, Json(fields): Json<Value>| match fields
        == json!({"email": "ada", "password": PASSWORD})
    {
        true => hand_out(&stub),
        false => unauthorized(),
    };
    let renew = async |State(stub): State<Stub>, headers: HeaderMap| {
        stub.ask("refresh");
        let refresh = cookie(&headers, "refresh");
        let is_live = stub.is_live("refresh", &refresh);
        stub.kill(&refresh);
        if is_live { hand_out(&stub) } else { unauthorized() }
    };
    let end = async |State(stub): State<Stub>, headers: HeaderMap| {
        stub.ask("logout");
        assert!(stub.is_live("access", &cookie(&headers, "access")));
        stub.kill(&cookie(&headers, "refresh"));
        StatusCode::NO_CONTENT
    };
    let me = async |State(stub): State<Stub>, headers: HeaderMap| {
        assert!(!headers.contains_key("authorization"));
        let user = json!({"id": 7, "username": "ada",
            "profile": {"name": "Ada Lovelace", "emails": ["ada@example.com"]}});
        guarded(&stub, &cookie(&headers, "access"), user)
    };
    let router = Router::new()
        .route("/api/session", post(login))
        .route("/api/session/renew", axum::routing::put(renew))
        .route("/api/session/end", delete(end))
        .route("/api/me", get(me))
        .with_state(stub.clone());
    let kind = Kind {
        settings: SETTINGS,
        entrances: &["/api/session", "/api/session/renew", "/api/session/end"],
        data: "/api/me",
        refreshes: true,
        signs_out: true,
    };
    journey(&api, &stub, router, kind).await;
}

const DRF: &str = r#"
[api]
prefix = "/api"
without = ["refresh", "logout"]
login = { path = "/api/api-token-auth/", send = "json" }
me = { path = "/api/me/" }
register = { path = "/api/users/", username = "login", name = "" }
user = { id = "pk", name = "first_name" }
tokens = { access = "body token", access-life = 1209600 }
call = { scheme = "Token" }
"#;

#[tokio::test]
async fn drf_with_its_token_scheme_and_without_refresh_has_sessions() {
    let api = TestApi::new().await;
    let stub = Stub::new(&api.clock);
    let login = async |State(stub): State<Stub>, Json(fields): Json<Value>| {
        if fields["username"] != "ada" || fields["password"] != PASSWORD {
            let body = json!({"non_field_errors": ["Unable to log in."]});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
        Json(json!({"token": stub.opaque("access", i64::from(u32::MAX))})).into_response()
    };
    let me = async |State(stub): State<Stub>, headers: HeaderMap| {
        let user = json!({"pk": 7, "username": "ada", "first_name": "Ada Lovelace", "email": "ada@example.com"});
        guarded(&stub, &behind(&headers, "authorization", "Token "), user)
    };
    let register = async |Json(fields): Json<Value>| {
        let new = json!({"login": "bob", "email": "bob@example.com", "password": PASSWORD});
        match fields == new {
            true => (StatusCode::CREATED, Json(json!({"pk": 8}))).into_response(),
            false => {
                let body = json!({"login": ["A user with that name already exists."]});
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
        }
    };
    let strict = any(async |_: Request| StatusCode::UNAUTHORIZED);
    let router = Router::new()
        .route("/api/api-token-auth/", post(login))
        .route("/api/users/", post(register))
        .route("/api/me/", get(me))
        .route("/api/strict", strict)
        .with_state(stub.clone());
    let kind = Kind {
        settings: DRF,
        entrances: &["/api/api-token-auth/"],
        data: "/api/me/",
        refreshes: false,
        signs_out: false,
    };
    journey(&api, &stub, router.clone(), kind).await;

    let mut browser = site(&api, router.clone(), DRF);
    assert_eq!(browser.register("bob").await.status, 303);
    let taken = browser.register("carl").await;
    assert!(taken.status == 422 && taken.body.contains("already exists"), "{taken}");

    browser.sign_in("ada").await;
    api.clock.advance(1_209_599);
    assert_eq!(browser.fetch("GET", "/api/me/", None).await.status, 200);
    assert_eq!(browser.fetch("GET", "/api/strict", None).await.status, 401);
    assert!(browser.is_signed_in(), "CK-09: that is one route's own affair");
    let dead = browser.clone();
    api.clock.advance(1);
    assert_eq!(browser.fetch("GET", "/api/me/", None).await.status, 401);
    assert!(!browser.is_signed_in(), "the life of the settings is over");

    api.clock.advance(-1000);
    stub.live.lock().unwrap().clear();
    let mut dead = Browser { jar: dead.jar, ..site(&api, router, DRF) };
    assert_eq!(dead.fetch("GET", "/api/strict", None).await.status, 401);
    assert!(!dead.is_signed_in(), "the API says of the token itself that it is dead");
    assert_eq!(stub.lives(), 0);
}

#[tokio::test]
async fn gw_01_ck_12_a_token_of_a_browsers_own_reaches_no_api_whatever_header_or_cookie_it_has() {
    let api = TestApi::new().await;
    let echo = any(async |headers: HeaderMap| format!("{headers:?}"));
    let router = Router::new().route("/api/v1/echo", echo);
    for settings in ["[api.call]\nheader = \"X-Shop-Token\"", "[api.call]\ncookie = \"shop\""] {
        let site = site(&api, router.clone(), settings);
        let forged = [
            ("x-shop-token", "forged"),
            ("cookie", "shop=forged; a=b"),
            ("authorization", "Bearer forged"),
        ];
        let answer = site.client.request("GET", "/api/v1/echo", &forged, "").await;
        if settings.contains("cookie") {
            assert!(!answer.body.contains("shop=") && !answer.body.contains("Bearer"), "{answer}");
        } else {
            assert!(!answer.body.contains("forged"), "{answer}");
        }
    }
}

#[test]
fn a_table_that_is_wrong_or_beside_our_own_api_stops_the_program_with_one_line() {
    let folder = Folder::new();
    let file = folder.path().join("vestibule.toml");
    let refused = |table: &str, role: &[&str]| {
        std::fs::write(&file, table).unwrap();
        let data = folder.path().join("data");
        let common = ["--site-listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        let config = ["--config", file.to_str().unwrap()];
        refusal(&vestibule(&[role, &common, &config].concat()).output().unwrap())
    };
    let gateway = ["gateway", "--api", "http://127.0.0.1:1"];
    let told = refused("\n[api]\nprefx = \"/x\"", &gateway);
    assert!(told.contains("not right in line 3: unknown field `prefx`"), "{told}");
    let told = refused("[api]\nprefix = \"/x/\"", &gateway);
    assert!(told.contains("line 1: api.prefix has to be without a slash"), "{told}");
    let told = refused("[api]\nprefix = \"/x\"", &["serve", "--api-listen", "127.0.0.1:0"]);
    assert!(told.contains("run vestibule gateway --api URL"), "{told}");
}

#[test]
fn df_02_what_is_wrong_in_the_table_is_told_with_its_key() {
    for (text, says) in [
        ("[api]\nprefx = \"/x\"", "unknown field `prefx`"),
        ("[api.login]\nuser = \"x\"", "unknown field `user`"),
        ("[api.tokens]\naccess = \"jwt\"", "has to be \"body PATH\" or \"cookie NAME\""),
        ("[api.refresh]\ntoken = \"header x\"", "has to be \"cookie NAME\", \"json FIELD\""),
        ("[api]\nprefix = \"api\"", "api.prefix"),
        ("[api]\nprefix = \"/api/\"", "without a slash at its end"),
        ("[api]\nprefix = \"/{x}\"", "api.prefix"),
        ("[api.login]\npath = \"/a/../b\"", "api.login"),
        ("[api.login]\npath = \"/login?x=1\"", "api.login"),
        ("[api.login]\npath = \"https://example.com/login\"", "api.login"),
        ("[api.login]\nmethod = \"GET\"", "one of POST, PUT, PATCH"),
        ("[api.login]\npassword = \"username\"", "sends the field \"username\" twice"),
        ("[api.login]\nusername = \"\"", "have to be names of fields"),
        ("[api.login.constants]\npassword = \"x\"", "sends the field \"password\" twice"),
        ("[api.login.constants]\nlist = [1]", "have to be texts, numbers or booleans"),
        ("[api.login]\nsuccess = [200, 401]", "api.login.success and api.login.wrong contradict"),
        ("[api]\nwithout = [\"login\"]", "unknown variant `login`"),
        ("[api]\nwithout = [\"me\"]\n[api.me]\npath = \"/me\"", "is it there or not?"),
        (
            "[api]\nwithout = [\"refresh\"]\n[api.tokens]\nrefresh = \"cookie r\"",
            "needs no refresh token",
        ),
        (
            "[api]\nwithout = [\"refresh\"]\n[api.logout]\ntoken = \"json r\"",
            "no refresh token to show",
        ),
        ("[api.tokens]\naccess = \"cookie t\"\nrefresh = \"cookie t\"", "can't be in one place"),
        ("[api.tokens]\naccess-life = 0", "api.tokens.access-life"),
        ("[api.refresh.constants]\ngrant_type = \"x\"", "constants go beside a token in a body"),
        (
            "[api.refresh]\ntoken = \"json r\"\n[api.refresh.constants]\nr = \"x\"",
            "a field is sent once",
        ),
        ("[api.call]\ncookie = \"t\"\nscheme = \"Token\"", "an access token is shown in one way"),
        ("[api.call]\nheader = \"Cookie\"", "for a cookie there is api.call.cookie"),
        ("[api.call]\nheader = \"a b\"", "has to be the name of a header"),
        ("[api.call]\nscheme = \"a b\"", "has to be a word such as Bearer"),
    ] {
        let why = toml::from_str::<ConfigFile>(text).map(drop).unwrap_err().to_string();
        assert!(why.contains(says), "{text}: {why}");
    }
}

/// Every block of TOML in the document is a table that can be used.
#[test]
fn the_examples_of_the_document_are_right() {
    const DOCUMENT: &str = include_str!("../../../../docs/foreign-apis.md");
    let examples = DOCUMENT.split("```toml\n").skip(1);
    let mut count = 0;
    for example in examples.map(|block| block.split("```").next().unwrap()) {
        let config = toml::from_str::<ConfigFile>(example);
        assert!(config.is_ok_and(|config| config.api.is_some()), "{example}");
        count += 1;
    }
    assert_eq!(count, 5);
}
