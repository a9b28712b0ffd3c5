//! The pages' journey as a browser without JavaScript makes it.

use http::StatusCode;
use serde_json::json;

use crate::support::{Answer, Browser, PASSWORD, TestApi, leads};

/// The fields that a page marks as wrong.
fn errors(answer: &Answer) -> Vec<&str> {
    let inputs = answer.body.split("<input id=\"").skip(1);
    let wrong =
        inputs.filter(|input| input.split('>').next().unwrap().contains("aria-invalid=\"true\""));
    wrong.map(|input| input.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn a_person_registers_signs_in_edits_and_signs_out() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    assert_eq!(browser.visit("/").await.status, 200);
    assert_eq!(browser.visit("/register").await.status, 200);
    let registered = browser.register("ada").await;
    assert_eq!(
        leads(&registered),
        (StatusCode::SEE_OTHER, "/login?notice=registered&username=ada")
    );
    let page = browser.visit("/login?notice=registered&username=ada").await;
    assert!(
        page.body.contains("Your account is ready") && page.body.contains("value=\"ada\""),
        "{page}"
    );
    assert_eq!(leads(&browser.sign_in("ada").await), (StatusCode::SEE_OTHER, "/dashboard"));

    let page = browser.visit("/dashboard").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ada@example.com") && page.body.contains("This browser"), "{page}");
    let profile = [
        ("name", "Ada King"),
        ("username", "countess"),
        ("email", "ada@example.com"),
        ("profile_image_url", ""),
    ];
    assert_eq!(
        leads(&browser.submit("/dashboard/profile", &profile).await).1,
        "/dashboard?notice=saved"
    );
    let page = browser.visit("/dashboard?notice=saved").await;
    assert!(
        page.body.contains("Ada King")
            && page.body.contains("countess")
            && page.body.contains("Saved."),
        "{page}"
    );
    assert!(browser.visit("/").await.body.contains("Ada King"), "the session knows the new name");

    let out = browser.submit("/logout", &[]).await;
    assert_eq!(leads(&out), (StatusCode::SEE_OTHER, "/login?notice=signed-out"));
    assert_eq!(out.header("clear-site-data"), r#""cache", "storage""#, "CK-13");
    assert!(!browser.is_signed_in());
    assert_eq!(leads(&browser.visit("/dashboard").await).1, "/login?next=%2Fdashboard");
}

#[tokio::test]
async fn signing_in_works_by_address_and_leads_back_to_where_one_was_going() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    browser.submit("/logout", &[]).await;
    let sent = browser.visit("/dashboard?tab=2&x=%2F").await;
    assert_eq!(sent.header("location"), "/login?next=%2Fdashboard%3Ftab%3D2%26x%3D%252F");
    let page = browser.visit(sent.header("location")).await;
    assert!(page.body.contains(r#"value="/dashboard?tab=2&#38;x=%2F""#), "{page}");
    let next = ("next", "/dashboard?tab=2&x=%2F");
    let wrong = browser
        .submit("/login", &[("username", "ada@example.com"), ("password", "wrong"), next])
        .await;
    assert_eq!(wrong.status, 401);
    assert!(
        wrong.body.contains(r#"value="/dashboard?tab=2&#38;x=%2F""#),
        "kept over a failed attempt: {wrong}"
    );
    let right = browser
        .submit("/login", &[("username", "ada@example.com"), ("password", PASSWORD), next])
        .await;
    assert_eq!(right.header("location"), "/dashboard?tab=2&x=%2F");
}

#[tokio::test]
async fn gw_11_a_login_leads_nowhere_else() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    browser.register("ada").await;
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%2f/evil",
        "javascript:alert(1)",
        "/login",
        "/api/v1/user/me",
        "/\t/evil.example",
        "",
    ] {
        let fields = [("username", "ada"), ("password", PASSWORD), ("next", next)];
        assert_eq!(
            browser.submit("/login", &fields).await.header("location"),
            "/dashboard",
            "{next}"
        );
        browser.jar.clear();
        let query: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = browser.visit(&format!("/login?next={query}")).await;
        assert!(page.status == 200 && !page.body.contains("name=\"next\""), "{next}: {page}");
    }
}

#[tokio::test]
async fn lg_12_wrong_password_and_unknown_name_look_the_same() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    browser.register("ada").await;
    let wrong =
        browser.submit("/login", &[("username", "ada"), ("password", "canary-password")]).await;
    let unknown =
        browser.submit("/login", &[("username", "eve"), ("password", "canary-password")]).await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body.replace("ada", "eve"), unknown.body);
    assert!(wrong.body.contains("role=\"alert\"") && !wrong.body.contains("canary"), "{wrong}");
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn messages_stand_beside_their_fields_and_typed_values_are_kept() {
    let api = TestApi::new().await;
    let mut browser = api.site();
    browser.register("bob").await;
    let fields =
        [("name", "A"), ("username", "Ada!"), ("email", "nonsense"), ("password", "canary")];
    let page = browser.submit("/register", &fields).await;
    assert_eq!(page.status, 422);
    assert_eq!(errors(&page), ["name", "username", "email", "password"]);
    assert!(
        page.body.contains("value=\"Ada!\"") && page.body.contains("value=\"nonsense\""),
        "{page}"
    );
    assert!(!page.body.contains("canary"), "never the password");
    let taken = browser.register("bob").await;
    assert_eq!((taken.status, errors(&taken)), (422, vec!["email"]));
    let empty = browser.submit("/login", &[]).await;
    assert_eq!((empty.status, errors(&empty)), (422, vec!["username", "password"]));

    let mut browser = browser.member("ada").await;
    let fields = [
        ("name", "Ada"),
        ("username", "bob"),
        ("email", "ada@example.com"),
        ("profile_image_url", "nonsense"),
    ];
    let page = browser.submit("/dashboard/profile", &fields).await;
    assert_eq!((page.status, errors(&page)), (422, vec!["profile_image_url"]));
    assert!(
        page.body.contains("value=\"nonsense\"") && page.body.contains("value=\"bob\""),
        "{page}"
    );
}

#[tokio::test]
async fn sessions_elsewhere_are_shown_and_ended() {
    let api = TestApi::new().await;
    let mut here = api.site().member("ada").await;
    let mut there = api.site();
    there.sign_in("ada").await;
    let page = here.visit("/dashboard").await;
    let id = page
        .body
        .split("name=\"id\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let ended = here.submit("/dashboard/sessions/end", &[("id", &id)]).await;
    assert_eq!(ended.header("location"), "/dashboard?notice=session-ended");
    assert_eq!(there.visit("/dashboard").await.status, 303);
    assert!(!there.is_signed_in(), "its cookie is gone");
    there.sign_in("ada").await;
    assert_eq!(here.submit("/dashboard/sessions/end-others", &[]).await.status, 303);
    assert_eq!(there.visit("/dashboard").await.status, 303);
    assert_eq!(here.visit("/dashboard").await.status, 200);
}

#[tokio::test]
async fn an_account_is_deleted_after_its_name_was_typed() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    let page = browser.submit("/dashboard/delete", &[("confirm", "eve")]).await;
    assert_eq!((page.status, errors(&page)), (422, vec!["confirm"]));
    let gone = browser.submit("/dashboard/delete", &[("confirm", "ada")]).await;
    assert_eq!(gone.header("location"), "/login?notice=deleted");
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in("ada").await.status, 401);
}

