//! `vestibule sessions end-all`: one command, and nobody is signed in any more, on any node.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::time::Instant;
use vestibule_api::ApiSettings;
use vestibule_gateway::Upstream;
use vestibule_types::{Clock, Secret};

use crate::copy::meddle;
use crate::database::{Engine, TestDatabase};
use crate::imports::{Backend, engines, imported};
use crate::process::vestibule;
use crate::support::{TestApi, leads, until};

fn end_all(database: &TestDatabase, more: &[&str]) -> Output {
    let mut arguments = vec!["sessions", "end-all"];
    arguments.extend_from_slice(more);
    vestibule(&arguments).env("DATABASE_URL", &database.url).output().unwrap()
}

fn said(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(said).unwrap()
}

fn ended(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

fn key() -> Secret {
    Secret::from_random([9; 32])
}

/// A node with a feed. The command goes by the system's clock, and so does this.
async fn api(database: &Arc<TestDatabase>, clock: &Clock) -> TestApi {
    let settings =
        ApiSettings { throttle: false, feed_keys: vec![key()], ..ApiSettings::default() };
    TestApi::on(database, clock, settings).await
}

#[tokio::test]
async fn ky_07_one_command_ends_all_sessions_on_every_node_and_gateway_within_a_second() {
    for database in engines() {
        let clock = Clock::stopped_at(Clock::system().now());
        let (one, other) = (api(&database, &clock).await, api(&database, &clock).await);
        let ada = one.member("ada").await;
        let bob = other.member("bob").await;
        let pages = Router::new().fallback(async || "a page that calls nobody");
        let (gateway, browser) = one.gateway_over(
            Upstream::in_process(other.inner.router()),
            Some(Upstream::in_process(pages)),
            Duration::from_secs(60),
        );
        assert_eq!(gateway.follow_revocations(&key()).await, Ok(true));
        let mut browser = browser;
        assert_eq!(browser.sign_in("ada").await.status, 303);
        assert_eq!(browser.visit("/billing").await.body, "a page that calls nobody");
        for node in [&one, &other] {
            for tokens in [&ada, &bob] {
                assert_eq!(node.me(&tokens.access).await.status, 200, "every node has seen it");
            }
        }

        let told = ended(&end_all(&database, &["--yes"]));
        let since = Instant::now();
        assert!(told.starts_with("3 sessions in "), "{told}");
        for node in [&one, &other] {
            for tokens in [&ada, &bob] {
                until(async || node.me(&tokens.access).await.status == 401).await;
                assert_eq!(node.refresh(&tokens.refresh).await.status, 401);
            }
        }
        until(async || browser.clone().visit("/billing").await.status == 303).await;
        assert!(since.elapsed() < Duration::from_secs(1), "after {:?}", since.elapsed());
        let refused = browser.visit("/billing").await;
        assert_eq!(leads(&refused).1, "/login?next=%2Fbilling");
        assert!(!browser.is_signed_in(), "it is a verdict: {refused}");

        assert!(ended(&end_all(&database, &["--yes"])).starts_with("0 sessions in "));
        clock.advance(30);
        assert_eq!(browser.sign_in("ada").await.status, 303);
        assert_eq!(browser.visit("/billing").await.status, 200, "with a new login all is well");
        let restarted = api(&database, &clock).await;
        assert_eq!(restarted.me(&ada.access).await.status, 401);
        assert_eq!(restarted.refresh(&bob.refresh).await.status, 401);
        for node in [&one, &other, &restarted] {
            node.inner.close().await;
        }
    }
}

#[tokio::test]
async fn ky_07_tokens_of_the_old_backend_die_too_though_nobody_has_shown_them() {
    let backend = Backend::new();
    for database in engines() {
        let (api, ada, bob) = imported(&backend, &database).await;
        assert_eq!(api.me(&ada.access).await.status, 200);
        ended(&end_all(&database, &["--yes"]));
        until(async || api.me(&ada.access).await.status == 401).await;
        assert_eq!(api.refresh(&ada.refresh).await.status, 401);
        assert_eq!(api.me(&bob.access).await.status, 401);
        assert_eq!(api.refresh(&bob.refresh).await.status, 401);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn it_does_nothing_where_nobody_can_be_asked() {
    for database in engines() {
        let api = api(&database, &Clock::stopped_at(Clock::system().now())).await;
        let ada = api.member("ada").await;
        let output = end_all(&database, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("say --yes"), "{}", said(&output));
        assert_eq!(api.refresh(&ada.refresh).await.status, 200);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn however_many_there_are_no_time_limit_stops_it() {
    let database = TestDatabase::on(Engine::Postgres);
    let many = "
        INSERT INTO users (id, username, email, email_key, name, password_hash, profile_image_url, created_at)
        VALUES (1, 'ada', '', '', '', '', '', 1);
        INSERT INTO sessions (sid, user_id, gen, parent, prev, confirmed_at, child, child_at, created,
            last_used, expires_at, agent, address)
        SELECT 'session ' || i, 1, 0, '', '', 0, '', 0, 0, 0, 4000000000, '', ''
        FROM generate_series(1, 30000) i";
    meddle(&database, many).await;
    let name = database
        .number("SELECT oid::INT8 FROM pg_database WHERE datname = current_database()")
        .await;
    let limit = |what: &str| {
        format!(
            "DO $$ BEGIN EXECUTE (SELECT format('ALTER DATABASE %I {what}', datname)
             FROM pg_database WHERE oid = {name}); END $$"
        )
    };
    meddle(&database, &limit("SET statement_timeout = 20")).await;
    let output = end_all(&database, &["--yes"]);
    meddle(&database, &limit("RESET statement_timeout")).await;
    assert!(ended(&output).starts_with("30,000 sessions in "), "{}", said(&output));
    let alive = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL";
    assert_eq!(database.number(alive).await, 0);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made() {
    let database = TestDatabase::on(Engine::Sqlite);
    let output = end_all(&database, &["--yes"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(!database.folder.path().join("vestibule.sqlite").exists());
}
