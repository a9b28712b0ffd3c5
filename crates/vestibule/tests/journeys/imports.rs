//! `vestibule import fastapi`: people of the FastAPI backend go on here, with their passwords, and its schema is
//! as its own migrations make it (contract, section 6).

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use vestibule_api::ApiSettings;
use vestibule_testbed::postgres;
use vestibule_types::Clock;

use crate::database::{Engine, TestDatabase};
use crate::process::vestibule;
use crate::support::{PASSWORD, TestApi, person};

/// Of [`PASSWORD`]; the backend's own cost is 12.
const HASH: &str = "$2b$04$mJiLp4Lcj3NMGQsRFNSi9OD4D3FLzEPzpcyeUAawzHjuXJCyk1kNC";
const SLOW_HASH: &str = "$2b$12$etCWIJLQa25GSWexelaAeeC.vxlWZ0auYWppB1.TKv0sRL11FLfVG";
/// Of 72 times `b`.
const LONG_HASH: &str = "$2b$04$9PeO8R7DFtIX9vw3WA70Ke92MBnBPj2ARRh4Z/.K1kihanQ/xnBYG";

const SCHEMA: &str = r#"
    CREATE TABLE tier (
        id SERIAL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE,
        created_at TIMESTAMPTZ NOT NULL DEFAULT now(), updated_at TIMESTAMPTZ);
    CREATE TABLE "user" (
        id SERIAL NOT NULL UNIQUE, name VARCHAR(30) NOT NULL, username VARCHAR(20) NOT NULL UNIQUE,
        email VARCHAR(50) NOT NULL UNIQUE, hashed_password VARCHAR NOT NULL,
        profile_image_url VARCHAR NOT NULL DEFAULT 'https://profileimageurl.com',
        uuid UUID NOT NULL DEFAULT gen_random_uuid(), created_at TIMESTAMPTZ NOT NULL DEFAULT now() - interval '1 year',
        updated_at TIMESTAMPTZ, deleted_at TIMESTAMPTZ, is_deleted BOOLEAN NOT NULL DEFAULT FALSE,
        is_superuser BOOLEAN NOT NULL DEFAULT FALSE, tier_id INTEGER REFERENCES tier (id),
        PRIMARY KEY (id, uuid));
    CREATE TABLE token_blacklist (
        id SERIAL PRIMARY KEY, token VARCHAR NOT NULL UNIQUE, expires_at TIMESTAMP NOT NULL);"#;

/// The database of a FastAPI backend, gone with the test.
struct Backend {
    name: String,
    url: String,
}

impl Backend {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fastapi_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let server = postgres::shared();
        server.create_database(&name);
        server.sql(&name, SCHEMA);
        let url = server.url(&name).replace("postgres://", "postgresql+asyncpg://");
        Self { name, url }
    }

    fn sql(&self, sql: &str) -> String {
        postgres::shared().sql(&self.name, sql)
    }

    /// A user as the backend registers one.
    fn user(&self, id: i64, username: &str) {
        self.sql(&format!(
            r#"INSERT INTO "user" (id, name, username, email, hashed_password)
               VALUES ({id}, 'Ada Lovelace', '{username}', '{username}@example.com', '{HASH}')"#
        ));
    }

    fn import(&self, to: &TestDatabase, more: &[&str]) -> Output {
        let mut arguments = vec!["import", "fastapi"];
        arguments.extend_from_slice(more);
        let mut command = vestibule(&arguments);
        command.env("VESTIBULE_IMPORT_FROM", &self.url).env("DATABASE_URL", &to.url);
        command.output().unwrap()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let drop = format!(r#"DROP DATABASE "{}" WITH (FORCE)"#, self.name);
            postgres::shared().sql("postgres", &drop);
        }
    }
}

fn engines() -> [Arc<TestDatabase>; 2] {
    [Engine::Sqlite, Engine::Postgres].map(|engine| Arc::new(TestDatabase::on(engine)))
}

/// What was said of an import that ended with `code`, and the number that it says of `what`.
struct Said(String);

impl Said {
    fn by(output: &Output, code: i32) -> Self {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        Self(said)
    }

