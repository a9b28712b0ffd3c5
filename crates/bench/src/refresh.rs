//! Rotating refreshes, each with the token that the one before it brought: how many a second of CPU time, and how many
//! transactions that write each takes, by what the database itself says.
//!
//! In this process, because the clock has to go on: a step that is younger than 240 s is not taken again, but told again.

use std::fs;
use std::path::Path;

use axum::body::Body;
use futures_util::future::try_join_all;
use http::Request;
use http::header::COOKIE;
use tower::ServiceExt as _;
use vestibule_api::Database;
use vestibule_gateway::App;
use vestibule_testbed::postgres;
use vestibule_types::Clock;

use crate::Failure;
use crate::clock::{now, process_cpu};
use crate::fixture::{self, NOW};
use crate::stage::Stage;
use crate::table::{Goal, Row, Spread};

/// Sessions that are refreshed at once.
const SESSIONS: usize = 8;

/// How often each, in a round.
const STEPS: usize = 100;

/// Refreshes, one after the other, of which the writes are counted.
const COUNTED: usize = 20;

/// Writes that each may take.
const WRITES: f64 = 1.2;

pub(crate) async fn refreshes(
    stage: &Stage,
    rounds: u32,
    told: &mut impl FnMut(Vec<Row>),
) -> Result<(), Failure> {
    let file = stage.folder.join("refresh.sqlite");
    let log = stage.folder.join("refresh.sqlite-wal");
    let mut wrote = Commits::default();
    let sqlite = Database::Sqlite(file);
    told(engine("SQLite", &sqlite, rounds, 1_500.0, || wrote.since(&log)).await?);

    let server = postgres::Server::start()?;
    server.create_database("refresh");
    let mut last = 0.0;
    // Only a transaction that writes is given a number (PostgreSQL, 66.1): this is the next one's.
    let numbered = || -> Result<f64, Failure> {
        let next =
            server.sql("refresh", "SELECT pg_snapshot_xmax(pg_current_snapshot())").parse()?;
        Ok(next - std::mem::replace(&mut last, next))
    };
    let postgres = server.url("refresh").parse()?;
    told(engine("PostgreSQL", &postgres, rounds, 1_000.0, numbered).await?);
    Ok(())
}

/// Both rows of one engine. `written` answers how many transactions have written since it was last asked.
async fn engine(
    name: &str,
    database: &Database,
    rounds: u32,
    goal: f64,
    mut written: impl FnMut() -> Result<f64, Failure>,
) -> Result<Vec<Row>, Failure> {
    let clock = Clock::stopped_at(NOW);
    let (api, app) = fixture::api_on(database, &clock).await?;
    fixture::register(&app).await?;
    let mut tokens = Vec::new();
    for _ in 0..SESSIONS {
        tokens.push(fixture::login(&app).await?.refresh);
    }
    let (mut rates, mut speeds, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        crate::progress(&format!("refresh on {name}: round {} of {rounds}", round + 1));
        let mut count = 0.0;
        for _ in 0..COUNTED {
            clock.advance(STEP);
            written()?;
            tokens[0] = refreshed(&app, &tokens[0]).await?;
            count += written()?;
        }
        writes.push(count / COUNTED as f64);
        let (began, spent) = (now(), process_cpu());
        for _ in 0..STEPS {
            clock.advance(STEP);
            tokens = try_join_all(tokens.iter().map(|token| refreshed(&app, token))).await?;
        }
        let count = (STEPS * SESSIONS) as f64;
        rates.push(count / (process_cpu() - spent).as_secs_f64());
        speeds.push(count / began.elapsed().as_secs_f64());
    }
    api.close().await;
    let row = |what: &str, figures, values, goal| Row {
        what: format!("rotating refresh, {name}, {what}"),
        against: "–".to_owned(),
        figures,
        measured: Spread::of(values),
        unit: "",
        goal,
    };
    let speed = format!("{:.0} a second, {SESSIONS} at once", Spread::of(speeds).median);
    Ok(vec![
        row("for each second of CPU time", speed, rates, Goal::AtLeast(goal)),
        row("transactions that write", "–".to_owned(), writes, Goal::AtMost(WRITES)),
    ])
}

/// Seconds from one step of a chain to the next.
const STEP: i64 = 250;

/// The token that follows `token`.
async fn refreshed(app: &App, token: &str) -> Result<String, Failure> {
    let request = Request::post("/api/v1/refresh").header(COOKIE, format!("refresh_token={token}"));
    let answer = app.clone().oneshot(request.body(Body::empty())?).await?;
    let next = fixture::refresh_cookie(answer.headers())?;
    if next == token {
        return Err("a refresh brought no new token".into());
    }
    Ok(next)
}

/// Transactions in SQLite's write-ahead log: frames that say how large the database is after them (SQLite, "The WAL File Format").
#[derive(Default)]
struct Commits {
    salts: Vec<u8>,
    count: u32,
}

impl Commits {
    /// Those that are new since this was last asked. A log that has begun anew has new salts, and frames of before have not.
    fn since(&mut self, log: &Path) -> Result<f64, Failure> {
        const HEAD: usize = 32;
        const FRAME: usize = 24;
        let bytes = fs::read(log)?;
        let head = bytes.get(..HEAD).ok_or("SQLite's log has no head")?;
        let (page, salts) = (u32::from_be_bytes(head[8..12].try_into()?) as usize, &head[16..24]);
        let frames =
            bytes[HEAD..].chunks_exact(FRAME + page).take_while(|frame| frame[8..16] == *salts);
        let count = frames.filter(|frame| frame[4..8] != [0; 4]).count() as u32;
        let before = if self.salts == salts { self.count } else { 0 };
        *self = Self { salts: salts.to_vec(), count };
        Ok(f64::from(count - before))
    }
}
