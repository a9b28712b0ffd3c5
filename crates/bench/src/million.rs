//! Whether a million users and a million ended sessions slow an API node down: the same requests to a node on a small database and to one
//! on a large one, alternately, each a process of its own. A thousand live sessions take turns.

use std::net::SocketAddr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use vestibule_types::Clock;

use crate::Failure;
use crate::compare::Effort;
use crate::load::Connection;
use crate::process::Server;
use crate::stage::{SIGNING_TEXT, Stage, get, post};
use crate::table::{Goal, Row, Spread};

/// Live sessions that requests come from.
const ACTIVE: usize = 1_000;

/// Requests of one kind in a round.
const ASKED: usize = 5 * ACTIVE;

/// Users, and as many ended sessions that gateways still have to be told of: few and many.
const SIZES: [usize; 2] = [1_000, 1_000_000];

/// What the large one may cost, as a part of the small one; and megabytes that it may hold beyond it.
const FLAT: f64 = 1.05;
const MOST_MB: f64 = 80.0;

/// What is asked for, and the status that answers it.
#[derive(Clone, Copy)]
enum Kind {
    Me,
    Ended,
    Refresh,
}

const KINDS: [(Kind, &str, u16); 3] = [
    (Kind::Me, "GET /user/me", 200),
    (Kind::Ended, "GET /user/me, ended session", 401),
    (Kind::Refresh, "POST /refresh, first child", 200),
];

pub(crate) async fn million(
    stage: &Stage,
    effort: Effort,
    told: &mut impl FnMut(Vec<Row>),
) -> Result<(), Failure> {
    let small = Node::with(stage, SIZES[0]).await?;
    let large = Node::with(stage, SIZES[1]).await?;
    for (kind, name, status) in KINDS {
        let mut costs = [Vec::new(), Vec::new()];
        for round in 0..effort.rounds as usize {
            crate::progress(&format!("{name}: round {} of {}", round + 1, effort.rounds));
            let rounds = effort.rounds as usize;
            for (node, costs) in [&small, &large].into_iter().zip(&mut costs) {
                costs.push(node.cost(kind, status, round, rounds)?);
            }
        }
        let [few, many] = costs;
        let median = |costs: &[f64]| Spread::of(costs.to_vec()).median;
        told(vec![Row {
            what: format!("{name}, a million users and ended sessions"),
            against: "a thousand".to_owned(),
            figures: format!("{:.1} / {:.1} µs", median(&many), median(&few)),
            measured: Spread::of(many.iter().zip(&few).map(|(many, few)| many / few).collect()),
            unit: "x",
            goal: Goal::AtMost(FLAT),
        }]);
    }
    told(vec![Row {
        what: "memory for a million users and ended sessions, API".to_owned(),
        against: "a thousand".to_owned(),
        figures: format!(
            "{:.1} / {:.1} MB, CPU to the first answer {:.0} / {:.0} ms",
            large.megabytes, small.megabytes, large.start, small.start
        ),
        measured: Spread::of(vec![large.megabytes - small.megabytes]),
        unit: " MB",
        goal: Goal::AtMost(MOST_MB),
    }]);
    Ok(())
}

/// An API node on a database of a certain size.
struct Node {
    server: Server,
    api: SocketAddr,
    /// When its tokens were issued, in Unix seconds.
    now: i64,
    /// CPU time until it answered, in milliseconds.
    start: f64,
    /// Resident then.
    megabytes: f64,
}