#[tokio::test]
async fn lg_01_signing_in_again_ends_the_session_that_was_shown() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    let old = browser.clone();
    assert_eq!(browser.sign_in("ada").await.status, 303);
    assert_ne!(old.jar["vestibule_hint"], browser.jar["vestibule_hint"]);
    assert_eq!(browser.visit("/dashboard").await.status, 200);
    assert_eq!(old.clone().visit("/dashboard").await.status, 303);
}

#[tokio::test]
async fn whoever_is_signed_in_goes_on_from_the_login_page() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    assert_eq!(browser.visit("/login").await.header("location"), "/dashboard");
    assert_eq!(
        browser.visit("/login?next=%2Fdashboard%3Fa").await.header("location"),
        "/dashboard?a"
    );
    assert_eq!(browser.visit("/register").await.header("location"), "/dashboard");
}

#[tokio::test]
async fn rows_cs_12_and_cs_13_every_page_carries_its_headers() {
    let api = TestApi::new().await;
    let mut visitor = api.site();
    let mut member = api.site().member("ada").await;
    let pages = [
        visitor.visit("/").await,
        visitor.visit("/login").await,
        visitor.visit("/register").await,
        visitor.visit("/nowhere").await,
        visitor.submit("/login", &[]).await,
        member.visit("/dashboard").await,
    ];
    for page in pages {
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{page}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{page}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{page}");
        assert!(page.header("cache-control").contains("no-store"), "{page}");
        assert!(page.header("content-type").starts_with("text/html"), "{page}");
    }
}

