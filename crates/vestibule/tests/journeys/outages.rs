//! What a node does when its database is away, slow to say, or silent. On PostgreSQL, whatever the run is about.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::{Instant, timeout};
use vestibule_api::ApiSettings;
use vestibule_testbed::postgres::{Options, Server};
use vestibule_types::Clock;

use crate::database::{Engine, TestDatabase};
use crate::support::{NOW, PASSWORD, TestApi, Tokens, until};

async fn node(database: &Arc<TestDatabase>) -> TestApi {
    let settings = ApiSettings { throttle: false, ..ApiSettings::default() };
    TestApi::on(database, &Clock::stopped_at(NOW), settings).await
}

async fn two_nodes() -> (Arc<TestDatabase>, TestApi, TestApi) {
    let database = Arc::new(TestDatabase::on(Engine::Postgres));
    let (one, other) = (node(&database).await, node(&database).await);
    (database, one, other)
}

/// Nobody else gets at the accounts and sessions while the connection lives.
async fn locked(database: &TestDatabase) -> PgConnection {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    connection.execute("BEGIN; LOCK TABLE users, sessions IN ACCESS EXCLUSIVE MODE").await.unwrap();
    connection
}

#[tokio::test]
async fn an_access_check_asks_no_database() {
    let (database, api, _) = two_nodes().await;
    let tokens = api.member("ada").await;
    assert_eq!(api.me(&tokens.access).await.status, 200);
    let _held = locked(&database).await;
    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(api.me(&tokens.access).await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(2), "after {:?}", began.elapsed());
    let answer = api.client.log_in("ada", PASSWORD).await;
    assert_eq!(
        answer.status, 503,
        "what needs the database waits for it, and not for ever: {answer}"
    );
}

#[tokio::test]
async fn f08_f09_a_database_that_is_away_is_an_outage_and_signs_nobody_out() {
    let server = Server::start_with(Options { durable: true, ..Options::default() }).unwrap();
    let database = Arc::new(TestDatabase::at(&server));
    let api = node(&database).await;
    let (ada, unseen) = (api.member("ada").await, api.log_in("ada").await);
    assert_eq!(api.me(&ada.access).await.status, 200);

    server.stop();
    assert_eq!(api.me(&ada.access).await.status, 200, "what a node knows it goes by for a while");
    let (login, refresh, logout, unseen, ready) = tokio::join!(
        api.client.log_in("ada", PASSWORD),
        api.refresh(&ada.refresh),
        api.client.post_cookie("/api/v1/logout", &ada.refresh),
        api.me(&unseen.access),
        api.client.get("/ready"),
    );
    for answer in [&login, &refresh, &logout, &unseen, &ready] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{answer}");
    }
    assert!(refresh.cookies().is_empty(), "{refresh}");
    assert_eq!(api.client.get("/health").await.status, 200);
    until(async || api.me(&ada.access).await.status == 503).await;

    server.start_again();
    until(async || api.me(&ada.access).await.status == 200).await;
    until(async || api.client.get("/ready").await.json()["revocations"] == "followed").await;
    assert_eq!(api.refresh(&ada.refresh).await.status, 200);
}

#[tokio::test]
async fn f08_a_restart_of_the_database_is_hardly_noticed() {
    let server = Server::start_with(Options { durable: true, ..Options::default() }).unwrap();
    let database = Arc::new(TestDatabase::at(&server));
    let api = node(&database).await;
    let mut ada = api.member("ada").await;
    for _ in 0..3 {
        api.clock.advance(1700);
        server.restart_hard();
        let answer = api.refresh(&ada.refresh).await;
        assert_eq!(answer.status, 200, "{answer}");
        ada = Tokens::of(&answer);
    }
}

#[tokio::test]
async fn rv_05_f10_without_notifications_a_revocation_still_arrives_within_a_second() {
    let (database, one, other) = two_nodes().await;
    let deaf = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%' OR query = 'SELECT 1') AS gone";
    for round in 0..5 {
        let tokens = one.member(&format!("user{round}")).await;
        assert_eq!(other.me(&tokens.access).await.status, 200);
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute(deaf).await.unwrap();
        one.client.post_cookie("/api/v1/logout", &tokens.refresh).await;
        let told = Instant::now();
        until(async || other.me(&tokens.access).await.status == 401).await;
        assert!(told.elapsed() < Duration::from_secs(1), "after {:?}", told.elapsed());
    }
}

/// A transaction takes its number first and commits later than one that came after it.
#[tokio::test]
async fn rv_04_f10_a_late_commit_with_an_early_number_is_not_missed() {
    let (database, one, other) = two_nodes().await;
    let (early, late) = (one.member("early").await, one.member("late").await);
    let list = one.client.get_as("/api/v1/user/me/sessions", &early.access).await.json();
    let sid = list["data"][0]["id"].as_str().unwrap().to_owned();
    for tokens in [&early, &late] {
        assert_eq!(other.me(&tokens.access).await.status, 200);
    }

    let mut held = PgConnection::connect(&database.url).await.unwrap();
    held.execute("BEGIN").await.unwrap();
    let end = "UPDATE sessions SET revoked_at = 1 WHERE sid = $1";
    sqlx::query(end).bind(&sid).execute(&mut held).await.unwrap();
    let news = "INSERT INTO news (kind, subject, at, until) VALUES ('session', $1, 1, 9000000000)";
    sqlx::query(news).bind(&sid).execute(&mut held).await.unwrap();

    one.client.post_cookie("/api/v1/logout", &late.refresh).await;
    until(async || other.me(&late.access).await.status == 401).await;
    assert_eq!(other.me(&early.access).await.status, 200);
    held.execute("COMMIT").await.unwrap();
    until(async || other.me(&early.access).await.status == 401).await;
}

/// A client that hangs up may do so while a transaction begins. The server writes down whoever begins another
/// one inside it.
#[tokio::test]
async fn f01_whoever_hangs_up_leaves_no_transaction_open() {
    let server = Server::start().unwrap();
    let database = Arc::new(TestDatabase::at(&server));
    let api = node(&database).await;
    let ada = api.member("ada").await;
    for round in 0..600 {
        let change = json!({"name": format!("Ada {}", round % 10)});
        let changing = api.client.patch_as("/api/v1/user/ada", &ada.access, &change);
        let _hung_up = timeout(Duration::from_micros(round * 5), changing).await;
    }
    until(async || api.me(&ada.access).await.status == 200).await;
    let log = std::fs::read_to_string(server.folder().join("log")).unwrap();
    assert!(!log.contains("already a transaction"), "{log}");
}
