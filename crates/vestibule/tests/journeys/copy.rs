//! `vestibule db copy`: everything moves, on both engines and between them, and nobody is signed out.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::time::Instant;
use vestibule_api::{ApiSettings, Source, copied_columns};
use vestibule_types::Clock;

use crate::database::{Engine, TestDatabase};
use crate::process::vestibule;
use crate::support::{NOW, TestApi, until};

const TABLES: [&str; 4] = ["users", "held_usernames", "sessions", "news"];

fn database(engine: Engine) -> Arc<TestDatabase> {
    Arc::new(TestDatabase::on(engine))
}

async fn api(database: &Arc<TestDatabase>, clock: &Clock) -> TestApi {
    let settings = ApiSettings { throttle: false, ..ApiSettings::default() };
    TestApi::on(database, clock, settings).await
}

fn copy(from: &str, to: &str) -> Output {
    vestibule(&["db", "copy"])
        .env("VESTIBULE_COPY_FROM", from)
        .env("VESTIBULE_COPY_TO", to)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn copied(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    said(output)
}

/// Runs SQL that no command of ours would.
pub(super) async fn meddle(database: &TestDatabase, sql: &str) {
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    if database.url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        connection.execute(sql).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute(sql).await.unwrap();
    }
}

#[tokio::test]
async fn everything_moves_in_any_direction_and_sessions_go_on() {
    use Engine::{Postgres, Sqlite};
    for (from, to) in
        [(Sqlite, Postgres), (Postgres, Sqlite), (Sqlite, Sqlite), (Postgres, Postgres)]
    {
        let (old, new, clock) = (database(from), database(to), Clock::stopped_at(NOW));
        let before = api(&old, &clock).await;
        let ada = before.member("ada").await;
        let out = before.member("bob").await;
        before.client.post_cookie("/api/v1/logout", &out.refresh).await;
        let gone = before.member("eve").await;
        before.client.delete_as("/api/v1/user/eve", &gone.access).await;
        let change = json!({"username": "countess"});
        let renamed = before.client.patch_as("/api/v1/user/ada", &ada.access, &change).await;
        assert_eq!(renamed.status, 200, "{renamed}");
        meddle(&old, "UPDATE users SET email_verified = TRUE WHERE id = 1").await;
        before.inner.close().await;

        let told = copied(&copy(&old.url, &new.url));
        assert!(told.starts_with("Copied 11 rows from "), "{from:?} {to:?}: {told}");
        for table in TABLES {
            assert_eq!(new.count(table).await, old.count(table).await, "{table}");
        }
        let after = api(&new, &clock).await;
        let me = after.me(&ada.access).await.json();
        assert_eq!((&me["username"], &me["email_verified"]), (&json!("countess"), &json!(true)));
        assert_eq!(after.refresh(&ada.refresh).await.status, 200);
        for tokens in [&out, &gone] {
            assert_eq!(after.me(&tokens.access).await.status, 401);
            assert_eq!(after.refresh(&tokens.refresh).await.status, 401);
        }
        assert_eq!(after.register("newcomer").await["id"], 4, "the next number is fresh");
        let held = after.client.post_json("/api/v1/user", &crate::support::person("ada")).await;
        assert_eq!(held.status, 422, "a name given up is still held: {held}");
        // News have numbers too.
        let leaving = after.log_in("bob").await;
        assert_eq!(after.client.post_cookie("/api/v1/logout", &leaving.refresh).await.status, 200);
        after.inner.close().await;
    }
}

#[tokio::test]
async fn the_list_of_tables_and_columns_is_complete_on_both_engines() {
    let mut listed = copied_columns();
    listed.sort();
    let sqlite = TestDatabase::on(Engine::Sqlite);
    vestibule(&["migrate"]).env("DATABASE_URL", &sqlite.url).output().unwrap();
    let mut connection = SqliteConnection::connect(&sqlite.url).await.unwrap();
    let mut found: Vec<String> = sqlx::query_scalar(
        "SELECT tables.name || '.' || columns.name
         FROM sqlite_master tables, pragma_table_info(tables.name) columns
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite!_%' ESCAPE '!'
           AND tables.name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    found.sort();
    assert_eq!(found, listed);

    let server = TestDatabase::on(Engine::Postgres);
    let mut connection = PgConnection::connect(&server.url).await.unwrap();
    let mut found: Vec<String> = sqlx::query_scalar(
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    found.sort();
    assert_eq!(found, listed);
}

#[tokio::test]
async fn a_target_with_rows_is_refused_and_stays_as_it_is() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (old, new, clock) =
            (database(Engine::Sqlite), database(engine), Clock::stopped_at(NOW));
        for (database, name) in [(&old, "ada"), (&new, "bob")] {
            let api = api(database, &clock).await;
            api.register(name).await;
            api.inner.close().await;
        }
        let refusal = refused(&copy(&old.url, &new.url));
        assert!(refusal.contains("is not empty: it has rows in users"), "{refusal}");
        assert!(refusal.contains("Copy into one that has none"), "{refusal}");
        assert_eq!(new.count("users").await, 1);
        let onto_itself = refused(&copy(&old.url, &old.url));
        assert!(onto_itself.contains("is not empty"), "{onto_itself}");
    }
}