#[tokio::test]
async fn cs_04_nothing_changes_by_get() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    for path in [
        "/logout",
        "/dashboard/delete?confirm=ada",
        "/dashboard/profile?name=Eve",
        "/dashboard/sessions/end-others",
    ] {
        assert_eq!(browser.visit(path).await.status, 405, "{path}");
    }
    assert_eq!(browser.visit("/dashboard").await.status, 200);
}

#[tokio::test]
async fn ck_03_no_token_reaches_the_page_or_any_answer() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    let mut answers = vec![browser.visit("/dashboard").await, browser.visit("/").await];
    answers.push(browser.fetch("GET", "/api/v1/user/me", None).await);
    answers.push(browser.fetch("PATCH", "/api/v1/user/ada", Some(&json!({"name": "Ada K"}))).await);
    answers.push(browser.fetch("POST", "/api/v1/refresh", None).await);
    api.clock.advance(1790);
    answers.push(browser.fetch("GET", "/api/v1/user/me", None).await);
    answers.push(browser.submit("/logout", &[]).await);
    for answer in &answers {
        assert!(!format!("{answer}").contains("eyJ"), "a JWT, or its cookie: {answer}");
        assert!(answer.cookies().iter().all(|line| line.starts_with("vestibule")), "{answer}");
    }
    let Browser { jar, .. } = api.site().member("bob").await;
    let value = &jar["vestibule"];
    assert!(!value.contains("bob") && value.starts_with("v1."), "{value}");
}

#[tokio::test]
async fn a_password_is_changed_on_the_dashboard() {
    let api = TestApi::new().await;
    let mut browser = api.site().member("ada").await;
    let wrong = [("current_password", "canary-wrong"), ("new_password", "canary")];
    let page = browser.submit("/dashboard/password", &wrong).await;
    assert_eq!((page.status, errors(&page)), (422, vec!["new_password"]));
    let wrong = [("current_password", "canary-wrong"), ("new_password", "canary-long-enough")];
    let page = browser.submit("/dashboard/password", &wrong).await;
    assert_eq!((page.status, errors(&page)), (422, vec!["current_password"]));
    assert!(!page.body.contains("canary"), "never the password");
    let right = [("current_password", PASSWORD), ("new_password", "another one")];
    let done = browser.submit("/dashboard/password", &right).await;
    assert_eq!(done.header("location"), "/dashboard?notice=password-changed");
    assert!(
        browser
            .visit("/dashboard?notice=password-changed")
            .await
            .body
            .contains("Your password is changed")
    );
    browser.submit("/logout", &[]).await;
    assert_eq!(browser.sign_in("ada").await.status, 401);
    assert_eq!(
        browser.submit("/login", &[("username", "ada"), ("password", "another one")]).await.status,
        303
    );
}
