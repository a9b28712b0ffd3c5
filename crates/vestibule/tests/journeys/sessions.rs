//! Login, refresh, logout: the tokens' life.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, TestApi, Tokens};

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn names(claims: &Value) -> Vec<&str> {
    claims.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_login_by_name_or_address_answers_token_and_cookie_as_the_contract_says() {
    let api = TestApi::new().await;
    api.register("ada").await;
    for identifier in ["ada", "ada@example.com", "ADA@example.com"] {
        let answer = api.client.log_in(identifier, PASSWORD).await;
        assert_eq!(answer.status, 200, "{identifier}: {answer}");
        assert_eq!(names(&answer.json()), ["access_token", "token_type"]);
        assert_eq!(answer.json()["token_type"], "bearer");
        let tokens = Tokens::of(&answer);
        let cookie = format!(
            "refresh_token={}; HttpOnly; Max-Age=604800; Path=/; SameSite=lax; Secure",
            tokens.refresh
        );
        assert_eq!(answer.cookies(), [cookie], "CK-12");
        assert_eq!(answer.header("cache-control"), "no-store");
        let access = claims(&tokens.access);
        assert_eq!((&access["sub"], &access["token_type"]), (&json!("ada"), &json!("access")));
        assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 1800);
        let refresh = claims(&tokens.refresh);
        assert_eq!((&refresh["sub"], &refresh["token_type"]), (&json!("ada"), &json!("refresh")));
        assert_eq!(refresh["exp"].as_i64().unwrap() - refresh["iat"].as_i64().unwrap(), 604_800);
    }
}

#[tokio::test]
async fn jw_12_claims_hold_no_address_and_no_display_name() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    assert_eq!(
        names(&claims(&tokens.access)),
        ["sub", "uid", "sid", "jti", "iat", "exp", "token_type"]
    );
    assert_eq!(
        names(&claims(&tokens.refresh)),
        ["sub", "uid", "sid", "jti", "prt", "gen", "iat", "exp", "token_type"]
    );
}

#[tokio::test]
async fn a_login_takes_multipart_and_of_fields_given_twice_the_last() {
    let api = TestApi::new().await;
    api.register("ada").await;
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = format!(
        "{}{}{}--b--\r\n",
        part("username", "ada"),
        part("password", "wrong"),
        part("password", PASSWORD)
    );
    let kind = [("content-type", "multipart/form-data; boundary=b")];
    assert_eq!(api.client.request("POST", "/api/v1/login", &kind, body).await.status, 200);
    let twice = [
        ("username", "bob"),
        ("username", "ada"),
        ("password", PASSWORD),
        ("scope", ""),
        ("client_id", "x"),
    ];
    assert_eq!(api.client.post_form("/api/v1/login/", &twice).await.status, 200);
    let broken = api.client.request("POST", "/api/v1/login", &kind, "--b\r\nnonsense").await;
    assert_eq!(
        (broken.status, broken.detail().as_str()),
        (400, "There was an error parsing the body")
    );
}

