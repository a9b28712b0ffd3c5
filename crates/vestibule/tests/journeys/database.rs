//! A database for each test, on the engine that this run is about: SQLite, or PostgreSQL if
//! `VESTIBULE_TEST_ENGINE` says so. `cargo xtask test` runs everything on both.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection as _, SqliteConnection};
use vestibule_api::Database;
use vestibule_testbed::postgres;

use crate::support::Folder;

/// Which engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// That of this run.
    pub fn of_this_run() -> Self {
        match std::env::var_os("VESTIBULE_TEST_ENGINE")
            .as_deref()
            .map(|name| name.to_str().unwrap())
        {
            None | Some("sqlite") => Self::Sqlite,
            Some("postgres") => Self::Postgres,
            Some(other) => panic!("VESTIBULE_TEST_ENGINE is {other}"),
        }
    }
}

/// An empty database, gone with the test.
pub struct TestDatabase {
    /// What `DATABASE_URL` says of it.
    pub url: String,
    name: String,
    engine: Engine,
    is_shared: bool,
    /// Of a SQLite file.
    pub folder: Folder,
}

impl TestDatabase {
    pub fn new() -> Self {
        Self::on(Engine::of_this_run())
    }

    pub fn on(engine: Engine) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = Folder::new();
        let name = format!("journey_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = match engine {
            Engine::Sqlite => {
                format!("sqlite:{}", folder.path().join("vestibule.sqlite").display())
            }
            Engine::Postgres => {
                let server = postgres::shared();
                server.create_from(&name, template());
                server.url(&name)
            }
        };
        Self { url, name, engine, is_shared: true, folder }
    }

    pub fn database(&self) -> Database {
        self.url.parse().unwrap()
    }

    /// A PostgreSQL database on a server that only this test stops and starts.
    pub fn at(server: &postgres::Server) -> Self {
        server.create_database("journey");
        Self {
            url: server.url("journey"),
            name: "journey".to_owned(),
            engine: Engine::Postgres,
            is_shared: false,
            folder: Folder::new(),
        }
    }

    /// How many rows `table` has.
    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}")).await
    }

    /// The one number that `sql` answers.
    pub async fn number(&self, sql: &str) -> i64 {
        match self.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Engine::Postgres => postgres::shared().sql(&self.name, sql).parse().unwrap(),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.engine == Engine::Postgres && self.is_shared && !std::thread::panicking() {
            let drop = format!(r#"DROP DATABASE "{}" WITH (FORCE)"#, self.name);
            postgres::shared().sql("postgres", &drop);
        }
    }
}

/// A database with all tables and no rows, made by the program itself.
fn template() -> &'static str {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let server = postgres::shared();
        server.create_database("template");
        let migrate = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .arg("migrate")
            .env_clear()
            .env("DATABASE_URL", server.url("template"))
            .output()
            .unwrap();
        assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));
    });
    "template"
}
