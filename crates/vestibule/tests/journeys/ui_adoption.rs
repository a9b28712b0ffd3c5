//! Sessions that begin and end in a UI's own code: a Server Action signs in and answers with the cookie.

use http::Method;
use vestibule_gateway::{PlanSettings, RouteSpec, SessionPolicy, Upstream};

use crate::support::{Answer, Browser, Faults, PASSWORD, TestApi};
use crate::ui::{Stand, Ui};

const ME: &str = "/api/v1/user/me";
const DELETED: &str = "vestibule=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT";

/// The value of our cookie that server code gets when it signs in.
async fn signed_in_by_server_code(stand: &Stand, username: &str) -> String {
    let fields = [("username", username), ("password", PASSWORD)];
    let answer = stand.server.post_form("/login", &fields).await;
    assert_eq!(answer.status, 303, "{answer}");
    value_of(&answer).expect("it sets the cookie")
}

/// What the answer sets our cookie to.
fn value_of(answer: &Answer) -> Option<String> {
    let line = answer.cookies().into_iter().find(|line| line.starts_with("vestibule="))?;
    Some(line.split(['=', ';']).nth(1).unwrap().to_owned())
}

/// What becomes of the browser when the UI answers its form with this line.
async fn acts(stand: &mut Stand, line: &str) -> Answer {
    stand.ui.says("/action", 200, &[("set-cookie", line), ("set-cookie", "theme=dark; Path=/")]);
    let answer = stand.browser.submit("/action", &[]).await;
    assert!(answer.cookies().contains(&"theme=dark; Path=/".to_owned()), "{answer}");
    answer
}

