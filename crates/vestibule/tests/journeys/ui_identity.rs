//! What a UI behind the site is told of its visitor, and which caches may keep what it makes of that.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;
use vestibule_gateway::{PlanSettings, RouteSpec, SessionPolicy, Upstream};

use crate::support::{Faults, NOW, TestApi};
use crate::ui::{Stand, Ui};

const FORGED: [(&str, &str); 4] = [
    ("x-vestibule-identity", "forged"),
    ("x-vestibule-session", "forged"),
    ("x-vestibule-path", "/forged"),
    ("x-vestibule-user", "forged"),
];

#[tokio::test]
async fn a_ui_is_told_who_asks_signed_by_a_published_key() {
    let mut stand = Stand::new().await.member("ada").await;
    let asked = stand.visit("/a/../shop?x=%2F&y").await;
    assert_eq!(asked.header("x-vestibule-path"), Some("/shop?x=%2F&y"));
    let hint = stand.browser.jar["vestibule_hint"].clone();
    let expected = json!({
        "iss": "http://localhost:3000", "aud": "ui", "sub": "1", "sid": hint, "username": "ada",
        "name": "Ada Lovelace", "email": "ada@example.com", "iat": NOW, "exp": NOW + 60,
    });
    assert_eq!(asked.identity(), Some(expected));

    let published = stand.server.get("/_vestibule/identity-keys").await;
    assert_eq!(published.header("cache-control"), "public, max-age=60");
    let keys = published.json()["keys"].as_array().unwrap().clone();
    let [key] = keys.as_slice() else { panic!("{published}") };
    assert_eq!(
        (&key["kty"], &key["crv"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("sig"))
    );
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) =
        asked.header("x-vestibule-identity").unwrap().rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&ED25519, decoded(key["x"].as_str().unwrap()));
    public.verify(signed.as_bytes(), &decoded(signature)).unwrap();
    let head: serde_json::Value =
        serde_json::from_slice(&decoded(signed.split('.').next().unwrap())).unwrap();
    assert_eq!(head, json!({"alg": "EdDSA", "typ": "JWT", "kid": key["kid"]}));
}

#[tokio::test]
async fn gw_02_what_a_client_says_of_these_is_neither_believed_nor_passed_on() {
    let stand = Stand::new().await;
    stand.browser.peek(Method::GET, "/shop", &FORGED, "").await;
    let asked = stand.ui.asked();
    assert_eq!(asked.header("x-vestibule-path"), Some("/shop"));
    assert_eq!((asked.identity(), asked.ticket()), (None, None));
    assert_eq!(asked.header("x-vestibule-user"), None);

    let stand = stand.member("ada").await;
    stand.browser.peek(Method::GET, "/shop", &FORGED, "").await;
    let asked = stand.ui.asked();
    assert_eq!(asked.identity().unwrap()["username"], "ada");
    assert_ne!(asked.ticket(), Some("forged"));
    assert_eq!(asked.0.get_all("x-vestibule-session").iter().count(), 1);
}

