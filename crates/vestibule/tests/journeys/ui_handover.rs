//! Server code written like the brief's, as it stands, with the gateway in the API's place: exactly the requests that
//! `fastapi-auth.ts`, `auth.ts` and `api-with-auth.ts` make, by Node.js, from a Server Action and from a page.

use http::Method;
use serde_json::{Value, json};
use vestibule_gateway::SessionPolicy;

use crate::support::{Answer, Faults, PASSWORD, TestApi, person};
use crate::ui::{Stand, claims};

/// What Node.js adds to a `fetch`.
const NODE: [(&str, &str); 4] = [
    ("accept", "*/*"),
    ("accept-language", "*"),
    ("sec-fetch-mode", "cors"),
    ("user-agent", "node"),
];

/// The brief's modules, on the UI's server.
struct Brief<'a>(&'a Stand);

impl Brief<'_> {
    async fn fetch(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        self.0.server.request(method, path, &[&NODE, headers].concat(), body).await
    }

    /// `loginToFastAPI`: `FormData`, which Node.js sends as multipart, and then `/user/me`.
    async fn login(&self, username: &str, password: &str) -> Option<(Value, String)> {
        let field = |name: &str, value: &str| {
            format!("------x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = field("username", username) + &field("password", password) + "------x--\r\n";
        let headers = [("content-type", "multipart/form-data; boundary=----x")];
        let answer = self.fetch("POST", "/api/v1/login", &headers, body).await;
        assert_eq!(answer.cookies(), [""; 0], "no cookie for server code: {answer}");
        if answer.status != 200 {
            return None;
        }
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        Some((self.get("/api/v1/user/me", &token).await.json(), token))
    }

    /// `getUserFromFastAPI`, and `getWithAuth` with its token.
    async fn get(&self, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.fetch("GET", path, &[("authorization", &bearer)], String::new()).await
    }

    async fn logout(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.fetch("POST", "/api/v1/logout", &[("authorization", &bearer)], String::new()).await
    }
}

/// What `cookies().set` of `loginAction` makes of the token.
fn set(token: &str) -> String {
    format!("access_token={token}; Path=/; Max-Age=1800; Secure; HttpOnly; SameSite=lax")
}

const DELETED: &str = "access_token=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT";

/// The browser submits to a Server Action, which answers with this cookie.
async fn acts(stand: &mut Stand, line: &str) -> Answer {
    stand.ui.says("/action", 200, &[("set-cookie", line)]);
    let answer = stand.browser.submit("/action", &[]).await;
    assert!(!answer.cookies().iter().any(|line| line.contains("_token=")), "{answer}");
    answer
}

/// What `cookies().get("access_token")` finds while a page renders.
async fn handed_down(stand: &mut Stand) -> Option<String> {
    let asked = stand.visit("/dashboard").await;
    let cookie = asked.header("cookie").unwrap_or_default();
    let token = cookie.split("; ").find_map(|pair| pair.strip_prefix("access_token="))?;
    assert_eq!(asked.header("authorization").unwrap(), format!("Bearer {token}"));
    Some(token.to_owned())
}

async fn signed_in() -> Stand {
    let mut stand = Stand::with(SessionPolicy::Token).await;
    stand.api.register("ada").await;
    let (_, token) = Brief(&stand).login("ada", PASSWORD).await.unwrap();
    acts(&mut stand, &set(&token)).await;
    stand
}

#[tokio::test]
async fn the_briefs_code_registers_signs_in_calls_and_signs_out() {
    let mut stand = Stand::with(SessionPolicy::Token).await;
    let json = [("content-type", "application/json")];
    let made = Brief(&stand).fetch("POST", "/api/v1/user", &json, person("ada").to_string()).await;
    assert_eq!((made.status, &made.json()["username"]), (201, &json!("ada")));

    let (user, token) = Brief(&stand).login("ada", PASSWORD).await.unwrap();
    assert_eq!(user["email"], "ada@example.com");
    acts(&mut stand, &set(&token)).await;
    assert!(stand.browser.is_signed_in() && !stand.browser.jar.contains_key("access_token"));

    let live = handed_down(&mut stand).await.unwrap();
    assert_eq!(claims(&live)["sub"], "ada", "the API's own token");
    let me = Brief(&stand).get("/api/v1/user/me", &live).await;
    assert_eq!((me.status, &me.json()["username"]), (200, &json!("ada")));

    assert_eq!(Brief(&stand).logout(&live).await.status, 200);
    acts(&mut stand, DELETED).await;
    assert!(!stand.browser.is_signed_in());
    assert_eq!(
        Brief(&stand).get("/api/v1/user/me", &live).await.status,
        401,
        "it is dead at the API"
    );
    assert_eq!(Brief(&stand).logout(&live).await.status, 200, "G15: twice");
}

#[tokio::test]
async fn its_token_never_expires_under_it_and_it_never_refreshes() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let plan = |plan| vestibule_gateway::PlanSettings { ui_session: SessionPolicy::Token, ..plan };
    let mut stand = Stand::over(api, upstream, plan).member("ada").await;
    for _ in 0..3 {
        stand.api.clock.advance(1_801);
        let token = handed_down(&mut stand).await.unwrap();
        assert_eq!(Brief(&stand).get("/api/v1/user/me", &token).await.status, 200);
        assert_eq!(faults.count("/api/v1/refresh"), 1, "before the page, and never by it");
    }
}

