//! Accounts: made, read, changed, deleted.

use std::fs;

use futures_util::future::join_all;
use serde_json::{Value, json};
use vestibule_api::Api;

use crate::copy::meddle;
use crate::support::{PASSWORD, TestApi, person};

#[tokio::test]
async fn a_registration_answers_201_with_exactly_the_contracts_user() {
    let api = TestApi::new().await;
    let answer = api.client.post_json("/api/v1/user", &person("ada")).await;
    assert_eq!(
        answer.says(),
        r#"201 {"id":1,"name":"Ada Lovelace","username":"ada","email":"ada@example.com","profile_image_url":"https://profileimageurl.com","tier_id":null}"#
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn every_field_of_a_registration_is_checked() {
    let api = TestApi::new().await;
    let long = |count| json!("x".repeat(count));
    let cases = [
        ("name", json!("A"), "string_too_short"),
        ("name", json!(""), "string_too_short"),
        ("name", long(31), "string_too_long"),
        ("name", json!(7), "string_type"),
        ("name", json!(null), "string_type"),
        ("name", json!("a\u{0}b"), "string_pattern_mismatch"),
        ("username", json!("a"), "string_too_short"),
        ("username", long(21), "string_too_long"),
        ("username", json!("Ada"), "string_pattern_mismatch"),
        ("username", json!("a_b"), "string_pattern_mismatch"),
        ("username", json!("ab\n"), "string_pattern_mismatch"),
        ("username", json!("a\u{0}b"), "string_pattern_mismatch"),
        ("username", json!("me"), "value_error"),
        ("username", json!("login"), "value_error"),
        ("username", json!(["ada"]), "string_type"),
        ("email", json!("ada"), "value_error"),
        ("email", json!("ada@localhost"), "value_error"),
        ("email", json!("ada@@example.com"), "value_error"),
        ("email", json!("ada@example.test"), "value_error"),
        ("email", json!(format!("{}@example.com", "a".repeat(39))), "string_too_long"),
        ("email", json!({}), "string_type"),
        ("password", json!("seven77"), "string_too_short"),
        ("password", json!(""), "string_too_short"),
        ("password", long(257), "string_too_long"),
        ("password", json!(12_345_678), "string_type"),
        ("is_superuser", json!(true), "extra_forbidden"),
        ("tier_id", json!(1), "extra_forbidden"),
        ("id", json!(1), "extra_forbidden"),
        ("hashed_password", json!("x"), "extra_forbidden"),
        ("email_verified", json!(true), "extra_forbidden"),
        ("created_at", json!("2026-11-22T22:30:00.000Z"), "extra_forbidden"),
        ("updated_at", json!("2026-11-22T22:30:00.000Z"), "extra_forbidden"),
        ("profile_image_url", json!("https://x.yz"), "extra_forbidden"),
    ];
    for (field, value, kind) in cases {
        let mut body = person("ada");
        body[field] = value.clone();
        let answer = api.client.post_json("/api/v1/user", &body).await;
        assert_eq!(answer.status, 422, "{field} = {value}: {answer}");
        assert_eq!(answer.refused(), [format!("body.{field}:{kind}")], "{value}");
    }
    assert_eq!(api.register("ada").await["id"], 1, "nothing was made on the way");
}

#[tokio::test]
async fn er_03_all_wrong_fields_are_named_at_once_and_no_value_is_echoed() {
    let api = TestApi::new().await;
    let answer = api.client.post_json("/api/v1/user", &json!({})).await;
    let expected =
        ["name", "username", "email", "password"].map(|field| format!("body.{field}:missing"));
    assert_eq!(answer.refused(), expected);
    let body = json!({"name": "canary-name-that-is-much-too-long-for-a-name", "username": "Canary!", "password": "canary-password", "x": "canary"});
    let answer = api.client.post_json("/api/v1/user", &body).await;
    assert_eq!(
        answer.refused(),
        [
            "body.name:string_too_long",
            "body.username:string_pattern_mismatch",
            "body.email:missing",
            "body.x:extra_forbidden"
        ]
    );
    assert!(!answer.body.to_lowercase().contains("canary"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_and_never_a_5xx() {
    let api = TestApi::new().await;
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let json = "application/json";
    let cases: [(&str, &[u8], u16, &str); 14] = [
        (json, b"", 422, "missing"),
        (json, b"null", 422, "missing"),
        (json, b"[]", 422, "model_attributes_type"),
        (json, b"\"ada\"", 422, "model_attributes_type"),
        (json, b"7", 422, "model_attributes_type"),
        (json, b"{\"name\": NaN}", 422, "json_invalid"),
        (json, b"{\"name\": \"\\ud800\"}", 422, "json_invalid"),
        (json, b"{", 422, "json_invalid"),
        (json, b"\xff\xfe", 400, "error parsing"),
        (json, deep.as_bytes(), 400, "error parsing"),
        ("text/plain", b"{}", 422, "model_attributes_type"),
        ("application/x-www-form-urlencoded", b"name=a", 422, "model_attributes_type"),
        ("application/vnd.api+json", b"{}", 422, "missing"),
        ("", b"{}", 422, "missing"),
    ];
    for (kind, body, status, said) in cases {
        let headers: &[(&str, &str)] =
            if kind.is_empty() { &[] } else { &[("content-type", kind)] };
        let answer = api.client.request("POST", "/api/v1/user", headers, body.to_vec()).await;
        assert_eq!(answer.status, status, "{kind} {body:?}: {answer}");
        assert!(answer.body.contains(said), "{body:?}: {answer}");
    }
    let answer =
        api.client.post_json("/api/v1/user", &json!({"name": "x".repeat(1_100_000)})).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn a_taken_address_is_named_before_a_taken_name_whatever_its_case() {
    let api = TestApi::new().await;
    api.register("ada").await;
    let with = |username: &str, email: &str| {
        let mut body = person(username);
        body["email"] = json!(email);
        body
    };
    for (username, email, said) in [
        ("ada", "ada@example.com", "Email is already registered"),
        ("bob", "ADA@Example.com", "Email is already registered"),
        ("ada", "other@example.com", "Username not available"),
    ] {
        let answer = api.client.post_json("/api/v1/user", &with(username, email)).await;
        assert_eq!((answer.status, answer.detail().as_str()), (422, said), "{username} {email}");
    }
}

#[tokio::test]
async fn of_equal_registrations_at_once_one_wins_and_none_is_a_5xx() {
    let api = TestApi::new().await;
    let body = person("ada");
    let answers = join_all((0..8).map(|_| api.client.post_json("/api/v1/user", &body))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422, 422, 422, 422, 422, 422, 422]);
}

#[tokio::test]
async fn an_account_is_read_with_a_token_and_others_without_the_address() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    api.register("bob").await;
    for path in ["/api/v1/user/me", "/api/v1/user/me/", "/api/v1/user/ada", "/api/v1/user/ada/"] {
        let answer = api.client.get_as(path, &ada.access).await;
        assert_eq!(
            (answer.status, &answer.json()["email"]),
            (200, &json!("ada@example.com")),
            "{path}"
        );
    }
    let bob = api.client.get_as("/api/v1/user/bob", &ada.access).await;
    assert_eq!(
        (bob.status, &bob.json()["username"], &bob.json()["email"]),
        (200, &json!("bob"), &Value::Null)
    );
    for name in ["nobody", "Ada", "ada@example.com", "1", "%00", "%ff", "a%2Fb", "%F0%9F%A6%80"] {
        let answer = api.client.get_as(&format!("/api/v1/user/{name}"), &ada.access).await;
        assert_eq!((answer.status, answer.detail().as_str()), (404, "User not found"), "{name}");
    }
    assert_eq!(api.client.get("/api/v1/user/ada").await.status, 401, "LG-16: a token is asked for");
}

#[tokio::test]
async fn only_the_owner_at_me_is_told_when_the_account_was_made_and_changed() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    api.register("bob").await;
    let six = |id, username: &str, email: &str| {
        format!(
            r#"{{"id":{id},"name":"Ada Lovelace","username":"{username}","email":{email},"profile_image_url":"https://profileimageurl.com","tier_id":null"#
        )
    };
    let ada_s = six(1, "ada", r#""ada@example.com""#);
    let three = r#","created_at":"2027-01-15T08:00:00.000Z","updated_at":"2027-01-15T08:00:00.000Z","email_verified":false}"#;
    for path in ["/api/v1/user/me", "/api/v1/user/me/"] {
        let me = api.client.get_as(path, &ada.access).await;
        assert_eq!(me.says(), format!("200 {ada_s}{three}"));
        let documented = &Api::openapi()["components"]["schemas"]["Account"]["required"];
        assert_eq!(json!(me.json().as_object().unwrap().keys().collect::<Vec<_>>()), *documented);
    }
    let by_name = api.client.get_as("/api/v1/user/ada", &ada.access).await;
    assert_eq!(by_name.says(), format!("200 {ada_s}}}"), "the contract's keys and no others");
    let other = api.client.get_as("/api/v1/user/bob", &ada.access).await;
    assert_eq!(other.says(), format!("200 {}}}", six(2, "bob", "null")));
}

/// Each change is looked at right after the answer before was remembered.
#[tokio::test]
async fn the_time_of_the_last_change_moves_with_every_change_and_with_nothing_else() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    let updated_at = async || {
        let me = api.me(&ada.access).await.json();
        assert_eq!(me["created_at"], "2027-01-15T08:00:00.000Z");
        me["updated_at"].as_str().unwrap().to_owned()
    };
    let password = json!({"current_password": PASSWORD, "new_password": "An0ther!pass"});
    for (minute, (username, change, moves)) in [
        ("ada", json!({}), false),
        ("ada", json!({"name": "Ada Lovelace", "email": "ada@example.com"}), false),
        ("ada", json!({"name": "Ada King"}), true),
        ("ada", json!({"name": "Ada King", "username": "ada"}), false),
        ("ada", json!({"email": "Ada@example.com"}), true),
        ("ada", json!({"profile_image_url": "https://example.com/a.png"}), true),
        ("ada", json!({"username": "countess"}), true),
        ("me", password, true),
    ]
    .into_iter()
    .enumerate()
    {
        let before = updated_at().await;
        api.clock.advance(60);
        let answer = match username {
            "me" => {
                let bearer = format!("Bearer {}", ada.access);
                let headers = [("content-type", "application/json"), ("authorization", &*bearer)];
                let path = "/api/v1/user/me/password";
                api.client.request("PUT", path, &headers, change.to_string()).await
            }
            name => {
                let path = format!("/api/v1/user/{name}");
                api.client.patch_as(&path, &ada.access, &change).await
            }
        };
        assert_eq!(answer.status, 200, "{answer}");
        let now = format!("2027-01-15T08:{:02}:00.000Z", minute + 1);
        assert_eq!(updated_at().await, if moves { now } else { before }, "{change}");
    }
    let (before, again) = (updated_at().await, api.client.log_in("countess", "An0ther!pass").await);
    assert_eq!((again.status, updated_at().await), (200, before), "a login is no change");
}

#[tokio::test]
async fn a_new_address_is_not_verified_and_other_changes_leave_it_as_it_was() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    meddle(&api.database, "UPDATE users SET email_verified = TRUE").await;
    for (change, verified) in [
        (json!({"name": "Ada King", "profile_image_url": "https://example.com/a.png"}), true),
        (json!({"email": "ada@example.com"}), true),
        (json!({"email": "countess@example.com"}), false),
        (json!({"email": "ada@example.com"}), false),
    ] {
        let answer = api.client.patch_as("/api/v1/user/ada", &ada.access, &change).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(api.me(&ada.access).await.json()["email_verified"], verified, "{change}");
    }
}

#[tokio::test]
async fn lg_17_only_the_owner_changes_an_account_and_checks_come_in_the_contracts_order() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    api.register("bob").await;
    let bad = json!({"name": 7});
    let good = json!({"name": "Ada King"});
    let no_token = api.client.request("PATCH", "/api/v1/user/ada", &[], bad.to_string()).await;
    assert_eq!(no_token.status, 401, "a bad body without a token");
    assert_eq!(api.client.patch_as("/api/v1/user/bob", &ada.access, &bad).await.status, 422);
    assert_eq!(api.client.patch_as("/api/v1/user/bob", &ada.access, &good).await.status, 403);
    assert_eq!(api.client.delete_as("/api/v1/user/bob", &ada.access).await.status, 403);
    assert_eq!(api.client.patch_as("/api/v1/user/nobody", &ada.access, &good).await.status, 404);
    assert_eq!(api.client.delete_as("/api/v1/user/nobody", &ada.access).await.status, 404);
    for field in [
        "is_superuser",
        "tier_id",
        "id",
        "password",
        "hashed_password",
        "email_verified",
        "created_at",
        "updated_at",
        "deleted_at",
        "uuid",
    ] {
        let answer = api.client.patch_as("/api/v1/user/ada", &ada.access, &json!({field: 1})).await;
        assert_eq!(answer.refused(), [format!("body.{field}:extra_forbidden")]);
    }
    let answer = api.client.patch_as("/api/v1/user/ada", &ada.access, &good).await;
    assert_eq!(answer.says(), r#"200 {"message":"User updated"}"#);
    assert_eq!(api.me(&ada.access).await.json()["name"], "Ada King");
}

#[tokio::test]
async fn every_field_of_a_change_is_checked_and_own_values_are_fine() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    api.register("bob").await;
    for (field, value, kind) in [
        ("name", json!("A"), "string_too_short"),
        ("name", json!(null), "string_type"),
        ("username", json!("Ada"), "string_pattern_mismatch"),
        ("username", json!("me"), "value_error"),
        ("email", json!("ada"), "value_error"),
        ("email", json!(null), "string_type"),
        ("profile_image_url", json!(null), "string_type"),
        ("profile_image_url", json!("javascript:alert(1)"), "string_pattern_mismatch"),
        ("profile_image_url", json!("https://a b"), "string_pattern_mismatch"),
        ("profile_image_url", json!("x".repeat(2049)), "string_too_long"),
    ] {
        let answer =
            api.client.patch_as("/api/v1/user/ada", &ada.access, &json!({field: value})).await;
        assert_eq!(answer.refused(), [format!("body.{field}:{kind}")], "{value}");
    }
    for (body, said) in [
        (json!({"email": "BOB@example.com"}), "Email is already registered"),
        (json!({"username": "bob"}), "Username not available"),
    ] {
        let answer = api.client.patch_as("/api/v1/user/ada", &ada.access, &body).await;
        assert_eq!((answer.status, answer.detail().as_str()), (422, said));
    }
    for body in [
        json!({}),
        json!({"username": "ada", "email": "ada@example.com"}),
        json!({"profile_image_url": "ftp://example.com/a.png"}),
    ] {
        assert_eq!(
            api.client.patch_as("/api/v1/user/ada", &ada.access, &body).await.status,
            200,
            "{body}"
        );
    }
}

#[tokio::test]
async fn lg_03_a_rename_signs_nobody_out_and_nobody_inherits_the_name() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    let other = api.log_in("ada").await;
    let renamed = api
        .client
        .patch_as("/api/v1/user/ada", &ada.access, &json!({"username": "countess"}))
        .await;
    assert_eq!(renamed.status, 200);
    for tokens in [&ada, &other] {
        assert_eq!(api.me(&tokens.access).await.json()["username"], "countess");
    }
    let refreshed = api.refresh(&ada.refresh).await;
    assert_eq!(
        api.me(refreshed.json()["access_token"].as_str().unwrap()).await.json()["username"],
        "countess"
    );

    let mut thief = person("ada");
    thief["email"] = json!("thief@example.com");
    let early = api.client.post_json("/api/v1/user", &thief).await;
    assert_eq!(early.detail(), "Username not available", "tokens with the name are still alive");
    api.clock.advance(1800 + 30);
    assert_eq!(api.client.post_json("/api/v1/user", &thief).await.status, 201);
    let still = api.refresh(&other.refresh).await;
    let access = still.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(api.me(&access).await.json()["username"], "countess");
    assert_eq!(
        api.client.patch_as("/api/v1/user/ada", &access, &json!({"name": "Nope"})).await.status,
        403
    );
}

