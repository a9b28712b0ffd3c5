//! How long sessions live: remembered or not, sliding or not, used or idle; and how fast their tokens are made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use vestibule_api::ApiSettings;

use crate::support::{Answer, Browser, Faults, NOW, PASSWORD, TestApi, Tokens, leads};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const ME: &str = "/api/v1/user/me";

/// An API with one account, ada's.
async fn api_with(settings: ApiSettings) -> TestApi {
    let api = TestApi::with(ApiSettings { throttle: false, ..settings }).await;
    api.register("ada").await;
    api
}

async fn log_in(api: &TestApi, more: &[(&str, &str)]) -> Answer {
    let fields = [&[("username", "ada"), ("password", PASSWORD)], more].concat();
    api.client.post_form("/api/v1/login", &fields).await
}

async fn log_in_unremembered(api: &TestApi) -> Tokens {
    Tokens::of(&log_in(api, &[("remember_me", "false")]).await)
}

/// The refresh cookie without the token.
fn attributes(answer: &Answer) -> String {
    let [line] = answer.cookies().try_into().unwrap_or_else(|_| panic!("one cookie: {answer}"));
    assert!(line.starts_with("refresh_token=e"), "{line}");
    line.split_once("; ").unwrap().1.to_owned()
}

const BROWSER_SESSION: &str = "HttpOnly; Path=/; SameSite=lax; Secure";

fn lasting(seconds: i64) -> String {
    format!("HttpOnly; Max-Age={seconds}; Path=/; SameSite=lax; Secure")
}

/// When a token dies.
fn end_of(token: &str) -> i64 {
    let part = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    claims["exp"].as_i64().unwrap()
}

#[tokio::test]
async fn a_login_is_remembered_unless_it_says_no() {
    let api = api_with(ApiSettings::default()).await;
    for more in [vec![], vec!["true"], vec!["on"], vec!["1"], vec!["True"], vec!["off", "on"]] {
        let more: Vec<_> = more.into_iter().map(|value| ("remember_me", value)).collect();
        let answer = log_in(&api, &more).await;
        assert_eq!(attributes(&answer), lasting(604_800), "{more:?}");
        assert_eq!(end_of(&Tokens::of(&answer).refresh), NOW + 7 * DAY, "{more:?}");
    }
    for no in ["false", "off", "0", "False"] {
        let answer = log_in(&api, &[("remember_me", no)]).await;
        assert_eq!(attributes(&answer), BROWSER_SESSION, "{no}");
        assert_eq!(end_of(&Tokens::of(&answer).refresh), NOW + 12 * HOUR, "{no}");
    }
}

#[tokio::test]
async fn a_remember_me_that_is_no_boolean_is_named_with_the_other_fields() {
    let api = api_with(ApiSettings::default()).await;
    for word in ["", "maybe", "2", " true", "false\0"] {
        let answer = log_in(&api, &[("remember_me", word)]).await;
        assert_eq!(
            answer.says(),
            r#"422 {"detail":[{"type":"bool_parsing","loc":["body","remember_me"],"msg":"Input should be a valid boolean, unable to interpret input"}]}"#,
            "{word:?}"
        );
    }
    let answer = api.client.post_form("/api/v1/login", &[("remember_me", "maybe")]).await;
    assert_eq!(
        answer.refused(),
        ["body.username:missing", "body.password:missing", "body.remember_me:bool_parsing"]
    );
}

#[tokio::test]
async fn jw_11_a_session_not_remembered_ends_after_twelve_hours_and_rotation_never_extends_it() {
    let api = api_with(ApiSettings::default()).await;
    let mut tokens = log_in_unremembered(&api).await;
    for _ in 0..11 {
        api.clock.advance(HOUR);
        let answer = api.refresh(&tokens.refresh).await;
        assert_eq!(attributes(&answer), BROWSER_SESSION);
        tokens = Tokens::of(&answer);
        assert_eq!(end_of(&tokens.refresh), NOW + 12 * HOUR);
    }
    api.clock.advance(HOUR - 1);
    let last = Tokens::of(&api.refresh(&tokens.refresh).await);
    assert_eq!(api.me(&last.access).await.status, 200);
    api.clock.advance(1);
    assert_eq!(api.me(&last.access).await.status, 401);
    assert_eq!(api.refresh(&last.refresh).await.status, 401);
}