    fn count(&self, what: &str) -> u64 {
        let line = self.0.lines().find_map(|line| line.trim().strip_prefix(what));
        line.unwrap_or_else(|| panic!("{}", self.0)).trim().parse().unwrap()
    }
}

/// A node on `database`; the command goes by the system's clock, and so does this.
async fn api(database: &Arc<TestDatabase>) -> TestApi {
    let settings = ApiSettings { throttle: false, ..ApiSettings::default() };
    TestApi::on(database, &Clock::stopped_at(Clock::system().now()), settings).await
}

fn bcrypt_hashes() -> &'static str {
    "SELECT count(*) FROM users WHERE password_hash LIKE '$2b$%'"
}

#[tokio::test]
async fn pw_09_people_sign_in_with_their_old_passwords_which_are_hashed_anew() {
    let backend = Backend::new();
    backend.user(7, "ada");
    backend.user(9, "bob");
    backend.user(11, "long");
    backend.sql(&format!(
        r#"UPDATE "user" SET hashed_password = '{SLOW_HASH}' WHERE username = 'bob';
           UPDATE "user" SET hashed_password = '{LONG_HASH}' WHERE username = 'long'"#
    ));
    for database in engines() {
        let said = Said::by(&backend.import(&database, &[]), 0);
        assert_eq!((said.count("accounts taken over"), said.count("accounts refused")), (3, 0));
        let api = api(&database).await;
        assert_eq!(database.number(bcrypt_hashes()).await, 3);
        let tokens = api.log_in("ada").await;
        assert_eq!(api.me(&tokens.access).await.json()["id"], 7);
        assert_eq!(api.client.log_in("bob@example.com", PASSWORD).await.status, 200);
        assert_eq!(database.number(bcrypt_hashes()).await, 1);
        api.log_in("ada").await;
        // Beyond 72 bytes as it was there, and not hashed anew from what was never checked.
        for password in ["b".repeat(80), "b".repeat(73)] {
            assert_eq!(api.client.log_in("long", &password).await.status, 200);
        }
        assert_eq!(database.number(bcrypt_hashes()).await, 1);
        assert_eq!(api.client.log_in("long", &"b".repeat(71)).await.status, 401);
        assert_eq!(api.client.log_in("long", &"b".repeat(72)).await.status, 200);
        assert_eq!(database.number(bcrypt_hashes()).await, 0);
        assert_eq!(api.register("newcomer").await["id"], 12, "the next number is fresh");
        api.inner.close().await;
    }
}