#[tokio::test]
async fn an_owner_may_take_a_name_back_at_once() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    for (from, to) in [("ada", "countess"), ("countess", "ada"), ("ada", "countess")] {
        let answer = api
            .client
            .patch_as(&format!("/api/v1/user/{from}"), &ada.access, &json!({"username": to}))
            .await;
        assert_eq!(answer.status, 200, "{from} to {to}: {answer}");
    }
}

#[tokio::test]
async fn a_deleted_account_is_dead_everywhere_and_keeps_nothing() {
    let api = TestApi::new().await;
    let ada = api.member("ada").await;
    let other = api.log_in("ada@example.com").await;
    let rename =
        json!({"name": "Canary Name", "profile_image_url": "https://canary.example.com/x.png"});
    api.client.patch_as("/api/v1/user/ada", &ada.access, &rename).await;

    let answer = api.client.delete_as("/api/v1/user/ada", &ada.access).await;
    assert_eq!(answer.says(), r#"200 {"message":"User deleted"}"#);
    for tokens in [&ada, &other] {
        assert_eq!(api.me(&tokens.access).await.detail(), "User not authenticated.");
        assert_eq!(api.refresh(&tokens.refresh).await.status, 401);
    }
    for name in ["ada", "ada@example.com"] {
        let answer = api.client.log_in(name, PASSWORD).await;
        assert_eq!(
            (answer.status, answer.detail().as_str()),
            (401, "Wrong username, email or password.")
        );
    }
    let bob = api.member("bob").await;
    assert_eq!(api.client.get_as("/api/v1/user/ada", &bob.access).await.status, 404);
    assert_eq!(api.client.delete_as("/api/v1/user/ada", &bob.access).await.status, 404);

    let again = api.client.post_json("/api/v1/user", &person("ada")).await;
    assert_eq!(again.detail(), "Email is already registered");
    let mut thief = person("ada");
    thief["email"] = json!("thief@example.com");
    assert_eq!(
        api.client.post_json("/api/v1/user", &thief).await.detail(),
        "Username not available"
    );

    let kept = "SELECT count(*) FROM users WHERE deleted_at IS NOT NULL
        AND (name || email || password_hash || profile_image_url <> '' OR updated_at IS NOT NULL OR email_verified)";
    assert_eq!(api.database.number(kept).await, 0);
    api.inner.close().await;
    // On SQLite, not even in what was written before. PostgreSQL keeps old rows until it vacuums.
    for file in fs::read_dir(api.database.folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for canary in ["ada@example.com", "Canary Name", "canary.example.com"] {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} is in {}", path.display());
        }
    }
}