#[tokio::test]
async fn the_life_of_a_session_not_remembered_is_a_setting() {
    let api = api_with(ApiSettings { short_ttl: HOUR, ..ApiSettings::default() }).await;
    let tokens = log_in_unremembered(&api).await;
    api.clock.advance(HOUR - 1);
    assert_eq!(api.refresh(&tokens.refresh).await.status, 200);
    api.clock.advance(1);
    assert_eq!(api.refresh(&tokens.refresh).await.status, 401);
}

#[tokio::test]
async fn with_a_cap_each_step_prolongs_a_session_up_to_it_to_the_second() {
    let cap = 10 * DAY;
    let api = api_with(ApiSettings { session_cap: Some(cap), ..ApiSettings::default() }).await;
    let mut tokens = api.log_in("ada").await;
    for day in 1..10 {
        api.clock.advance(DAY);
        let answer = api.refresh(&tokens.refresh).await;
        let left = (7 * DAY).min(cap - day * DAY);
        assert_eq!(attributes(&answer), lasting(left), "day {day}");
        tokens = Tokens::of(&answer);
        assert_eq!(end_of(&tokens.refresh), NOW + day * DAY + left, "day {day}");
    }
    api.clock.advance(DAY - 1);
    let last = Tokens::of(&api.refresh(&tokens.refresh).await);
    assert_eq!(end_of(&last.access), NOW + cap, "no access token outlives the cap");
    api.clock.advance(1);
    assert_eq!(api.me(&last.access).await.status, 401);
    assert_eq!(api.refresh(&last.refresh).await.status, 401);
}

#[tokio::test]
async fn with_a_cap_a_session_still_ends_a_life_after_its_last_step() {
    let settings = ApiSettings { session_cap: Some(30 * DAY), ..ApiSettings::default() };
    let api = api_with(settings).await;
    let (kept, short) = (api.log_in("ada").await, log_in_unremembered(&api).await);
    api.clock.advance(HOUR);
    let (kept, short) = (api.refresh(&kept.refresh).await, api.refresh(&short.refresh).await);
    assert_eq!(attributes(&kept), lasting(604_800));
    assert_eq!(attributes(&short), BROWSER_SESSION);
    let (kept, short) = (Tokens::of(&kept), Tokens::of(&short));
    assert_eq!(end_of(&short.refresh), NOW + 13 * HOUR);
    api.clock.advance(12 * HOUR);
    assert_eq!(api.refresh(&short.refresh).await.status, 401);
    api.clock.advance(7 * DAY - 12 * HOUR);
    assert_eq!(api.refresh(&kept.refresh).await.status, 401);
}

#[tokio::test]
async fn with_a_cap_only_the_refresh_that_takes_the_step_prolongs_a_session() {
    let settings = ApiSettings { session_cap: Some(30 * DAY), ..ApiSettings::default() };
    let api = api_with(settings).await;
    let tokens = api.log_in("ada").await;
    api.clock.advance(DAY);
    let answers = join_all((0..20).map(|_| api.refresh(&tokens.refresh))).await;
    let mut children: Vec<_> = answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    children.dedup();
    assert_eq!(children.len(), 1, "RF-04");
    assert_eq!(end_of(&children[0]), NOW + 8 * DAY);
    api.clock.advance(DAY);
    let sibling = api.refresh(&tokens.refresh).await;
    assert_eq!(attributes(&sibling), lasting(6 * DAY), "its end is where the step put it");
}

#[tokio::test]
async fn rf_18_a_session_that_lies_idle_is_over() {
    let settings = ApiSettings { idle_limit: Some(2 * HOUR), ..ApiSettings::default() };
    let api = api_with(settings).await;
    let mut tokens = api.log_in("ada").await;
    for _ in 0..10 {
        api.clock.advance(2 * HOUR);
        tokens = Tokens::of(&api.refresh(&tokens.refresh).await);
    }
    let other = api.log_in("ada").await;
    api.clock.advance(HOUR);
    let fresh = api.log_in("ada").await;
    let listed = async || {
        let list = api.client.get_as("/api/v1/user/me/sessions", &fresh.access).await.json();
        list["data"].as_array().unwrap().len()
    };
    assert_eq!(listed().await, 3);
    api.clock.advance(HOUR + 1);
    let refused = api.refresh(&other.refresh).await;
    assert_eq!((refused.status, refused.detail().as_str()), (401, "Invalid refresh token."));
    assert!(refused.cookies()[0].contains("Max-Age=0"));
    assert_eq!(api.refresh(&tokens.refresh).await.status, 401);
    let next = Tokens::of(&api.refresh(&fresh.refresh).await);
    let list = api.client.get_as("/api/v1/user/me/sessions", &next.access).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "those that are over are not listed");
}