#[tokio::test]
async fn what_it_is_told_when_it_may_not() {
    let stand = Stand::with(SessionPolicy::Token).await;
    stand.api.register("ada").await;
    let brief = Brief(&stand);
    assert_eq!(brief.login("ada", "wrong").await, None);
    let refresh = brief.fetch("POST", "/api/v1/refresh", &[], String::new()).await;
    assert_eq!((refresh.status, refresh.detail()), (401, "Refresh token missing.".to_owned()));
    let logout = brief.fetch("POST", "/api/v1/logout", &[], String::new()).await;
    assert_eq!(logout.status, 401);
    for token in ["", "x", "v1.a.b", "ey.ey.ey"] {
        assert_eq!(brief.get("/api/v1/user/me", token).await.status, 401, "{token}");
    }
}

#[tokio::test]
async fn a_handover_is_worth_nothing_after_five_minutes_or_its_sign_out() {
    let mut stand = Stand::with(SessionPolicy::Token).await;
    stand.api.register("ada").await;
    let (_, late) = Brief(&stand).login("ada", PASSWORD).await.unwrap();
    stand.api.clock.advance(300);
    let (_, ended) = Brief(&stand).login("ada", PASSWORD).await.unwrap();
    for _ in 0..2 {
        assert_eq!(Brief(&stand).logout(&ended).await.status, 200);
    }
    let (_, good) = Brief(&stand).login("ada", PASSWORD).await.unwrap();
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    for token in [&late, &ended, &forged] {
        assert_eq!(Brief(&stand).get("/api/v1/user/me", token).await.status, 401);
        acts(&mut stand, &set(token)).await;
        assert!(!stand.browser.is_signed_in());
    }
    acts(&mut stand, &set(&good)).await;
    assert!(stand.browser.is_signed_in());
}

#[tokio::test]
async fn no_token_that_it_sets_reaches_the_browser() {
    let mut stand = signed_in().await;
    let live = handed_down(&mut stand).await.unwrap();
    for line in
        [set(&live), set("x.y.z"), "Access_Token=x".into(), "refresh_token=x; Path=/".into()]
    {
        assert_eq!(acts(&mut stand, &line).await.cookies(), [""; 0], "{line}");
    }
    assert!(handed_down(&mut stand).await.is_some(), "and it has changed nothing");
}

#[tokio::test]
async fn gw_01_what_a_client_says_of_tokens_is_not_handed_down() {
    let stand = Stand::with(SessionPolicy::Token).await;
    let own = [
        ("cookie", "access_token=evil; theme=dark; refresh_token=evil"),
        ("authorization", "Bearer evil"),
    ];
    stand.browser.peek(Method::GET, "/shop", &own, "").await;
    let asked = stand.ui.asked();
    assert_eq!(asked.header("cookie"), Some("theme=dark"));
    assert_eq!(asked.header("authorization"), None);
    let mut stand = stand.member("ada").await;
    stand.browser.jar.insert("access_token".into(), "evil".into());
    assert_ne!(handed_down(&mut stand).await.unwrap(), "evil");
}

#[tokio::test]
async fn a_browser_gets_none_of_it_and_no_site_that_hands_nothing_down() {
    let stand = Stand::with(SessionPolicy::Token).await;
    stand.api.register("ada").await;
    let (_, token) = Brief(&stand).login("ada", PASSWORD).await.unwrap();
    let bearer = format!("Bearer {token}");
    let body = format!("username=ada&password={PASSWORD}");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for browsers in [
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("cookie", "theme=dark"),
    ] {
        let fields = [form, browsers];
        let login = stand.server.request("POST", "/api/v1/login", &fields, body.clone()).await;
        assert_eq!(login.status, 404, "{browsers:?}");
        let headers = [("authorization", bearer.as_str()), browsers];
        let me = stand.server.request("GET", "/api/v1/user/me", &headers, "").await;
        assert_eq!(me.status, 401, "{browsers:?}");
    }
    let foreign = [form, ("origin", "https://evil.test")];
    let login = stand.server.request("POST", "/api/v1/login", &foreign, body.clone()).await;
    assert_eq!(login.status, 403);

    let stand = Stand::new().await.member("ada").await;
    let login = stand.server.request("POST", "/api/v1/login", &[form], body).await;
    assert_eq!(login.status, 404);
    let tokens = stand.api.log_in("ada").await;
    assert_eq!(Brief(&stand).get("/api/v1/user/me", &tokens.access).await.status, 401);
}

#[tokio::test]
async fn an_outage_is_not_told_as_wrong_credentials() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let plan = |plan| vestibule_gateway::PlanSettings { ui_session: SessionPolicy::Token, ..plan };
    let mut stand = Stand::over(api, upstream, plan).member("ada").await;
    let token = handed_down(&mut stand).await.unwrap();
    faults.refuse_to_run();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("username=ada&password={PASSWORD}");
    let login = Brief(&stand).fetch("POST", "/api/v1/login", &headers, body).await;
    assert_eq!(login.status, 503, "{login}");
    assert_eq!(Brief(&stand).logout(&token).await.status, 503);
}
