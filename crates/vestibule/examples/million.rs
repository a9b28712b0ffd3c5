//! Whether a million users and a million ended sessions slow an API node down: the same requests on a small and on a
//! large database, alternately, as CPU time of the whole process. `cargo run --release --example million`.
#![expect(clippy::print_stdout, reason = "a tool for a terminal")]

use std::fs;
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tokio::time::Instant;
use tower::ServiceExt as _;
use vestibule::secrets::open_folder;
use vestibule::wiring;
use vestibule_api::{Api, ApiSettings, Database, Store};
use vestibule_gateway::App;
use vestibule_types::{Clock, Secret};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const KEY: [u8; 32] = [7; 32];
/// Live sessions that requests come from.
const ACTIVE: usize = 1_000;
const ROUNDS: usize = 7;

/// A node on a database of a certain size.
struct Node {
    rows: i64,
    app: App,
    api: Api,
    now: i64,
    start: Duration,
    memory_kib: i64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("vestibule-million-{}", std::process::id()));
    open_folder(&folder)?;
    let nodes = [Node::with(1_000, &folder).await?, Node::with(1_000_000, &folder).await?];
    println!(
        "| {:<34} | {:>9} | {:>9} | ratio |",
        "CPU time a request, median, in µs", "1,000", "1,000,000"
    );
    println!("| --- | ---: | ---: | ---: |");
    for (name, kind) in [
        ("GET /user/me", Kind::Me),
        ("GET /user/me, ended session", Kind::Ended),
        ("POST /refresh, first child", Kind::Refresh),
    ] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for (node, times) in nodes.iter().zip(&mut times) {
                times.push(node.measure(kind, round).await?);
            }
        }
        let [small, large] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        println!("| {name:<34} | {small:>9.1} | {large:>9.1} | {:>5.2} |", large / small);
    }
    for node in &nodes {
        println!(
            "\n{} users and as many ended sessions: ready after {} ms, {} MiB more memory",
            node.rows,
            node.start.as_millis(),
            node.memory_kib / 1024
        );
        node.api.close().await;
    }
    Ok(fs::remove_dir_all(&folder)?)
}

#[derive(Clone, Copy)]
enum Kind {
    Me,
    Ended,
    Refresh,
}

impl Node {
    async fn with(rows: i64, folder: &std::path::Path) -> Result<Self, Failure> {
        let database = Database::Sqlite(folder.join(format!("{rows}.sqlite")));
        let clock = Clock::system();
        let now = clock.now();
        Store::open(&database).await?.close().await;
        let mut connection = SqliteConnection::connect(&format!("sqlite:{database}")).await?;
        for sql in fill(rows, now) {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
        connection.close().await?;
        let (before, began) = (resident_kib()?, Instant::now());
        let settings = ApiSettings { throttle: false, ..ApiSettings::default() };
        let keys = Secret::from_random(KEY).into();
        let (api, app) = wiring::api(Store::open(&database).await?, keys, settings, clock).await?;
        let start = began.elapsed();
        let node = Self { rows, app, api, now, start, memory_kib: resident_kib()? - before };
        node.measure(Kind::Me, 0).await?;
        Ok(node)
    }

    /// CPU time of one request of this kind, in microseconds.
    async fn measure(&self, kind: Kind, round: usize) -> Result<f64, Failure> {
        let (from, count) = match kind {
            Kind::Refresh => (round * ACTIVE / ROUNDS, ACTIVE / ROUNDS),
            Kind::Me | Kind::Ended => (0, 10 * ACTIVE),
        };
        let requests: Vec<Request<Body>> = (from..from + count)
            .map(|n| self.request(kind, n % ACTIVE))
            .collect::<Result<_, _>>()?;
        let before = cpu_ticks()?;
        for request in requests {
            let status = self.app.clone().oneshot(request).await?.status().as_u16();
            let expected = if matches!(kind, Kind::Ended) { 401 } else { 200 };
            if status != expected {
                return Err(format!("answered {status}").into());
            }
        }
        Ok((cpu_ticks()? - before) * 1e6 / count as f64)
    }

    fn request(&self, kind: Kind, number: usize) -> Result<Request<Body>, Failure> {
        let (uid, state) = match kind {
            Kind::Ended => (number + 1, "ended"),
            Kind::Me | Kind::Refresh => (number + 1, "live"),
        };
        let sid = sid(state, number as i64 + 1);
        let times = format!(r#""iat":{},"exp":{}"#, self.now, self.now + 1_800);
        let who = format!(r#""sub":"u{uid}","uid":{uid},"sid":"{sid}""#);
        let request = Request::builder();
        Ok(match kind {
            Kind::Me | Kind::Ended => {
                let token = sign(&format!(r#"{{{who},"jti":"j",{times},"token_type":"access"}}"#));
                let request = request.uri("/api/v1/user/me");
                request.header("authorization", format!("Bearer {token}")).body(Body::empty())?
            }
            Kind::Refresh => {
                let token = sign(&format!(
                    r#"{{{who},"jti":"first","prt":"","gen":0,{times},"token_type":"refresh"}}"#
                ));
                let request = request.method("POST").uri("/api/v1/refresh");
                request.header("cookie", format!("refresh_token={token}")).body(Body::empty())?
            }
        })
    }
}

/// 22 characters of base64url, as session ids are.
fn sid(state: &str, number: i64) -> String {
    format!("{}{number:021}", if state == "live" { 'L' } else { 'E' }).replace('0', "A")
}

fn fill(rows: i64, now: i64) -> Vec<String> {
    let numbers = |most: i64| {
        format!("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {most})")
    };
    let sid = |letter: &str| format!("replace(printf('{letter}%021d', n), '0', 'A')");
    let session = |letter: &str, most: i64, revoked: &str| {
        format!(
            "{} INSERT INTO sessions (sid, user_id, gen, parent, prev, confirmed_at, child, child_at,
                created, last_used, expires_at, revoked_at, agent, address)
            SELECT {}, n, 0, 'first', '', {now}, '', 0, {now}, {now}, {now} + 604800, {revoked}, '', '' FROM n",
            numbers(most),
            sid(letter)
        )
    };
    vec![
        format!(
            "{} INSERT INTO users (username, email, email_key, name, password_hash, profile_image_url, created_at)
            SELECT 'u' || n, n || '@example.com', n, 'Ada Lovelace', '', 'https://example.com/p.png', {now} FROM n",
            numbers(rows)
        ),
        session("L", ACTIVE as i64, "NULL"),
        session("E", rows, &now.to_string()),
        format!(
            "{} INSERT INTO news (kind, subject, at, until)
            SELECT 'session', {}, {now}, {now} + 3600 FROM n",
            numbers(rows),
            sid("E")
        ),
    ]
}

fn sign(claims: &str) -> String {
    let signed = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// CPU time of this process in seconds, to a hundredth.
fn cpu_ticks() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

fn resident_kib() -> Result<i64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