#[tokio::test]
async fn lg_05_lg_06_a_password_is_changed_with_the_current_one_and_ends_other_sessions() {
    let api = TestApi::new().await;
    let (here, there) = (api.member("ada").await, api.log_in("ada").await);
    let put = async |current: &str, new: &str| {
        let bearer = format!("Bearer {}", here.access);
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let body = json!({"current_password": current, "new_password": new}).to_string();
        api.client.request("PUT", "/api/v1/user/me/password", &headers, body).await
    };
    assert_eq!(
        put("canary-wrong", "another one").await.refused(),
        ["body.current_password:value_error"]
    );
    assert!(!put("canary-wrong", "another one").await.body.contains("canary"), "ER-03");
    assert_eq!(put(PASSWORD, "short").await.refused(), ["body.new_password:string_too_short"]);
    assert_eq!(api.me(&there.access).await.status, 200, "nothing has ended yet");

    assert_eq!(put(PASSWORD, "another one").await.says(), r#"200 {"message":"Password changed"}"#);
    assert_eq!(api.me(&here.access).await.status, 200);
    assert_eq!(api.me(&there.access).await.status, 401);
    assert_eq!(api.refresh(&there.refresh).await.status, 401);
    assert_eq!(api.client.log_in("ada", PASSWORD).await.status, 401);
    assert_eq!(api.client.log_in("ada", "another one").await.status, 200);
    let nobody = api.client.request("PUT", "/api/v1/user/me/password", &[], "{}").await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn guessing_the_current_password_is_throttled_like_a_login() {
    let api = TestApi::with(vestibule_api::ApiSettings::default()).await;
    let ada = api.member("ada").await;
    let bearer = format!("Bearer {}", ada.access);
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let body = json!({"current_password": "wrong", "new_password": "another one"}).to_string();
    let mut statuses = Vec::new();
    for _ in 0..11 {
        let answer =
            api.client.request("PUT", "/api/v1/user/me/password", &headers, body.clone()).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [[422; 10].as_slice(), &[429]].concat());
}