#[tokio::test]
async fn lg_12_whatever_is_wrong_with_a_login_the_answer_is_the_same() {
    let api = TestApi::new().await;
    api.register("ada").await;
    for (identifier, password) in [
        ("ada", "wrong"),
        ("ada", ""),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("Ada", PASSWORD),
        (" ada", PASSWORD),
        ("ada\0", PASSWORD),
        ("ada@", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("ada", &"x".repeat(5000)),
    ] {
        let answer = api.client.log_in(identifier, password).await;
        assert_eq!(
            answer.says(),
            r#"401 {"detail":"Wrong username, email or password."}"#,
            "{identifier:?}"
        );
        assert_eq!((answer.cookies().len(), answer.header("www-authenticate")), (0, ""));
    }
}

#[tokio::test]
async fn a_login_form_that_is_not_whole_names_every_field() {
    let api = TestApi::new().await;
    let both = ["body.username:missing", "body.password:missing"];
    assert_eq!(api.client.post_form("/api/v1/login", &[]).await.refused(), both);
    assert_eq!(
        api.client.post_json("/api/v1/login", &json!({"username": "ada"})).await.refused(),
        both
    );
    assert_eq!(
        api.client
            .request("POST", "/api/v1/login?username=ada&password=x", &[], "")
            .await
            .refused(),
        both
    );
    let answer =
        api.client.post_form("/api/v1/login", &[("username", "ada"), ("grant_type", "code")]).await;
    assert_eq!(
        answer.refused(),
        ["body.grant_type:string_pattern_mismatch", "body.password:missing"]
    );
    let fields = [("username", "nobody"), ("password", "x"), ("grant_type", "password")];
    assert_eq!(api.client.post_form("/api/v1/login", &fields).await.status, 401);
}

#[tokio::test]
async fn jw_10_an_authorization_header_of_any_kind_is_a_200_or_a_401() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    let (access, refresh) = (&tokens.access, &tokens.refresh);
    let none = ("Not authenticated", "Bearer");
    let bad = ("User not authenticated.", r#"Bearer error="invalid_token""#);
    for (header, (detail, challenge)) in [
        (format!("Basic {access}"), none),
        (format!("Token {access}"), none),
        (access.clone(), none),
        (String::new(), none),
        ("Bearer".to_owned(), bad),
        ("Bearer ".to_owned(), bad),
        (format!("Bearer  {access}"), bad),
        (format!("Bearer {access} x"), bad),
        (format!("Bearer {refresh}"), bad),
        ("Bearer null".to_owned(), bad),
        ("Bearer %ff%".to_owned(), bad),
    ] {
        let answer =
            api.client.request("GET", "/api/v1/user/me", &[("authorization", &header)], "").await;
        assert_eq!((answer.status, answer.detail().as_str()), (401, detail), "{header}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{header}");
    }
    let answer = api.client.get("/api/v1/user/me").await;
    assert_eq!((answer.detail().as_str(), answer.header("www-authenticate")), none);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{scheme} {access}");
        let answer =
            api.client.request("GET", "/api/v1/user/me", &[("authorization", &header)], "").await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn an_access_token_lives_30_minutes_and_a_refresh_brings_the_next() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    api.clock.advance(1799);
    assert_eq!(api.me(&tokens.access).await.status, 200);
    api.clock.advance(1);
    assert_eq!(api.me(&tokens.access).await.says(), r#"401 {"detail":"User not authenticated."}"#);
    let next = Tokens::of(&api.refresh(&tokens.refresh).await);
    assert_eq!(api.me(&next.access).await.status, 200);
}

#[tokio::test]
async fn jw_11_a_session_ends_seven_days_after_the_login_and_rotation_never_extends_it() {
    let api = TestApi::new().await;
    let mut tokens = api.member("ada").await;
    for day in 1..7 {
        api.clock.advance(86_400);
        let answer = api.refresh(&tokens.refresh).await;
        let max_age = format!("Max-Age={};", (7 - day) * 86_400);
        assert!(answer.cookies()[0].contains(&max_age), "{answer}");
        tokens = Tokens::of(&answer);
    }
    api.clock.advance(86_399);
    let last = Tokens::of(&api.refresh(&tokens.refresh).await);
    api.clock.advance(1);
    assert_eq!(api.me(&last.access).await.status, 401, "no access token outlives its session");
    assert_eq!(api.refresh(&last.refresh).await.status, 401);
}

#[tokio::test]
async fn rf_04_fifty_refreshes_at_once_all_succeed_with_one_child() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    api.clock.advance(1700);
    let answers = join_all((0..50).map(|_| api.refresh(&tokens.refresh))).await;
    let mut children: Vec<String> =
        answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    children.sort_unstable();
    children.dedup();
    assert_eq!(children.len(), 1);
}

#[tokio::test]
async fn rf_15_a_client_that_keeps_its_first_cookie_keeps_working_for_seven_days() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    for _ in 0..300 {
        api.clock.advance(1800);
        assert_eq!(api.refresh(&tokens.refresh).await.status, 200);
    }
}

#[tokio::test]
async fn rf_02_a_copied_token_ends_the_session_for_both_holders() {
    let api = TestApi::new().await;
    let stolen = api.member("ada").await;
    api.clock.advance(1700);
    let second = Tokens::of(&api.refresh(&stolen.refresh).await);
    api.clock.advance(1700);
    let third = Tokens::of(&api.refresh(&second.refresh).await);
    api.clock.advance(1700);
    let caught = api.refresh(&stolen.refresh).await;
    assert_eq!(caught.detail(), "Invalid refresh token.");
    assert!(caught.cookies()[0].contains("Max-Age=0"));
    assert_eq!(api.refresh(&third.refresh).await.status, 401);
    assert_eq!(api.me(&third.access).await.status, 401);
}