#[tokio::test]
async fn rf_15_a_client_that_keeps_its_first_cookie_is_not_idle() {
    for idle_limit in [2 * HOUR, 1800] {
        let settings = ApiSettings { idle_limit: Some(idle_limit), ..ApiSettings::default() };
        let api = api_with(settings).await;
        let tokens = api.log_in("ada").await;
        for turn in 0..300 {
            // As soon as it needs to, and as late as it may.
            api.clock.advance(if turn % 2 == 0 { 449 } else { 1800 });
            let answer = api.refresh(&tokens.refresh).await;
            assert_eq!(answer.status, 200, "limit {idle_limit}, turn {turn}: {answer}");
        }
        let last = Tokens::of(&api.refresh(&tokens.refresh).await);
        api.clock.advance(idle_limit + 1);
        assert_eq!(api.refresh(&tokens.refresh).await.status, 401, "but then it is");
        assert_eq!(api.me(&last.access).await.status, 401, "and no access token outlives that");
    }
}

#[tokio::test]
async fn lg_07_the_list_shows_a_client_that_keeps_its_first_cookie_as_active() {
    let api = api_with(ApiSettings::default()).await;
    let tokens = api.log_in("ada").await;
    for _ in 0..10 {
        api.clock.advance(1800);
        assert_eq!(api.refresh(&tokens.refresh).await.status, 200);
    }
    let now = api.clock.now();
    let access = Tokens::of(&api.refresh(&tokens.refresh).await).access;
    let list = api.client.get_as("/api/v1/user/me/sessions", &access).await.json();
    let last_used = list["data"][0]["last_used"].as_i64().unwrap();
    assert!((0..=2 * HOUR).contains(&(now - last_used)), "{} s ago", now - last_used);
}