#[tokio::test]
async fn accounts_come_with_what_they_were_and_deleted_ones_with_nothing_but_their_names() {
    let backend = Backend::new();
    backend.sql(&format!(
        r#"INSERT INTO tier (id, name) VALUES (3, 'pro'), (4, 'free');
           INSERT INTO "user" (id, name, username, email, hashed_password, profile_image_url, tier_id, created_at, updated_at)
           VALUES (5, 'Grace 🦀', 'grace', 'Grace.H@example.com', '{HASH}', 'https://example.com/g.png', 3,
               to_timestamp(1000000.9), to_timestamp(2000000));
           INSERT INTO "user" (id, name, username, email, hashed_password, tier_id, is_deleted, deleted_at, is_superuser)
           VALUES (6, 'Gone', 'gone', 'gone@example.com', '{HASH}', 4, TRUE, to_timestamp(3000000), TRUE),
                  (8, 'Same', 'same', 'GRACE.h@example.com', '{HASH}', NULL, TRUE, NULL, FALSE)"#
    ));
    for database in engines() {
        let said = Said::by(&backend.import(&database, &[]), 3);
        assert_eq!(said.count("accounts taken over"), 2);
        assert_eq!(said.count("of these deleted there"), 1);
        assert_eq!(said.count("tiers taken over"), 2);
        assert!(said.0.contains("  8: another account has its e-mail address"), "{}", said.0);
        let api = api(&database).await;
        let tokens = api.log_in("grace").await;
        assert_eq!(
            api.me(&tokens.access).await.json(),
            json!({
                "id": 5, "name": "Grace 🦀", "username": "grace", "email": "Grace.H@example.com",
                "profile_image_url": "https://example.com/g.png", "tier_id": 3,
            })
        );
        let times =
            "SELECT count(*) FROM users WHERE created_at = 1000000 AND updated_at = 2000000";
        assert_eq!(database.number(times).await, 1);
        let emptied = "
            SELECT count(*) FROM users WHERE id = 6 AND deleted_at = 3000000 AND tier_id IS NULL
                AND name || email || password_hash || profile_image_url = ''";
        assert_eq!(database.number(emptied).await, 1);
        assert_eq!(api.client.log_in("gone", PASSWORD).await.status, 401);
        assert_eq!(api.client.post_json("/api/v1/user", &person("gone")).await.status, 422);
        let same_address = json!({
            "name": "Ada", "username": "other", "email": "GONE@example.com", "password": PASSWORD,
        });
        let refused = api.client.post_json("/api/v1/user", &same_address).await;
        assert_eq!(refused.detail(), "Email is already registered");
        assert_eq!(database.number("SELECT id FROM tiers WHERE name = 'pro'").await, 3);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn what_our_rules_refuse_is_left_out_one_by_one_and_named_by_number() {
    let backend = Backend::new();
    backend.user(1, "ada");
    for (id, column, value) in [
        (11, "username", "a_b"),
        (12, "username", "me"),
        (13, "name", "A"),
        (14, "email", "canary@host.local"),
        (15, "profile_image_url", "javascript:alert(1)"),
        (16, "hashed_password", "plain canary"),
        (17, "hashed_password", "$2b$15$mJiLp4Lcj3NMGQsRFNSi9OD4D3FLzEPzpcyeUAawzHjuXJCyk1kNC"),
        (18, "email", "ADA@Example.com"),
    ] {
        backend.user(id, &format!("user{id}"));
        backend.sql(&format!(r#"UPDATE "user" SET {column} = '{value}' WHERE id = {id}"#));
    }
    backend.user(20, "root");
    backend.sql(r#"UPDATE "user" SET is_superuser = TRUE WHERE id = 20"#);
    for database in engines() {
        let said = Said::by(&backend.import(&database, &[]), 3);
        assert_eq!((said.count("accounts taken over"), said.count("accounts refused")), (2, 8));
        let expected = "
Refused:
  11: its username is not 2 to 20 of a-z and 0-9
  12: its username is a word that addresses of pages use
  13: its name has not 2 to 30 characters
  14: its e-mail address is none that mail can reach
  15: its picture is not at an http, https or ftp address
  16: its password hash is neither bcrypt of cost 4 to 14 nor Argon2id
  17: its password hash is neither bcrypt of cost 4 to 14 nor Argon2id
  18: another account has its e-mail address, perhaps in other capitals

Superusers there; there is no such role here:
  20
";
        assert!(said.0.ends_with(expected), "{}", said.0);
        assert!(!said.0.contains("canary") && !said.0.contains('@'), "{}", said.0);
        assert_eq!(database.count("users").await, 2);
    }
}

#[tokio::test]
async fn accounts_of_others_here_are_never_touched() {
    let backend = Backend::new();
    for (id, name) in [(1, "ada"), (2, "bob"), (3, "carl"), (4, "dora"), (5, "eve")] {
        backend.user(id, name);
    }
    backend.sql(r#"UPDATE "user" SET email = 'third@example.com' WHERE id = 5"#);
    for database in engines() {
        let api = api(&database).await;
        // Number 1 with the same name, number 2 whose old name is held, and number 3 with another's address.
        api.register("ada").await;
        let second = api.member("carl").await;
        let change = json!({"username": "chris"});
        api.client.patch_as("/api/v1/user/carl", &second.access, &change).await;
        api.register("third").await;
        let said = Said::by(&backend.import(&database, &[]), 3);
        assert_eq!(
            (said.count("accounts taken over"), said.count("accounts already here")),
            (1, 0)
        );
        for refused in [
            "1: another account here has its number",
            "2: another account here has its number",
            "3: another account here has its number",
            "5: another account has its e-mail address",
        ] {
            assert!(said.0.contains(refused), "{}", said.0);
        }
        assert_eq!(api.me(&second.access).await.json()["username"], "chris");
        backend.sql(r#"UPDATE "user" SET id = 30 WHERE id = 3"#);
        let said = Said::by(&backend.import(&database, &[]), 3);
        assert!(said.0.contains("30: another account here has its username"), "{}", said.0);
        backend.sql(r#"UPDATE "user" SET id = 3 WHERE id = 30"#);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn an_import_can_be_run_again_and_leaves_alone_whoever_is_here() {
    let backend = Backend::new();
    backend.user(1, "ada");
    backend.user(2, "bob");
    for database in engines() {
        Said::by(&backend.import(&database, &[]), 0);
        let api = api(&database).await;
        let ada = api.log_in("ada").await;
        let change = json!({"username": "countess", "name": "Countess"});
        api.client.patch_as("/api/v1/user/ada", &ada.access, &change).await;
        let bob = api.log_in("bob").await;
        api.client.delete_as("/api/v1/user/bob", &bob.access).await;
        backend.user(3, "newcomer");
        let said = Said::by(&backend.import(&database, &[]), 0);
        assert_eq!(
            (said.count("accounts taken over"), said.count("accounts already here")),
            (1, 2)
        );
        assert_eq!(api.me(&ada.access).await.json()["name"], "Countess");
        assert_eq!(api.client.log_in("countess", PASSWORD).await.status, 200);
        assert_eq!(api.client.log_in("bob", PASSWORD).await.status, 401, "deleted stays deleted");
        assert_eq!(api.client.log_in("newcomer", PASSWORD).await.status, 200);
        backend.sql(r#"DELETE FROM "user" WHERE id = 3"#);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn a_dry_run_says_what_a_real_one_then_says_and_writes_nothing() {
    let backend = Backend::new();
    backend.user(1, "ada");
    backend.user(2, "a_b");
    backend.sql("INSERT INTO tier (name) VALUES ('pro')");
    for database in engines() {
        if database.url.starts_with("sqlite:") {
            let said = Said::by(&backend.import(&database, &["--dry-run"]), 1);
            assert!(said.0.contains("can't be used"), "{}", said.0);
            assert!(!database.folder.path().join("vestibule.sqlite").exists());
            vestibule(&["migrate"]).env("DATABASE_URL", &database.url).output().unwrap();
        }
        let dry = Said::by(&backend.import(&database, &["--dry-run"]), 3);
        for table in ["users", "tiers", "imported_names", "sessions"] {
            assert_eq!(database.count(table).await, 0, "{table}");
        }
        let real = Said::by(&backend.import(&database, &[]), 3);
        assert_eq!(dry.0, format!("A dry run: nothing is written.\n{}", real.0));
        assert_eq!(database.count("users").await, 1);
    }
}

#[tokio::test]
async fn what_fails_leaves_nothing_and_another_database_is_refused() {
    let backend = Backend::new();
    backend.user(1, "ada");
    backend.sql("INSERT INTO tier (name) VALUES ('pro')");
    let target = TestDatabase::on(Engine::Postgres);
    // Tiers are taken over first.
    backend.sql(r#"ALTER TABLE "user" DROP COLUMN tier_id"#);
    let said = Said::by(&backend.import(&target, &[]), 1);
    assert!(said.0.contains("tier_id"), "{}", said.0);
    assert_eq!(target.count("tiers").await, 0);

    backend.sql("DROP TABLE token_blacklist");
    let said = Said::by(&backend.import(&target, &[]), 1);
    assert!(
        said.0.contains("has not all of the tables user, tier and token_blacklist"),
        "{}",
        said.0
    );
    let file = TestDatabase::on(Engine::Sqlite);
    let mut command = vestibule(&["import", "fastapi", "--from", &file.url]);
    Said::by(&command.env("DATABASE_URL", &target.url).output().unwrap(), 1);
}

#[tokio::test]
async fn twenty_thousand_accounts_take_seconds() {
    let backend = Backend::new();
    backend.sql(&format!(
        r#"INSERT INTO "user" (name, username, email, hashed_password)
           SELECT 'Somebody', 'user' || i, i || '@example.com', '{HASH}' FROM generate_series(1, 20000) i"#
    ));
    for database in engines() {
        let began = Instant::now();
        let said = Said::by(&backend.import(&database, &[]), 0);
        assert_eq!(said.count("accounts taken over"), 20_000);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
}