#[tokio::test]
async fn gw_04_the_session_cookie_and_the_tokens_stay_here() {
    let mut stand = Stand::new().await.member("ada").await;
    stand.browser.jar.insert("theme".into(), "dark".into());
    let asked = stand.visit("/").await;
    assert_eq!(asked.header("cookie"), Some("theme=dark"));
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn each_policy_tells_what_it_says() {
    for (policy, identity, ticket) in [
        (SessionPolicy::None, false, false),
        (SessionPolicy::Identity, true, false),
        (SessionPolicy::Ticket, true, true),
        (SessionPolicy::Token, true, true),
    ] {
        let mut stand = Stand::with(policy).await.member("ada").await;
        let asked = stand.visit("/").await;
        let told = (asked.identity().is_some(), asked.ticket().is_some());
        assert_eq!(told, (identity, ticket), "{policy:?}");
        assert_eq!(asked.header("x-vestibule-path").is_some(), identity, "{policy:?}");
        assert_eq!(asked.header("authorization").is_some(), policy == SessionPolicy::Token);
    }
}

#[tokio::test]
async fn another_upstream_is_told_nothing_unless_its_route_says_so() {
    let (other, told) = (Ui::default(), Ui::default());
    let api = TestApi::new().await;
    let upstream = Upstream::in_process(api.router());
    let route = |text: &str, to: &Ui| (text.parse::<RouteSpec>().unwrap(), to.upstream());
    let routes = vec![
        route("/other/** = x", &other),
        route("/told/** = x session=identity strip=/told", &told),
    ];
    let stand = Stand::over(api, upstream, |plan| PlanSettings { routes, ..plan });
    let mut stand = stand.member("ada").await;
    stand.browser.visit("/other/x").await;
    let said = other.asked();
    assert!(!said.0.keys().any(|name| name.as_str().starts_with("x-vestibule")), "{:?}", said.0);
    stand.browser.visit("/told/x").await;
    let said = told.asked();
    assert!(said.identity().is_some() && said.ticket().is_none());
    assert_eq!(said.header("x-vestibule-path"), Some("/told/x"), "as the browser sent it");
}

#[tokio::test]
async fn g_9_what_was_made_for_somebody_is_kept_by_no_cache() {
    let mut stand = Stand::new().await;
    let anonymous = stand.browser.visit("/").await;
    assert_eq!(anonymous.header("cache-control"), "s-maxage=31536000");
    assert_eq!(anonymous.header("etag"), "\"page\"");
    let mut stand = stand.member("ada").await;
    for answer in [stand.browser.visit("/").await, stand.browser.fetch("GET", "/", None).await] {
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert_eq!(answer.header("etag"), "");
    }
}

#[tokio::test]
async fn g_9_files_are_the_same_for_everybody() {
    let mut stand = Stand::new().await.member("ada").await;
    stand.api.clock.advance(1_795);
    let before = stand.browser.jar.clone();
    let immutable = [("cache-control", "public, max-age=31536000, immutable"), ("etag", "\"f\"")];
    for path in ["/_next/static/chunks/a.js", "/logo.png"] {
        stand.ui.says(path, 200, &immutable);
        let answer = stand.browser.visit(path).await;
        let asked = stand.ui.asked();
        assert!(!asked.0.keys().any(|name| name.as_str().starts_with("x-vestibule")), "{path}");
        assert_eq!(answer.header("cache-control"), immutable[0].1, "{path}");
        assert_eq!(answer.header("etag"), "\"f\"", "{path}");
    }
    assert_eq!(stand.browser.jar, before, "nothing was refreshed for them");
    stand.ui.says("/me.png", 200, &[("cache-control", "s-maxage=31536000")]);
    let picture = stand.browser.visit("/me.png").await;
    assert_eq!(
        picture.header("cache-control"),
        "private, no-store",
        "CK-07: it does not say public"
    );
}

#[tokio::test]
async fn n_6_a_redirect_of_the_uis_that_says_nothing_of_it_is_not_kept() {
    let mut stand = Stand::new().await;
    stand.ui.says("/old", 307, &[("location", "/old?_rsc=1abc")]);
    let answer = stand.browser.visit("/old").await;
    assert_eq!((answer.status, answer.header("cache-control")), (307, "no-store"));
    stand.ui.says("/moved", 308, &[("location", "/x"), ("cache-control", "max-age=60")]);
    assert_eq!(stand.browser.visit("/moved").await.header("cache-control"), "max-age=60");
}

#[tokio::test]
async fn the_session_is_made_fresh_before_a_page_renders_whatever_asks_for_it() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let mut stand = Stand::over(api, upstream, |plan| plan).member("ada").await;
    faults.count("/api/v1/refresh");
    for rsc in [false, true] {
        stand.api.clock.advance(1_801);
        let headers = [("rsc", "1"), ("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")];
        let headers = if rsc { headers.as_slice() } else { &[("accept", "text/html")] };
        let answer = stand.browser.peek(Method::GET, "/shop", headers, "").await;
        stand.browser.keep(&answer);
        assert_eq!(faults.count("/api/v1/refresh"), 1);
        assert!(answer.cookies().iter().any(|line| line.starts_with("vestibule=")), "{answer}");
        let ticket = stand.ui.asked().ticket().unwrap().to_owned();
        assert_eq!(stand.call("GET", "/api/v1/user/me", &ticket).await.status, 200);
    }
    assert_eq!(faults.count("/api/v1/refresh"), 0, "server code never has to");
}

#[tokio::test]
async fn g_5_an_outage_is_not_told_to_the_ui_as_signed_out() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let mut stand = Stand::over(api, upstream, |plan| plan).member("ada").await;
    stand.api.clock.advance(1_801);
    faults.refuse_to_run();
    let asked = stand.visit("/").await;
    assert_eq!(asked.identity().unwrap()["username"], "ada");
    assert_eq!(asked.ticket(), None, "the token is dead, and nobody knows the next one");
    assert_eq!(stand.browser.visit("/dashboard").await.status, 503);
    assert!(stand.browser.is_signed_in());
    faults.run_again();
    assert!(stand.visit("/").await.ticket().is_some());
}

#[tokio::test]
async fn a_session_that_has_ended_elsewhere_is_told_of_no_more() {
    let mut stand = Stand::new().await.member("ada").await;
    let tokens = stand.api.log_in("ada").await;
    let ended = stand.api.client.delete_as("/api/v1/user/me/sessions", &tokens.access).await;
    assert!(ended.status < 300, "{ended}");
    stand.api.clock.advance(1_801);
    let asked = stand.visit("/").await;
    assert_eq!((asked.identity(), asked.ticket()), (None, None));
    assert!(!stand.browser.is_signed_in());
}