#[tokio::test]
async fn rf_14_a_session_has_thirty_new_tokens_a_minute_and_a_refusal_ends_nothing() {
    let api = TestApi::with(ApiSettings::default()).await;
    let tokens = api.member("ada").await;
    let other = api.log_in("ada").await;
    api.clock.advance(1700);
    let child = Tokens::of(&api.refresh(&tokens.refresh).await);
    for _ in 0..40 {
        let again = Tokens::of(&api.refresh(&tokens.refresh).await);
        assert_eq!(again.refresh, child.refresh, "a repeat is not counted");
    }
    api.clock.advance(11);
    for sibling in 2..=30 {
        assert_eq!(api.refresh(&tokens.refresh).await.status, 200, "{sibling}");
    }
    let refused = api.refresh(&tokens.refresh).await;
    assert_eq!(refused.says(), r#"429 {"detail":"Too many attempts. Try again later."}"#);
    assert_eq!((refused.header("retry-after"), refused.cookies().len()), ("49", 0));
    for _ in 0..40 {
        let itself = api.refresh(&child.refresh).await;
        assert_eq!(itself.status, 200, "a young child is answered with itself: {itself}");
    }
    assert_eq!(api.refresh(&other.refresh).await.status, 200, "another session");
    assert_eq!(api.me(&child.access).await.status, 200, "nothing is revoked");
    api.clock.advance(49);
    assert_eq!(api.refresh(&tokens.refresh).await.status, 200, "after the wait");
}

#[tokio::test]
async fn rf_14_is_off_with_the_throttle() {
    let api = api_with(ApiSettings::default()).await;
    let tokens = api.log_in("ada").await;
    api.refresh(&tokens.refresh).await;
    api.clock.advance(11);
    for _ in 0..40 {
        assert_eq!(api.refresh(&tokens.refresh).await.status, 200);
    }
}

#[tokio::test]
async fn rf_17_a_site_whose_session_has_had_its_tokens_keeps_it() {
    let api = TestApi::with(ApiSettings::default()).await;
    let browser = api.site().member("ada").await;
    api.clock.advance(1750);
    // Gateways that know nothing of one another, all with the same cookie.
    let mut refused = 0;
    for turn in 0..32 {
        api.clock.advance(if turn == 1 { 11 } else { 0 });
        let mut elsewhere = Browser { jar: browser.jar.clone(), ..api.site() };
        let answer = elsewhere.fetch("GET", ME, None).await;
        assert_eq!(answer.status, 200, "the access token still lives: {answer}");
        refused += u32::from(answer.cookies().is_empty());
    }
    assert_eq!(refused, 2);
    api.clock.advance(1800);
    for (status, turns) in [(200, 30), (503, 1)] {
        for _ in 0..turns {
            let mut elsewhere = Browser { jar: browser.jar.clone(), ..api.site() };
            let answer = elsewhere.fetch("GET", ME, None).await;
            assert_eq!(answer.status, status, "{answer}");
            assert!(elsewhere.is_signed_in());
        }
    }
}

/// Both cookies of the site, without their values.
fn site_cookies(answer: &Answer) -> Vec<String> {
    let lines = answer.cookies();
    lines.iter().map(|line| line.split_once("; ").unwrap().1.to_owned()).collect()
}

fn of_site(max_age: &str) -> [String; 2] {
    [format!("Path=/{max_age}; HttpOnly; SameSite=Lax"), format!("Path=/{max_age}; SameSite=Lax")]
}

async fn sign_in(browser: &mut Browser, remember: &[&str]) -> Answer {
    let remember = remember.iter().map(|value| ("remember", *value));
    let mut fields = vec![("username", "ada"), ("password", PASSWORD)];
    fields.extend(remember);
    browser.submit("/login", &fields).await
}

#[tokio::test]
async fn the_sites_cookie_stays_unless_the_box_was_unticked() {
    let api = api_with(ApiSettings::default()).await;
    for (remember, max_age) in [
        (vec![], "; Max-Age=604800"),
        (vec!["off", "on"], "; Max-Age=604800"),
        (vec!["on"], "; Max-Age=604800"),
        (vec!["off"], ""),
        (vec!["nonsense"], ""),
    ] {
        let answer = sign_in(&mut api.site(), &remember).await;
        assert_eq!(leads(&answer).1, "/dashboard", "{remember:?}");
        assert_eq!(site_cookies(&answer), of_site(max_age), "{remember:?}");
    }
}

#[tokio::test]
async fn ck_06_a_session_not_remembered_is_refused_after_its_end_without_a_call() {
    let api = api_with(ApiSettings::default()).await;
    let faults = Faults::default();
    let mut browser = api.faulty_site(&faults);
    sign_in(&mut browser, &["off"]).await;
    for _ in 0..11 {
        api.clock.advance(HOUR);
        let answer = browser.visit("/dashboard").await;
        assert_eq!((answer.status, site_cookies(&answer)), (200, of_site("").to_vec()));
    }
    api.clock.advance(HOUR - 1);
    assert_eq!(browser.visit("/dashboard").await.status, 200);
    faults.count("/api/v1/refresh");
    faults.count("/api/v1/user/me/");
    api.clock.advance(1);
    assert_eq!(browser.clone().fetch("GET", ME, None).await.status, 401);
    assert_eq!(leads(&browser.visit("/dashboard").await).1, "/login?next=%2Fdashboard");
    assert_eq!((faults.count("/api/v1/refresh"), browser.is_signed_in()), (0, false));
}

#[tokio::test]
async fn the_sites_cookie_slides_with_the_session() {
    let settings = ApiSettings { session_cap: Some(8 * DAY), ..ApiSettings::default() };
    let api = api_with(settings).await;
    let (mut kept, mut short) = (api.site(), api.site());
    sign_in(&mut kept, &[]).await;
    sign_in(&mut short, &["off"]).await;
    for left in [7 * DAY, 7 * DAY, 7 * DAY - 6 * HOUR] {
        api.clock.advance(10 * HOUR);
        let answer = kept.visit("/dashboard").await;
        assert_eq!(site_cookies(&answer), of_site(&format!("; Max-Age={left}")));
        assert_eq!(site_cookies(&short.visit("/dashboard").await), of_site(""));
    }
    api.clock.advance(12 * HOUR);
    assert_eq!(short.visit("/dashboard").await.status, 303, "a short life after the last step");
    assert_eq!(kept.visit("/dashboard").await.status, 200);
}

#[tokio::test]
async fn rf_18_a_site_asks_whoever_was_idle_to_sign_in_again() {
    let settings = ApiSettings { idle_limit: Some(HOUR), ..ApiSettings::default() };
    let api = api_with(settings).await;
    let mut browser = api.site();
    browser.sign_in("ada").await;
    api.clock.advance(HOUR + 1);
    assert_eq!(leads(&browser.visit("/dashboard").await).1, "/login?next=%2Fdashboard");
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn the_box_on_the_login_page_is_ticked_and_stays_as_it_was_left() {
    let api = api_with(ApiSettings::default()).await;
    let mut browser = api.site();
    let is_ticked = |answer: &Answer| {
        let page = answer.body.split("id=\"remember\"").nth(1).expect("a box");
        page.split('>').next().unwrap().contains(" checked")
    };
    assert!(is_ticked(&browser.visit("/login").await));
    for (remember, ticked) in [(&["off"][..], false), (&["off", "on"], true), (&[], true)] {
        let mut fields = vec![("username", "ada"), ("password", "wrong")];
        fields.extend(remember.iter().map(|value| ("remember", *value)));
        let answer = browser.submit("/login", &fields).await;
        assert_eq!((answer.status, is_ticked(&answer)), (401, ticked), "{remember:?}");
    }
}

#[tokio::test]
async fn ck_08_what_is_late_scales_with_the_access_life() {
    for (late, cookies) in [(6, 2), (7, 0)] {
        let api = api_with(ApiSettings { access_ttl: 360, ..ApiSettings::default() }).await;
        let faults = Faults::default();
        let mut browser = api.faulty_site(&faults);
        browser.sign_in("ada").await;
        api.clock.advance(720);
        let gate = faults.hold("/api/v1/user/me/");
        let call = async { browser.fetch("GET", ME, None).await };
        let wait = async {
            faults.held(1).await;
            api.clock.advance(late);
            gate.add_permits(100);
        };
        let (answer, ()) = join(call, wait).await;
        assert_eq!((answer.status, answer.cookies().len()), (200, cookies), "after {late} s");
    }
}

#[tokio::test]
async fn lg_05_what_a_thief_would_do_needs_a_fresh_login_where_that_is_set() {
    let settings =
        ApiSettings { throttle: false, fresh_login: Some(600), ..ApiSettings::default() };
    let api = TestApi::with(settings).await;
    let (stale, other) = (api.member("ada").await, api.log_in("ada").await);
    let list = api.client.get_as("/api/v1/user/me/sessions", &other.access).await.json();
    let sessions =
        ["data/1", "data/0"].map(|at| list.pointer(&format!("/{at}/id")).unwrap().clone());
    let [theirs, own] =
        sessions.each_ref().map(|id| format!("/api/v1/user/me/sessions/{}", id.as_str().unwrap()));
    let change =
        async |fields: Value| api.client.patch_as("/api/v1/user/ada", &stale.access, &fields).await;
    assert_eq!(change(json!({"email": "a@example.com"})).await.status, 200);

    api.clock.advance(600);
    for refused in [
        change(json!({"email": "b@example.com"})).await,
        change(json!({"username": "countess"})).await,
        api.client.delete_as("/api/v1/user/ada", &stale.access).await,
        api.client.delete_as("/api/v1/user/me/sessions", &stale.access).await,
        api.client.delete_as(&own, &stale.access).await,
    ] {
        assert_eq!(refused.says(), r#"403 {"detail":"Sign in again to do this."}"#);
    }
    assert_eq!(change(json!({"name": "Countess"})).await.status, 200);
    assert_eq!(api.client.delete_as(&theirs, &stale.access).await.status, 200, "its own");
    let fresh = api.log_in("ada").await;
    assert_eq!(api.client.delete_as("/api/v1/user/me/sessions", &fresh.access).await.status, 200);
    assert_eq!(api.client.delete_as("/api/v1/user/ada", &fresh.access).await.status, 200);
}

#[tokio::test]
async fn lg_05_the_dashboard_asks_for_a_new_login() {
    let settings =
        ApiSettings { throttle: false, fresh_login: Some(600), ..ApiSettings::default() };
    let api = TestApi::with(settings).await;
    let mut browser = api.site().member("ada").await;
    api.clock.advance(600);
    for (path, fields) in [
        ("/dashboard/delete", &[("confirm", "ada")][..]),
        ("/dashboard/sessions/end-others", &[]),
        ("/dashboard/sessions/end", &[("id", "elsewhere")]),
    ] {
        let answer = browser.submit(path, fields).await;
        assert_eq!(answer.status, 422, "{path}: {answer}");
        assert!(answer.body.contains("Sign in again to do this."), "{path}");
        assert!(browser.is_signed_in());
    }
}
