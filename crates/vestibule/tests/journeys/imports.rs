//! `vestibule import fastapi`: people of the FastAPI backend go on here, with their passwords, and its schema is
//! as its own migrations make it (contract, section 6).

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;
use vestibule_api::ApiSettings;
use vestibule_testbed::postgres;
use vestibule_types::Clock;

use crate::copy::meddle;
use crate::database::{Engine, TestDatabase};
use crate::process::{Server, vestibule};
use crate::support::{PASSWORD, TestApi, Tokens, person, until};

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
pub(super) struct Backend {
    name: String,
    url: String,
}

impl Backend {
    pub(super) fn new() -> Self {
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

pub(super) fn engines() -> [Arc<TestDatabase>; 2] {
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
                "created_at": "1970-01-12T13:46:40.000Z", "updated_at": "1970-01-24T03:33:20.000Z",
                "email_verified": false,
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
        assert_eq!(dry.0, format!("A dry run: nothing was written.\n{}", real.0));
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

/// The signing key of a [`TestApi`].
const KEY: [u8; 32] = [3; 32];

fn signed(claims: &Value, key: &[u8]) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn token(kind: &str, username: &str, exp: i64) -> String {
    signed(&json!({"sub": username, "exp": exp, "token_type": kind}), &KEY)
}

/// What a login at the backend handed out at `when`.
pub(super) fn legacy(username: &str, when: i64) -> Tokens {
    Tokens {
        access: token("access", username, when + 1800),
        refresh: token("refresh", username, when + 604_800),
    }
}

/// Ada and Bob have been imported, and signed in there ten minutes before.
pub(super) async fn imported(
    backend: &Backend,
    database: &Arc<TestDatabase>,
) -> (TestApi, Tokens, Tokens) {
    for (id, name) in [(1, "ada"), (2, "bob")] {
        if backend.sql(&format!(r#"SELECT 1 FROM "user" WHERE id = {id}"#)).is_empty() {
            backend.user(id, name);
        }
    }
    Said::by(&backend.import(database, &[]), 0);
    let api = api(database).await;
    let before = api.clock.now() - 600;
    (api, legacy("ada", before), legacy("bob", before))
}

#[tokio::test]
async fn tokens_of_the_backend_go_on_until_they_expire() {
    let backend = Backend::new();
    for database in engines() {
        let (api, ada, bob) = imported(&backend, &database).await;
        assert_eq!(api.me(&ada.access).await.json()["username"], "ada");
        assert_eq!(api.me(&bob.access).await.json()["username"], "bob");
        let next = Tokens::of(&api.refresh(&ada.refresh).await);
        assert_eq!(api.me(&next.access).await.json()["id"], 1);
        let listed = api.client.get_as("/api/v1/user/me/sessions", &ada.access).await.json();
        let began: Vec<i64> = (0..2)
            .map(|n| api.clock.now() - listed["data"][n]["created"].as_i64().unwrap())
            .collect();
        assert_eq!(began, [600 + 604_800, 600], "LG-05: an access token may be of an old login");
        let owner = json!({"name": "Countess"});
        assert_eq!(api.client.patch_as("/api/v1/user/ada", &ada.access, &owner).await.status, 200);
        api.clock.advance(1199);
        assert_eq!(api.me(&ada.access).await.status, 200);
        api.clock.advance(1);
        assert_eq!(api.me(&ada.access).await.status, 401);
        let second = Tokens::of(&api.refresh(&next.refresh).await);
        assert_eq!(api.refresh(&second.refresh).await.status, 200);
        // RF-15: a client that keeps its first cookie, to the end.
        for _ in 0..13 {
            let answer = api.refresh(&bob.refresh).await;
            assert_eq!(api.me(&Tokens::of(&answer).access).await.json()["username"], "bob");
            api.clock.advance(43_200);
        }
        assert_eq!(api.refresh(&bob.refresh).await.status, 200);
        api.clock.advance(604_800 - 600 - 1200 - 13 * 43_200);
        assert_eq!(api.refresh(&bob.refresh).await.status, 401);
        assert_eq!(api.refresh(&second.refresh).await.status, 401, "no token outlives its session");
        api.clock.advance(3600);
        api.inner.sweep().await.unwrap();
        assert_eq!(database.count("imported_names").await + database.count("sessions").await, 0);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn rf_03_rf_04_a_refresh_token_of_the_backend_keeps_the_rules_of_ours() {
    let backend = Backend::new();
    for database in engines() {
        let (api, ada, bob) = imported(&backend, &database).await;
        let other = TestApi::on(
            &database,
            &api.clock,
            ApiSettings { throttle: false, ..ApiSettings::default() },
        )
        .await;
        let nodes = [&api, &other];
        let answers = join_all((0..40).map(|n| nodes[n % 2].refresh(&ada.refresh))).await;
        let mut children: Vec<String> =
            answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
        children.sort();
        children.dedup();
        assert_eq!(children.len(), 1, "RF-04");
        assert_eq!(database.count("sessions").await, 1);

        let _lost = api.refresh(&bob.refresh).await;
        api.clock.advance(3600);
        let again = Tokens::of(&api.refresh(&bob.refresh).await);
        api.clock.advance(1700);
        let next = Tokens::of(&api.refresh(&again.refresh).await);
        assert_eq!(api.me(&next.access).await.status, 200, "RF-03");
        api.clock.advance(1700);
        assert_eq!(api.refresh(&bob.refresh).await.status, 401, "a copy");
        assert_eq!(api.me(&next.access).await.status, 401, "and the session is over");
        api.inner.close().await;
        other.inner.close().await;
    }
}

#[tokio::test]
async fn lg_03_a_rename_hands_nobodys_old_tokens_on() {
    let backend = Backend::new();
    for database in engines() {
        let (api, ada, _) = imported(&backend, &database).await;
        let change = json!({"username": "countess", "email": "countess@example.com"});
        assert_eq!(api.client.patch_as("/api/v1/user/ada", &ada.access, &change).await.status, 200);
        assert_eq!(api.me(&ada.access).await.json()["username"], "countess");
        api.clock.advance(1800 + 31);
        let taker = api.member("ada").await;
        let taker_id = api.me(&taker.access).await.json()["id"].clone();
        assert_ne!(taker_id, 1);
        let first = Tokens::of(&api.refresh(&ada.refresh).await);
        let unseen = token("refresh", "ada", api.clock.now() - 1900 + 604_800 - 600);
        let second = Tokens::of(&api.refresh(&unseen).await);
        for tokens in [first, second] {
            let me = api.me(&tokens.access).await.json();
            assert_eq!((&me["id"], &me["username"]), (&json!(1), &json!("countess")));
        }
        // Whoever was made here has no tokens there.
        api.register("zoe").await;
        let forged = legacy("zoe", api.clock.now() - 600);
        assert_eq!(api.me(&forged.access).await.status, 401);
        assert_eq!(api.refresh(&forged.refresh).await.status, 401);
        api.inner.close().await;
    }
}

/// There a name may have changed hands before the import and, if the backend still runs, after it.
#[tokio::test]
async fn lg_03_only_tokens_from_when_the_name_was_surely_theirs_are_honoured() {
    let backend = Backend::new();
    backend.user(1, "ada");
    for database in engines() {
        backend.sql(r#"UPDATE "user" SET updated_at = now() - interval '1 hour' WHERE id = 1"#);
        let (api, ada, _) = imported(&backend, &database).await;
        let now = api.clock.now();
        assert_eq!(api.me(&ada.access).await.status, 200);
        let before_the_change = legacy("ada", now - 3700);
        assert_eq!(api.refresh(&before_the_change.refresh).await.status, 401);
        api.clock.advance(60);
        let after_the_import = legacy("ada", now + 30);
        assert_eq!(api.me(&after_the_import.access).await.status, 401);
        assert_eq!(api.refresh(&after_the_import.refresh).await.status, 401);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn what_is_no_token_of_the_backend_opens_nothing() {
    let backend = Backend::new();
    for database in engines() {
        let (api, ..) = imported(&backend, &database).await;
        let exp = api.clock.now() + 600;
        for claims in [
            json!({"sub": "ada", "token_type": "access"}),
            json!({"sub": "ada", "exp": exp, "token_type": "refresh"}),
            json!({"sub": "ada", "exp": exp, "token_type": "access", "iat": 1}),
            json!({"sub": "a\0da", "exp": exp, "token_type": "access"}),
            json!({"sub": "ada@example.com", "exp": exp, "token_type": "access"}),
        ] {
            assert_eq!(api.me(&signed(&claims, &KEY)).await.status, 401, "{claims}");
        }
        let claims = json!({"sub": "ada", "exp": exp, "token_type": "access"});
        assert_eq!(api.me(&signed(&claims, &[4; 32])).await.status, 401);
        assert_eq!(database.count("sessions").await, 0);
        api.inner.close().await;
    }
}

#[tokio::test]
async fn what_was_signed_out_there_stays_signed_out() {
    let backend = Backend::new();
    backend.user(1, "ada");
    let now = Clock::system().now();
    let (out, live) = (legacy("ada", now - 700), legacy("ada", now - 600));
    let over = token("access", "ada", now - 1);
    for token in [&out.access, &out.refresh, &over, "garbage", "a.b.c"] {
        backend.sql(&format!(
            "INSERT INTO token_blacklist (token, expires_at) VALUES ('{token}', now() - interval '9 hours')"
        ));
    }
    for database in engines() {
        let said = Said::by(&backend.import(&database, &[]), 0);
        assert_eq!(said.count("tokens signed out there"), 2);
        let api = api(&database).await;
        assert_eq!(api.me(&out.access).await.status, 401);
        assert_eq!(api.refresh(&out.refresh).await.status, 401);
        assert_eq!(api.me(&live.access).await.status, 200);
        assert_eq!(api.refresh(&live.refresh).await.status, 200);
        let whole = format!("SELECT count(*) FROM sessions WHERE sid = '{}'", out.access);
        assert_eq!(database.number(&whole).await, 0, "tokens are not kept, only their digests");
        api.inner.close().await;
    }
}

#[tokio::test]
async fn rv_01_rv_02_a_logout_with_old_tokens_ends_them_everywhere_and_for_good() {
    let backend = Backend::new();
    for database in engines() {
        let (api, ada, bob) = imported(&backend, &database).await;
        let settings = ApiSettings { throttle: false, ..ApiSettings::default() };
        let other = TestApi::on(&database, &api.clock, settings).await;
        for tokens in [&ada, &bob] {
            assert_eq!(other.me(&tokens.access).await.status, 200, "the other node knows it");
        }
        let bearer = format!("Bearer {}", ada.access);
        let cookie = format!("refresh_token={}", ada.refresh);
        let both = [("authorization", bearer.as_str()), ("cookie", cookie.as_str())];
        for _ in 0..2 {
            let out = api.client.request("POST", "/api/v1/logout", &both, "").await;
            assert_eq!(out.status, 200, "again and again: {out}");
        }
        assert_eq!(api.client.post_cookie("/api/v1/logout", &bob.refresh).await.status, 200);
        assert_eq!(api.me(&ada.access).await.status, 401);
        for node in [&api, &other] {
            until(async || node.me(&ada.access).await.status == 401).await;
            for tokens in [&ada, &bob] {
                assert_eq!(node.refresh(&tokens.refresh).await.status, 401);
            }
        }
        assert_eq!(api.me(&bob.access).await.status, 200, "it was not shown");
        api.inner.close().await;
        other.inner.close().await;
        let restarted = self::api(&database).await;
        assert_eq!(restarted.me(&ada.access).await.status, 401);
        restarted.inner.close().await;
    }
}

/// Nobody has shown those tokens yet, and a thief may have them.
#[tokio::test]
async fn lg_06_rv_08_what_ends_all_sessions_of_an_account_ends_its_old_tokens() {
    let backend = Backend::new();
    for database in engines() {
        for way in ["password", "others", "deleted"] {
            let database = match way {
                "password" => database.clone(),
                _ if database.url.starts_with("sqlite:") => {
                    Arc::new(TestDatabase::on(Engine::Sqlite))
                }
                _ => Arc::new(TestDatabase::on(Engine::Postgres)),
            };
            let (api, ada, bob) = imported(&backend, &database).await;
            let seen = legacy("ada", api.clock.now() - 500);
            assert_eq!(api.me(&seen.access).await.status, 200);
            let own = api.log_in("ada").await;
            let bearer = format!("Bearer {}", own.access);
            let signed = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let (method, path) = match way {
                "password" => ("PUT", "/api/v1/user/me/password"),
                "others" => ("DELETE", "/api/v1/user/me/sessions"),
                _ => ("DELETE", "/api/v1/user/ada"),
            };
            let body = json!({"current_password": PASSWORD, "new_password": "An0ther!pass"});
            let done = api.client.request(method, path, &signed, body.to_string()).await;
            assert_eq!(done.status, 200, "{way}: {done}");
            for tokens in [&ada, &seen] {
                assert_eq!(api.me(&tokens.access).await.status, 401, "{way}");
                assert_eq!(api.refresh(&tokens.refresh).await.status, 401, "{way}");
            }
            assert_eq!(api.me(&bob.access).await.status, 200, "{way}: only that account");
            // A further import brings nothing back.
            Said::by(&backend.import(&database, &[]), 0);
            assert_eq!(api.refresh(&ada.refresh).await.status, 401, "{way}");
            api.inner.close().await;
        }
    }
}

/// A token may be shown for the first time while its account's sessions end: it is a session by then, or never.
#[tokio::test]
async fn lg_06_no_old_token_slips_through_while_sessions_end() {
    let backend = Backend::new();
    for n in 0..8 {
        backend.user(n + 1, &format!("user{n}"));
    }
    for database in engines() {
        Said::by(&backend.import(&database, &[]), 0);
        let api = api(&database).await;
        let settings = ApiSettings { throttle: false, ..ApiSettings::default() };
        let other = TestApi::on(&database, &api.clock, settings).await;
        for n in 0..8 {
            let name = format!("user{n}");
            let own = api.log_in(&name).await;
            let stolen = legacy(&name, api.clock.now() - 600);
            let shown = join_all((0..4).map(|_| other.refresh(&stolen.refresh)));
            let end = api.client.delete_as("/api/v1/user/me/sessions", &own.access);
            let (_, ended) = tokio::join!(shown, end);
            assert_eq!(ended.status, 200, "{ended}");
            assert_eq!(other.refresh(&stolen.refresh).await.status, 401);
            assert_eq!(api.me(&own.access).await.status, 200);
        }
        api.inner.close().await;
        other.inner.close().await;
    }
}

#[tokio::test]
async fn a_further_import_honours_the_tokens_made_since_the_last() {
    let backend = Backend::new();
    for database in engines() {
        let (api, ..) = imported(&backend, &database).await;
        let later = |name: &str| token("refresh", name, api.clock.now() + 604_800 + 5);
        assert_eq!(api.refresh(&later("ada")).await.status, 401);
        let aged = "UPDATE imported_names SET issued_to = issued_to - 3600, until = until - 3600";
        meddle(&database, aged).await;
        let tokens = legacy("ada", api.clock.now() - 600);
        assert_eq!(api.me(&tokens.access).await.status, 401);
        // Bob's name went to somebody else there: his tokens here stay his, and theirs open nothing.
        backend.sql(r#"UPDATE "user" SET username = 'bobby' WHERE id = 2"#);
        Said::by(&backend.import(&database, &[]), 0);
        assert_eq!(api.me(&tokens.access).await.json()["id"], 1);
        assert_eq!(api.me(&legacy("bob", api.clock.now() - 600).access).await.status, 401);
        assert_eq!(api.me(&legacy("bob", api.clock.now() - 4500).access).await.status, 401);
        let earlier = legacy("bob", api.clock.now() - 4500).refresh;
        assert_eq!(api.refresh(&earlier).await.status, 200);
        backend.sql(r#"UPDATE "user" SET username = 'bob' WHERE id = 2"#);
        api.inner.close().await;
    }
}

/// The backend signs with the text of its key as it stands; here a key is given in base64.
#[tokio::test]
async fn the_key_of_the_backend_is_given_in_base64() {
    const SECRET_KEY: &str = "b7d5c1f0a94e3862bd17f08c5a6e29d34c81f7be60a25d9314ecf86b0d7a9e52";
    let backend = Backend::new();
    backend.user(1, "ada");
    let database = TestDatabase::on(Engine::Sqlite);
    let now = Clock::system().now();
    Said::by(&backend.import(&database, &[]), 0);
    let data = database.folder.path().join("data");
    let arguments = ["api", "--api-listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    let mut command = vestibule(&arguments);
    let key = STANDARD.encode(SECRET_KEY);
    command.env("DATABASE_URL", &database.url).env("VESTIBULE_SIGNING_KEY", key);
    let server = Server::spawn(command);
    let claims = json!({"sub": "ada", "exp": now + 1700, "token_type": "access"});
    let access = signed(&claims, SECRET_KEY.as_bytes());
    let me = server.client("API").get_as("/api/v1/user/me", &access).await;
    assert_eq!(me.json()["username"], "ada");
}
