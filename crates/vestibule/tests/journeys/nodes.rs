//! Several API nodes on one database.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;
use url::Url;
use vestibule_api::ApiSettings;
use vestibule_gateway::Upstream;
use vestibule_types::Clock;

use crate::database::{Engine, TestDatabase};
use crate::process::{Server, listening, vestibule};
use crate::support::{Browser, Client, Folder, NOW, PASSWORD, TestApi, Tokens, leads, until};

fn settings() -> ApiSettings {
    ApiSettings { throttle: false, ..ApiSettings::default() }
}

/// `count` nodes with one clock.
async fn nodes(count: usize) -> Vec<TestApi> {
    let (database, clock) = (Arc::new(TestDatabase::new()), Clock::stopped_at(NOW));
    join_all((0..count).map(|_| TestApi::on(&database, &clock, settings()))).await
}

async fn is_refused(api: &TestApi, tokens: &Tokens) -> bool {
    api.me(&tokens.access).await.status == 401
}

#[tokio::test]
async fn nodes_that_start_together_on_an_empty_database_all_start() {
    let apis = nodes(4).await;
    let tokens = apis[0].member("ada").await;
    for api in &apis {
        assert_eq!(api.me(&tokens.access).await.json()["username"], "ada");
    }
}

#[tokio::test]
async fn rv_02_whatever_ends_a_session_every_node_refuses_it_within_a_second() {
    let apis = nodes(3).await;
    let (one, others) = apis.split_first().unwrap();
    for (number, way) in
        ["logout", "ended", "others", "password", "deleted", "copied"].iter().enumerate()
    {
        let name = format!("user{number}");
        let first = one.member(&name).await;
        let mut tokens = first.clone();
        if *way == "copied" {
            for _ in 0..2 {
                one.clock.advance(1700);
                tokens = Tokens::of(&one.refresh(&tokens.refresh).await);
            }
            one.clock.advance(300);
        }
        let other = one.log_in(&name).await;
        for api in &apis {
            assert_eq!(api.me(&tokens.access).await.status, 200, "{way}: every node has seen it");
        }
        let bearer = format!("Bearer {}", other.access);
        let signed = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let ended = match *way {
            "logout" => one.client.post_cookie("/api/v1/logout", &tokens.refresh).await,
            "ended" => {
                let list =
                    one.client.get_as("/api/v1/user/me/sessions", &tokens.access).await.json();
                let id = list["data"][0]["id"].as_str().unwrap().to_owned();
                one.client.delete_as(&format!("/api/v1/user/me/sessions/{id}"), &other.access).await
            }
            "others" => one.client.delete_as("/api/v1/user/me/sessions", &other.access).await,
            "password" => {
                let body = json!({"current_password": PASSWORD, "new_password": "An0ther!pass"});
                one.client
                    .request("PUT", "/api/v1/user/me/password", &signed, body.to_string())
                    .await
            }
            "deleted" => one.client.delete_as(&format!("/api/v1/user/{name}"), &other.access).await,
            _ => one.refresh(&first.refresh).await,
        };
        assert_eq!(ended.status, if *way == "copied" { 401 } else { 200 }, "{way}: {ended}");
        let told = Instant::now();
        assert!(is_refused(one, &tokens).await, "{way}: at once on the node");
        for api in others {
            until(async || is_refused(api, &tokens).await).await;
        }
        assert!(told.elapsed() < Duration::from_secs(1), "{way}: after {:?}", told.elapsed());
    }
}