#[tokio::test]
async fn a_source_of_another_version_is_refused_and_not_migrated() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for (meddling, mend) in [
            (
                "DELETE FROM _sqlx_migrations WHERE version > 1",
                "an older version: run vestibule migrate",
            ),
            ("UPDATE _sqlx_migrations SET version = 9000 WHERE version = 1", "a newer version"),
            ("DROP TABLE _sqlx_migrations", "no tables of Vestibule: run vestibule migrate"),
        ] {
            let (old, new) = (database(engine), database(Engine::Sqlite));
            vestibule(&["migrate"]).env("DATABASE_URL", &old.url).output().unwrap();
            meddle(&old, meddling).await;
            let refusal = refused(&copy(&old.url, &new.url));
            assert!(refusal.contains(mend), "{refusal}");
            assert!(!new.folder.path().join("vestibule.sqlite").exists(), "nothing was made");
        }
    }
    let new = database(Engine::Sqlite);
    let missing = new.folder.path().join("missing.sqlite");
    let refusal = refused(&copy(&format!("sqlite:{}", missing.display()), &new.url));
    assert!(refusal.contains("missing.sqlite can't be used"), "{refusal}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn what_fails_halfway_leaves_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (old, new, clock) =
            (database(Engine::Postgres), database(engine), Clock::stopped_at(NOW));
        let before = api(&old, &clock).await;
        before.member("ada").await;
        before.inner.close().await;
        vestibule(&["migrate"]).env("DATABASE_URL", &new.url).output().unwrap();
        let trap = match engine {
            Engine::Sqlite => {
                "CREATE TRIGGER trap BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'trap'); END"
            }
            Engine::Postgres => {
                "CREATE FUNCTION trap() RETURNS trigger AS $$ BEGIN RAISE 'trap'; END $$ LANGUAGE plpgsql;
                 CREATE TRIGGER trap BEFORE INSERT ON sessions EXECUTE FUNCTION trap()"
            }
        };
        meddle(&new, trap).await;
        let refusal = refused(&copy(&old.url, &new.url));
        assert!(refusal.contains("trap"), "{refusal}");
        assert_eq!(new.count("users").await, 0);
    }
}

/// The copy has begun to read and then waits for the target, while the source goes on.
#[tokio::test]
async fn it_is_one_view_of_the_source_whatever_is_written_meanwhile() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (old, new, clock) =
            (database(engine), database(Engine::Postgres), Clock::stopped_at(NOW));
        let before = api(&old, &clock).await;
        before.member("ada").await;
        let mut holder = PgConnection::connect(&new.url).await.unwrap();
        holder.execute("BEGIN; LOCK TABLE news IN SHARE MODE").await.unwrap();
        let copying =
            vestibule(&["db", "copy", "--from", &old.url, "--to", &new.url]).spawn().unwrap();
        let waits =
            "SELECT count(*) FROM pg_locks WHERE relation = 'news'::regclass AND NOT granted";
        until(async || new.number(waits).await == 1).await;
        before.member("late").await;
        holder.execute("COMMIT").await.unwrap();
        copied(&copying.wait_with_output().unwrap());
        assert_eq!((new.count("users").await, new.count("sessions").await), (1, 1));
        before.inner.close().await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_accounts_take_seconds() {
    let (old, new) = (database(Engine::Sqlite), database(Engine::Postgres));
    vestibule(&["migrate"]).env("DATABASE_URL", &old.url).output().unwrap();
    let many = "
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO users (id, username, email, email_key, name, password_hash, profile_image_url, created_at)
        SELECT i, 'user' || i, i || '@example.com', 'key of ' || i, 'Somebody', '$2b$04$' || i,
            'https://profileimageurl.com', 1 FROM n";
    meddle(&old, many).await;
    let began = Instant::now();
    let output = copy(&old.url, &new.url);
    let took = began.elapsed();
    assert!(copied(&output).starts_with("Copied 100,000 rows"), "{}", said(&output));
    assert!(took < Duration::from_secs(60), "{took:?}");
    let told = said(&output);
    assert_eq!(told.lines().count(), copied_tables(), "a line a table: {told}");
    assert!(told.contains("100,000 of 100,000 rows, "), "{told}");
    assert_eq!(new.number("SELECT sum(id) FROM users").await, 5_000_050_000);
}

fn copied_tables() -> usize {
    let mut names: Vec<String> =
        copied_columns().iter().map(|name| name.split('.').next().unwrap().to_owned()).collect();
    names.dedup();
    names.len()
}

#[tokio::test]
async fn se_03_no_password_of_a_database_is_shown() {
    let new = database(Engine::Sqlite);
    for from in [
        "postgres://ada:canary@127.0.0.1:1/app",
        "postgres://ada:canary@127.0.0.1:port/app",
        "mysql://ada:canary@127.0.0.1/app",
    ] {
        let refusal = refused(&copy(from, &new.url));
        assert!(!refusal.contains("canary"), "{refusal}");
        let refusal = refused(&copy(&new.url, from));
        assert!(!refusal.contains("canary"), "{refusal}");
    }
    let mut help = vestibule(&["db", "copy", "--help"]);
    let help = help.env("VESTIBULE_COPY_FROM", "postgres://ada:canary@db/app").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("VESTIBULE_COPY_FROM") && !help.contains("canary"), "{help}");
}

#[tokio::test]
async fn progress_is_told_from_the_start_of_a_table_to_its_end() {
    let (old, new, clock) =
        (database(Engine::Sqlite), database(Engine::Postgres), Clock::stopped_at(NOW));
    let before = api(&old, &clock).await;
    before.member("ada").await;
    before.inner.close().await;
    let mut told = Vec::new();
    let source = Source::open(&old.database()).await.unwrap();
    let tell = |progress: vestibule_api::Progress| {
        told.push(format!("{} {}/{}", progress.table, progress.rows, progress.of));
    };
    source.copy_to(&new.database(), tell).await.unwrap();
    assert_eq!(told[..3], ["tiers 0/0", "users 0/1", "users 1/1"]);
    assert_eq!(told.last().unwrap(), "news 0/0");
}