impl Node {
    async fn with(stage: &Stage, rows: usize) -> Result<Self, Failure> {
        crate::progress(&format!("filling a database with {rows} users"));
        let folder = stage.folder.join(format!("users-{rows}"));
        // Its tables are made by the program.
        drop(stage.api_on(&folder, None)?);
        let now = Clock::system().now();
        let file = folder.join("vestibule.sqlite");
        let mut connection =
            SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
        for sql in filling(rows, now) {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
        connection.close().await?;
        let (server, api) = stage.api_on(&folder, None)?;
        let start = server.cpu()?.as_secs_f64() * 1e3;
        let megabytes = server.memory("VmRSS")? as f64 / 1e6;
        let node = Self { server, api, now, start, megabytes };
        // Once, so that nothing is new.
        node.cost(Kind::Me, 200, 0, 1)?;
        Ok(node)
    }

    /// Microseconds of CPU time of a request of this kind.
    fn cost(&self, kind: Kind, status: u16, round: usize, rounds: usize) -> Result<f64, Failure> {
        // A session's first child is made once.
        let (from, count) = match kind {
            Kind::Refresh => (round * ACTIVE / rounds, ACTIVE / rounds),
            Kind::Me | Kind::Ended => (0, ASKED),
        };
        let requests: Vec<_> =
            (from..from + count).map(|number| self.request(kind, number % ACTIVE + 1)).collect();
        let mut connection = Connection::open(self.api)?;
        let before = self.server.cpu()?;
        for request in &requests {
            let answer = connection.ask(request)?;
            if answer.status != status {
                return Err(
                    format!("{status} was expected: {} {}", answer.head, answer.body).into()
                );
            }
        }
        Ok((self.server.cpu()? - before).as_secs_f64() * 1e6 / count as f64)
    }

    fn request(&self, kind: Kind, number: usize) -> Vec<u8> {
        let state = if matches!(kind, Kind::Ended) { "E" } else { "L" };
        let sid = format!("{state}{number:021}").replace('0', "A");
        let times = format!(r#""iat":{},"exp":{}"#, self.now, self.now + 1_800);
        let who = format!(r#""sub":"u{number}","uid":{number},"sid":"{sid}""#);
        match kind {
            Kind::Me | Kind::Ended => {
                let claims = format!(r#"{{{who},"jti":"j",{times},"token_type":"access"}}"#);
                let bearer = format!("Authorization: Bearer {}\r\n", signed(&claims));
                get(self.api, "/api/v1/user/me", &bearer).request
            }
            Kind::Refresh => {
                let chain = r#""jti":"first","prt":"","gen":0"#;
                let claims = format!(r#"{{{who},{chain},{times},"token_type":"refresh"}}"#);
                let cookie = format!("Cookie: refresh_token={}\r\n", signed(&claims));
                post(self.api, "/api/v1/refresh", "application/json", &cookie, "").request
            }
        }
    }
}

/// What puts so many users, sessions that live and sessions that have ended into a database.
fn filling(rows: usize, now: i64) -> [String; 4] {
    let numbers = |most: usize| {
        format!("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {most})")
    };
    let sid = |state: &str| format!("replace(printf('{state}%021d', n), '0', 'A')");
    let sessions = |state: &str, most: usize, revoked: &str| {
        format!(
            "{} INSERT INTO sessions (sid, user_id, gen, parent, prev, confirmed_at, child, child_at,
                created, last_used, expires_at, revoked_at, agent, address)
            SELECT {}, n, 0, 'first', '', {now}, '', 0, {now}, {now}, {now} + 604800, {revoked}, '', '' FROM n",
            numbers(most),
            sid(state)
        )
    };
    [
        format!(
            "{} INSERT INTO users (username, email, email_key, name, password_hash, profile_image_url, created_at)
            SELECT 'u' || n, n || '@example.com', n, 'Ada Lovelace', '', 'https://example.com/p.png', {now} FROM n",
            numbers(rows)
        ),
        sessions("L", ACTIVE, "NULL"),
        sessions("E", rows, &now.to_string()),
        format!(
            "{} INSERT INTO news (kind, subject, at, until)
            SELECT 'session', {}, {now}, {now} + 3600 FROM n",
            numbers(rows),
            sid("E")
        ),
    ]
}

/// A token with `claims`, as the API signs it.
fn signed(claims: &str) -> String {
    let text = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING_TEXT.as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}