async fn username(stand: &mut Stand) -> String {
    let me = stand.browser.fetch("GET", ME, None).await;
    if me.status == 401 {
        String::new()
    } else {
        me.json()["username"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_server_action_signs_in_by_setting_the_cookie() {
    let mut stand = Stand::new().await;
    stand.api.register("ada").await;
    let value = signed_in_by_server_code(&stand, "ada").await;
    let line = format!("vestibule={value}; Path=/; Domain=localhost; Max-Age=99999999; HttpOnly");
    let answer = acts(&mut stand, &line).await;
    let ours: Vec<_> =
        answer.cookies().into_iter().filter(|line| line.starts_with("vestibule")).collect();
    let (own, hint) = (&stand.browser.jar["vestibule"], &stand.browser.jar["vestibule_hint"]);
    assert_eq!(
        ours,
        [
            format!("vestibule={own}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"),
            format!("vestibule_hint={hint}; Path=/; Max-Age=604800; SameSite=Lax"),
        ],
        "CK-10: in our own words"
    );
    assert_ne!(*own, value);
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(username(&mut stand).await, "ada");
    assert_eq!(stand.visit("/").await.identity().unwrap()["username"], "ada");
}

#[tokio::test]
async fn lg_01_the_session_that_he_had_ends() {
    let mut stand = Stand::new().await.member("ada").await;
    let before = stand.browser.clone();
    stand.api.register("bob").await;
    let value = signed_in_by_server_code(&stand, "bob").await;
    acts(&mut stand, &format!("vestibule={value}; Path=/")).await;
    assert_eq!(username(&mut stand).await, "bob");
    assert_eq!(before.peek(Method::GET, ME, &[], "").await.status, 401);
}

#[tokio::test]
async fn a_server_action_signs_out_by_deleting_the_cookie() {
    for line in [DELETED, "vestibule=x; Max-Age=0", "vestibule=; Max-Age=0; Path=/", "vestibule="] {
        let mut stand = Stand::new().await.member("ada").await;
        let (ticket, copy) = (stand.ticket().await, stand.browser.clone());
        let answer = acts(&mut stand, line).await;
        assert!(!stand.browser.is_signed_in(), "{line}: {answer}");
        assert_eq!(answer.header("clear-site-data"), "\"cache\"", "CK-13");
        assert_eq!(stand.call("GET", ME, &ticket).await.status, 401, "{line}");
        assert_eq!(copy.peek(Method::GET, ME, &[], "").await.status, 401, "{line}");
    }
}

#[tokio::test]
async fn deleting_it_tells_the_api_and_does_nothing_to_visitors() {
    let api = TestApi::new().await;
    let faults = Faults::default();
    let upstream = faults.around(api.router());
    let mut stand = Stand::over(api, upstream, |plan| plan).member("ada").await;
    acts(&mut stand, DELETED).await;
    assert_eq!(faults.count("/api/v1/logout"), 1);
    let answer = acts(&mut stand, DELETED).await;
    assert_eq!(answer.cookies(), ["theme=dark; Path=/"]);
    assert_eq!(faults.count("/api/v1/logout"), 0);
}

#[tokio::test]
async fn what_is_no_session_of_ours_that_lives_is_passed_over() {
    let mut stand = Stand::new().await.member("ada").await;
    let own = stand.browser.jar["vestibule"].clone();
    let ticket = stand.ticket().await;
    stand.api.register("bob").await;
    let ended = {
        let value = signed_in_by_server_code(&stand, "bob").await;
        let bob = Browser {
            jar: [("vestibule".to_owned(), value.clone())].into(),
            ..stand.browser.clone()
        };
        bob.clone().submit("/logout", &[]).await;
        value
    };
    let forged = format!("{}AAAA", &own[..own.len() - 4]);
    for value in ["forged", "v1.x.y", &ticket, &ended, &forged, &format!("\"{own}\"")] {
        for name in
            ["vestibule", "Vestibule", "__Host-Http-vestibule", "=vestibule", "vestibule_hint"]
        {
            let answer = acts(&mut stand, &format!("{name}={value}; Path=/")).await;
            assert_eq!(answer.cookies(), ["theme=dark; Path=/"], "{name}={value}");
        }
    }
    assert_eq!(username(&mut stand).await, "ada");
    let answer = acts(&mut stand, &format!("vestibule={own}; Path=/")).await;
    assert_eq!(answer.cookies(), ["theme=dark; Path=/"], "his own once more: nothing changes");
}

#[tokio::test]
async fn a_session_that_is_over_by_time_is_not_adopted() {
    let mut stand = Stand::new().await;
    stand.api.register("ada").await;
    let value = signed_in_by_server_code(&stand, "ada").await;
    stand.api.clock.advance(604_800);
    let answer = acts(&mut stand, &format!("vestibule={value}; Path=/")).await;
    assert_eq!(answer.cookies(), ["theme=dark; Path=/"]);
}

#[tokio::test]
async fn the_last_of_several_lines_counts() {
    let mut stand = Stand::new().await;
    stand.api.register("ada").await;
    let set = format!("vestibule={}; Path=/", signed_in_by_server_code(&stand, "ada").await);
    stand.ui.says("/action", 200, &[("set-cookie", DELETED), ("set-cookie", &set)]);
    stand.browser.submit("/action", &[]).await;
    assert!(stand.browser.is_signed_in());
    stand.ui.says("/action", 200, &[("set-cookie", &set), ("set-cookie", DELETED)]);
    stand.browser.submit("/action", &[]).await;
    assert!(!stand.browser.is_signed_in());
}

#[tokio::test]
async fn ck_10_other_upstreams_and_files_begin_and_end_nothing() {
    let other = Ui::default();
    let api = TestApi::new().await;
    let upstream = Upstream::in_process(api.router());
    let route = ("/other/** = x".parse::<RouteSpec>().unwrap(), other.upstream());
    let stand = Stand::over(api, upstream, |plan| PlanSettings { routes: vec![route], ..plan });
    let mut stand = stand.member("ada").await;
    stand.api.register("bob").await;
    let set = format!("vestibule={}; Path=/", signed_in_by_server_code(&stand, "bob").await);
    for line in [set.as_str(), DELETED] {
        other.says("/other/x", 200, &[("set-cookie", line)]);
        stand.ui.says("/_next/static/x.js", 200, &[("set-cookie", line)]);
        stand.ui.says("/x.png", 200, &[("set-cookie", line)]);
        for path in ["/other/x", "/_next/static/x.js", "/x.png"] {
            assert!(stand.browser.visit(path).await.cookies().is_empty(), "{path}: {line}");
        }
    }
    assert_eq!(username(&mut stand).await, "ada");
}

#[tokio::test]
async fn without_a_session_policy_a_ui_begins_and_ends_nothing() {
    let mut stand = Stand::with(SessionPolicy::None).await.member("ada").await;
    let answer = acts(&mut stand, DELETED).await;
    assert_eq!(answer.cookies(), ["theme=dark; Path=/"]);
    assert!(stand.browser.is_signed_in());
}