#[tokio::test]
async fn rf_08_a_straggler_gets_409_and_the_session_lives_on() {
    let api = TestApi::new().await;
    let first = api.member("ada").await;
    api.clock.advance(1700);
    let second = Tokens::of(&api.refresh(&first.refresh).await);
    api.clock.advance(1700);
    let third = Tokens::of(&api.refresh(&second.refresh).await);
    let late = api.refresh(&first.refresh).await;
    assert_eq!((late.status, late.cookies().len()), (409, 0), "{late}");
    assert_eq!(api.me(&third.access).await.status, 200);
}

#[tokio::test]
async fn rf_16_a_refresh_token_is_taken_from_the_cookie_only() {
    let api = TestApi::new().await;
    let Tokens { access, refresh } = api.member("ada").await;
    let missing = |answer: Answer| assert_eq!(answer.detail(), "Refresh token missing.");
    missing(api.client.request("POST", "/api/v1/refresh", &[], "").await);
    missing(api.client.post_json("/api/v1/refresh", &json!({"refresh_token": refresh})).await);
    missing(api.client.post_form("/api/v1/refresh", &[("refresh_token", &refresh)]).await);
    missing(
        api.client
            .request("POST", &format!("/api/v1/refresh?refresh_token={refresh}"), &[], "")
            .await,
    );
    missing(api.client.post_cookie("/api/v1/refresh", "").await);
    for bad in ["garbage", &access, &refresh[1..], "\""] {
        let answer = api.refresh(bad).await;
        assert_eq!(
            (answer.status, answer.detail().as_str()),
            (401, "Invalid refresh token."),
            "{bad}"
        );
        assert!(
            answer.cookies()[0].starts_with("refresh_token=\"\"")
                && answer.cookies()[0].contains("Max-Age=0")
        );
    }
    assert_eq!(api.refresh(&format!("\"{refresh}\"")).await.status, 200, "quoted");
    let two = format!("refresh_token=garbage; refresh_token={refresh}");
    assert_eq!(
        api.client.request("POST", "/api/v1/refresh", &[("cookie", &two)], "").await.status,
        200
    );
}

#[tokio::test]
async fn rv_01_either_half_signs_out_again_and_again() {
    let api = TestApi::new().await;
    api.register("ada").await;
    for halves in ["both", "bearer", "cookie", "cookie and a dead bearer"] {
        let (tokens, other) = (api.log_in("ada").await, api.log_in("ada").await);
        let bearer = match halves {
            "both" | "bearer" => format!("Bearer {}", tokens.access),
            "cookie" => String::new(),
            _ => "Bearer garbage".to_owned(),
        };
        let cookie = if halves == "bearer" {
            String::new()
        } else {
            format!("refresh_token={}", tokens.refresh)
        };
        let headers = [("authorization", bearer.as_str()), ("cookie", cookie.as_str())];
        let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        for turn in 1..=2 {
            let answer = api.client.request("POST", "/api/v1/logout", &headers, "").await;
            assert_eq!(
                answer.says(),
                r#"200 {"message":"Logged out successfully"}"#,
                "{halves}, {turn}"
            );
            assert!(answer.cookies()[0].contains("Max-Age=0"), "{halves}");
        }
        assert_eq!(api.me(&tokens.access).await.detail(), "User not authenticated.", "{halves}");
        assert_eq!(
            api.refresh(&tokens.refresh).await.detail(),
            "Invalid refresh token.",
            "{halves}"
        );
        assert_eq!(api.me(&other.access).await.status, 200, "another session lives on");
    }
}

#[tokio::test]
async fn a_logout_without_a_good_token_is_a_401_that_clears_the_cookie() {
    let api = TestApi::new().await;
    for (headers, detail) in [
        (vec![], "Not authenticated"),
        (vec![("authorization", "Bearer garbage")], "Invalid token."),
        (vec![("cookie", "refresh_token=garbage")], "Invalid token."),
        (
            vec![("authorization", "Bearer garbage"), ("cookie", "refresh_token=garbage")],
            "Invalid token.",
        ),
    ] {
        let answer = api.client.request("POST", "/api/v1/logout", &headers, "").await;
        assert_eq!((answer.status, answer.detail().as_str()), (401, detail), "{headers:?}");
        assert!(answer.cookies()[0].contains("Max-Age=0"));
    }
}