/// An access check costs no round trip: what another node changes behind the back of the news is not seen, and what
/// it changes with them is.
#[tokio::test]
async fn an_account_that_changes_on_one_node_is_seen_on_the_others() {
    let apis = nodes(2).await;
    let tokens = apis[0].member("ada").await;
    let name = async |api: &TestApi| {
        api.me(&tokens.access).await.json()["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(name(&apis[1]).await, "Ada Lovelace");
    let change = json!({"name": "Countess"});
    assert_eq!(
        apis[0].client.patch_as("/api/v1/user/ada", &tokens.access, &change).await.status,
        200
    );
    assert_eq!(name(&apis[0]).await, "Countess");
    until(async || name(&apis[1]).await == "Countess").await;
}

#[tokio::test]
async fn rf_04_two_hundred_refreshes_at_once_over_two_nodes_all_succeed_with_one_child() {
    let apis = nodes(2).await;
    let tokens = apis[0].member("ada").await;
    apis[0].clock.advance(1700);
    let answers = join_all((0..200).map(|n| apis[n % 2].refresh(&tokens.refresh))).await;
    let mut children: Vec<String> =
        answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    children.sort();
    children.dedup();
    assert_eq!(children.len(), 1);
    assert_eq!(apis[0].database.count("sessions").await, 1);
}

#[tokio::test]
async fn rf_09_a_logout_on_one_node_beats_refreshes_on_another() {
    let apis = nodes(2).await;
    apis[0].register("ada").await;
    for _ in 0..20 {
        let tokens = apis[0].log_in("ada").await;
        apis[0].clock.advance(1700);
        let (refreshed, out) = tokio::join!(
            join_all((0..8).map(|_| apis[1].refresh(&tokens.refresh))),
            apis[0].client.post_cookie("/api/v1/logout", &tokens.refresh),
        );
        assert_eq!(out.status, 200);
        for answer in refreshed.iter().filter(|answer| answer.status == 200) {
            let next = Tokens::of(answer);
            assert_eq!(apis[0].refresh(&next.refresh).await.status, 401);
            until(async || is_refused(&apis[1], &next).await).await;
        }
    }
}

/// The password was right when it was checked; it is not any more when the session begins.
#[tokio::test]
async fn lg_06_no_login_with_the_old_password_outlives_its_change() {
    let apis = nodes(2).await;
    for round in 0..6 {
        let name = format!("user{round}");
        let tokens = apis[0].member(&name).await;
        let bearer = format!("Bearer {}", tokens.access);
        let signed = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body =
            json!({"current_password": PASSWORD, "new_password": "An0ther!pass"}).to_string();
        let (changed, logins) = tokio::join!(
            apis[0].client.request("PUT", "/api/v1/user/me/password", &signed, body),
            join_all((0..3).map(|_| apis[1].client.log_in(&name, PASSWORD))),
        );
        assert_eq!(changed.status, 200, "{changed}");
        for login in logins.iter().filter(|login| login.status == 200) {
            let stolen = Tokens::of(login);
            assert_eq!(apis[1].refresh(&stolen.refresh).await.status, 401);
            until(async || is_refused(&apis[0], &stolen).await).await;
        }
    }
}

/// However long the change takes to commit: the row is locked, and looked at again.
#[tokio::test]
async fn lg_06_a_login_waits_for_a_password_that_is_being_changed() {
    let database = Arc::new(TestDatabase::on(Engine::Postgres));
    let api = TestApi::on(&database, &Clock::stopped_at(NOW), settings()).await;
    api.register("ada").await;
    let mut changing = PgConnection::connect(&database.url).await.unwrap();
    let mut change = changing.begin().await.unwrap();
    sqlx::query("UPDATE users SET password_hash = 'another'").execute(&mut *change).await.unwrap();
    let log_in = api.client.log_in("ada", PASSWORD);
    let commit = async {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until(async || database.number(WAITING).await == 1).await;
        change.commit().await.unwrap();
    };
    let (login, ()) = tokio::join!(log_in, commit);
    assert_eq!(login.status, 401, "{login}");
    assert_eq!(database.count("sessions").await, 0);
}

#[tokio::test]
async fn what_no_database_takes_is_refused_by_us() {
    let api = TestApi::with(ApiSettings::default()).await;
    let tokens = api.member("ada").await;
    for path in
        ["/api/v1/user/a%00b", "/api/v1/user/%F0%9F%98%80", "/api/v1/user/me/sessions/a%00b"]
    {
        let method = if path.contains("sessions") { "DELETE" } else { "GET" };
        let bearer = format!("Bearer {}", tokens.access);
        let answer = api.client.request(method, path, &[("authorization", &bearer)], "").await;
        assert_eq!(answer.status, 404, "{path}: {answer}");
    }
    for (username, password) in [("a\0b", "x"), ("a\0@b.de", "x"), ("ada", "\0")] {
        assert_eq!(api.client.log_in(username, password).await.status, 401, "{username:?}");
    }
    for (field, value) in
        [("name", "A\0da"), ("email", "a\0@example.com"), ("profile_image_url", "https://e.com/\0")]
    {
        let body = json!({field: value});
        let answer = api.client.patch_as("/api/v1/user/ada", &tokens.access, &body).await;
        assert_eq!(answer.status, 422, "{field}: {answer}");
    }
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("user-agent", "a\tb")];
    let body = format!("username=ada&password={PASSWORD}");
    assert_eq!(api.client.request("POST", "/api/v1/login", &headers, body).await.status, 200);
}

#[tokio::test]
async fn both_engines_are_asked_for() {
    assert_eq!(TestDatabase::on(Engine::Postgres).count("users").await, 0);
}

/// Two gateways and an API, each a process, in one data folder. `/private` is a page that asks the API nothing.
#[tokio::test]
async fn rv_02_a_sign_out_at_one_gateway_is_one_at_the_other_within_a_second() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let any = "127.0.0.1:0";
    let mut api = vestibule(&["api", "--api-listen", any, "--data", data]);
    api.envs(folder.server_database().map(|database| ("DATABASE_URL", &database.url)));
    let api = Server::spawn(api);
    let gateways = [(); 2].map(|()| {
        Server::start(&[
            "gateway",
            "--api",
            &api.url("API"),
            "--site-listen",
            any,
            "--data",
            data,
            "--site-url",
            "http://localhost:3000",
            "--protect",
            "/private/**",
        ])
    });
    let [one, other] = gateways.each_ref().map(|gateway| {
        let address = format!("http://127.0.0.1:{}", listening(gateway)[0]);
        Upstream::at(&Url::parse(&address).unwrap()).unwrap()
    });
    let ready = Client::of(other.clone()).get("/ready").await;
    assert_eq!(ready.json()["revocations"], "followed", "{ready}");
    Browser::of(one.clone()).register("ada").await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        let mut here = Browser::of(one.clone());
        here.sign_in("ada").await;
        let mut copy = Browser::of(other.clone());
        copy.jar = here.jar.clone();
        assert_eq!(
            copy.visit("/private").await.status,
            404,
            "signed in, and there is no such page"
        );
        assert_eq!(here.submit("/logout", &[]).await.status, 303);
        let told = Instant::now();
        until(async || copy.clone().visit("/private").await.status == 303).await;
        waits.push(told.elapsed());
        assert_eq!(leads(&copy.visit("/private").await).1, "/login?next=%2Fprivate");
        assert!(!copy.is_signed_in(), "the dead cookie goes");
    }
    assert!(waits.iter().all(|wait| *wait < Duration::from_secs(1)), "{waits:?}");
}
