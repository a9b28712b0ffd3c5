//! Calls that server code of a UI makes for its visitor, with a ticket.

use serde_json::json;
use vestibule_gateway::Upstream;

use crate::feed::{Feed, key};
use crate::support::{Answer, Browser, Faults, TestApi, until};
use crate::ui::Stand;

const ME: &str = "/api/v1/user/me";

fn told(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.json()["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn server_code_calls_the_api_as_its_visitor() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    let me = stand.call("GET", ME, &ticket).await;
    assert_eq!((me.status, &me.json()["username"]), (200, &json!("ada")), "{me}");
    let body = json!({"name": "Ada King"}).to_string();
    let headers = [("x-vestibule-session", ticket.as_str()), ("content-type", "application/json")];
    let changed = stand.server.request("PATCH", "/api/v1/user/ada", &headers, body).await;
    assert_eq!(changed.status, 200, "it needs no Origin: {changed}");
    assert_eq!(changed.header("set-cookie"), "");
    assert_eq!(changed.header("cache-control"), "private, no-store");
}

#[tokio::test]
async fn the_session_learns_what_server_code_has_changed_of_its_account() {
    let mut stand = Stand::new().await.member("ada").await;
    let name = async |stand: &mut Stand| stand.visit("/").await.identity().unwrap()["name"].clone();
    let ticket = stand.ticket().await;
    let headers = [("x-vestibule-session", ticket.as_str()), ("content-type", "application/json")];
    let body = json!({"name": "Ada King"}).to_string();
    stand.server.request("PATCH", "/api/v1/user/ada", &headers, body).await;
    let answer = stand.browser.submit("/action", &[]).await;
    assert!(answer.cookies().iter().any(|line| line.starts_with("vestibule=")), "{answer}");
    assert_eq!(name(&mut stand).await, "Ada King");
    let body = json!({"name": "Countess"});
    assert_eq!(stand.browser.fetch("PATCH", "/api/v1/user/ada", Some(&body)).await.status, 200);
    for _ in 0..2 {
        assert_eq!(name(&mut stand).await, "Countess", "the newer word counts");
    }
}

#[tokio::test]
async fn a_ticket_lives_for_five_minutes_and_refreshes_nothing() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    stand.api.clock.advance(299);
    assert_eq!(stand.call("GET", ME, &ticket).await.status, 200);
    stand.api.clock.advance(1);
    let late = stand.call("GET", ME, &ticket).await;
    assert_eq!(told(&late), "401 signed_out");
    assert_eq!(late.header("set-cookie"), "");
}

#[tokio::test]
async fn what_is_no_ticket_of_ours_is_refused() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    let identity = stand.ui.asked().header("x-vestibule-identity").unwrap().to_owned();
    let cookie = stand.browser.jar["vestibule"].clone();
    let flipped = format!("{}{}", &ticket[..ticket.len() - 4], "AAAA");
    for wrong in ["", "x", &identity, &cookie, &flipped, &ticket[..40], &format!("Bearer {ticket}")]
    {
        assert_eq!(told(&stand.call("GET", ME, wrong).await), "401 signed_out", "{wrong}");
    }
    let twice = [("x-vestibule-session", ticket.as_str()), ("x-vestibule-session", &ticket)];
    assert_eq!(told(&stand.call_with("GET", ME, &twice).await), "401 signed_out");
    let as_cookie = format!("vestibule={ticket}");
    let answer = stand.call_with("GET", ME, &[("cookie", &as_cookie)]).await;
    assert_eq!(answer.status, 401, "a ticket is no session cookie: {answer}");
}

#[tokio::test]
async fn cs_01_no_page_of_another_site_calls_with_a_ticket() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    for (name, value) in [
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("origin", "http://localhost:3001"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let headers = [("x-vestibule-session", ticket.as_str()), (name, value)];
            let answer = stand.call_with(method, ME, &headers).await;
            assert_eq!(told(&answer), "403 cross_site", "{method} {name}: {value}");
        }
    }
    let ours = [("x-vestibule-session", ticket.as_str()), ("origin", "http://localhost:3000")];
    assert_eq!(stand.call_with("GET", ME, &ours).await.status, 200);
}

#[tokio::test]
async fn beside_a_session_cookie_a_ticket_says_nothing() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    stand.browser =
        Browser { jar: Default::default(), ..stand.browser.clone() }.member("bob").await;
    let cookie = format!("vestibule={}", stand.browser.jar["vestibule"]);
    let both = [("x-vestibule-session", ticket.as_str()), ("cookie", &cookie)];
    assert_eq!(stand.call_with("GET", ME, &both).await.json()["username"], "bob");
    let answer = stand.call_with("POST", ME, &both).await;
    assert_eq!(told(&answer), "403 cross_site", "with a cookie, Origin is needed as ever");
}

#[tokio::test]
async fn a_ticket_opens_nothing_but_calls() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    for path in ["/shop", "/", "/login"] {
        assert_eq!(stand.call("GET", path, &ticket).await.body, "a page", "{path}");
        let asked = stand.ui.asked();
        assert_eq!((asked.identity(), asked.ticket()), (None, None), "{path}");
    }
    assert_eq!(stand.call("GET", "/dashboard", &ticket).await.status, 401);
    assert_eq!(stand.call("POST", "/logout", &ticket).await.status, 303);
    assert_eq!(stand.call("GET", ME, &ticket).await.status, 200, "it has signed nobody out");
}

#[tokio::test]
async fn after_a_sign_out_a_ticket_is_worth_nothing_though_the_api_has_not_heard_of_it() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let mut stand = Stand::over(api, upstream, |plan| plan).member("ada").await;
    let ticket = stand.ticket().await;
    faults.fail("/api/v1/logout");
    stand.browser.submit("/logout", &[]).await;
    assert_eq!(told(&stand.call("GET", ME, &ticket).await), "401 signed_out");
}

#[tokio::test]
async fn rv_03_a_ticket_of_a_session_that_ended_elsewhere_is_refused_by_what_the_feed_says() {
    let (api, feed) = (TestApi::new().await, Feed::default());
    let upstream = Upstream::in_process(feed.before(api.inner.router()));
    let mut stand = Stand::over(api, upstream, |plan| plan).member("ada").await;
    assert_eq!(stand.gateway.follow_revocations(&key(9)).await, Ok(true));
    let ticket = stand.ticket().await;
    assert_eq!(stand.call("GET", ME, &ticket).await.status, 200);
    feed.revoke(&feed.sid_seen());
    until(async || stand.call("GET", ME, &ticket).await.status == 401).await;
}

#[tokio::test]
async fn ck_09_a_ticket_that_the_api_refuses_signs_nobody_out() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    let tokens = stand.api.log_in("ada").await;
    stand.api.client.delete_as("/api/v1/user/me/sessions", &tokens.access).await;
    assert_eq!(told(&stand.call("GET", ME, &ticket).await), "401 signed_out");
    assert!(stand.browser.is_signed_in(), "that is for the browser's own request to find out");
}

#[tokio::test]
async fn an_account_deleted_by_server_code_signs_its_browser_out() {
    let mut stand = Stand::new().await.member("ada").await;
    let ticket = stand.ticket().await;
    assert_eq!(stand.call("DELETE", "/api/v1/user/ada", &ticket).await.status, 200);
    assert_eq!(stand.visit("/").await.identity(), None);
    assert!(!stand.browser.is_signed_in());
}