#[tokio::test]
async fn rf_09_a_refresh_that_races_a_logout_yields_nothing_usable() {
    let api = TestApi::new().await;
    api.register("ada").await;
    for _ in 0..20 {
        let tokens = api.log_in("ada").await;
        let logout = api.client.post_cookie("/api/v1/logout", &tokens.refresh);
        let refreshes = join_all((0..4).map(|_| api.refresh(&tokens.refresh)));
        let (logout, refreshes) = futures_util::future::join(logout, refreshes).await;
        assert_eq!(logout.status, 200);
        for refreshed in refreshes.iter().filter(|answer| answer.status == 200) {
            let next = Tokens::of(refreshed);
            assert_eq!(api.me(&next.access).await.status, 401);
            assert_eq!(api.refresh(&next.refresh).await.status, 401);
        }
    }
}

#[tokio::test]
async fn lg_07_people_see_and_end_their_sessions() {
    let api = TestApi::new().await;
    let here = api.member("ada").await;
    api.clock.advance(3_700);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("user-agent", "Firefox on a train"),
    ];
    let there = api.client.at_address([192, 0, 2, 7]);
    let there = Tokens::of(
        &there
            .request("POST", "/api/v1/login", &headers, format!("username=ada&password={PASSWORD}"))
            .await,
    );
    api.member("bob").await;

    let list = api.client.get_as("/api/v1/user/me/sessions", &there.access).await.json();
    let entries = list["data"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        (&entries[0]["current"], &entries[0]["address"], &entries[0]["agent"]),
        (&json!(true), &json!("192.0.2.7"), &json!("Firefox on a train"))
    );
    assert_eq!(entries[1]["current"], false);
    assert!(entries.iter().all(|entry| entry["last_used"].as_i64().unwrap() % 3600 == 0));

    let id = entries[1]["id"].as_str().unwrap();
    let path = format!("/api/v1/user/me/sessions/{id}");
    assert_eq!(api.client.delete_as(&path, &there.access).await.status, 200);
    assert_eq!(api.client.delete_as(&path, &there.access).await.status, 404);
    assert_eq!(api.refresh(&here.refresh).await.status, 401);
    assert_eq!(api.me(&there.access).await.status, 200);
}

#[tokio::test]
async fn nobody_ends_another_accounts_session() {
    let api = TestApi::new().await;
    let (ada, bob) = (api.member("ada").await, api.member("bob").await);
    let sid = claims(&ada.access)["sid"].as_str().unwrap().to_owned();
    assert_eq!(
        api.client.delete_as(&format!("/api/v1/user/me/sessions/{sid}"), &bob.access).await.status,
        404
    );
    assert_eq!(api.client.delete_as("/api/v1/user/me/sessions", &bob.access).await.status, 200);
    assert_eq!(api.me(&ada.access).await.status, 200);
    let second = api.log_in("ada").await;
    assert_eq!(api.client.delete_as("/api/v1/user/me/sessions", &second.access).await.status, 200);
    assert_eq!((api.me(&ada.access).await.status, api.me(&second.access).await.status), (401, 200));
}

#[tokio::test]
async fn what_is_over_is_swept_and_a_revoked_session_not_before_its_end() {
    let api = TestApi::new().await;
    let tokens = api.member("ada").await;
    let rows = async || {
        let counts = ["sessions", "news", "held_usernames"].map(|table| api.database.count(table));
        futures_util::future::join_all(counts).await
    };
    api.client.patch_as("/api/v1/user/ada", &tokens.access, &json!({"username": "countess"})).await;
    api.client.delete_as("/api/v1/user/me/sessions", &tokens.access).await;
    assert_eq!(api.client.post_cookie("/api/v1/logout", &tokens.refresh).await.status, 200);
    api.log_in("countess").await;
    assert_eq!(rows().await, [2, 2, 1]);
    api.clock.advance(2_000);
    api.inner.sweep().await.unwrap();
    assert_eq!(rows().await, [2, 0, 0], "no access token can be alive");
    assert_eq!(api.refresh(&tokens.refresh).await.status, 401);
    api.clock.advance(7 * 86_400);
    api.inner.sweep().await.unwrap();
    assert_eq!(rows().await, [0, 0, 0]);
}
