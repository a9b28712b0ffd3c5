//! One, two and three API nodes on one PostgreSQL, and as many gateways in front of them: what a request costs each of them
//! as there are more. Three
//! are always under the same fixed rate, so that the machine is equally busy: those too many are alone, each on a SQLite of its own.

use std::fs;
use std::thread;
use std::time::Duration;

use vestibule_testbed::postgres;

use crate::Failure;
use crate::compare::{CONNECTIONS, Effort, Side};
use crate::load::Load;
use crate::stage::{Stage, access_token, cookies, get, register};
use crate::table::{Goal, Row, Spread};

/// Nodes that run, whether on the PostgreSQL or alone.
const MOST: usize = 3;

const DATABASE: &str = "nodes";

/// Most that a request may cost, as a part of what it costs with one node.
const FLAT: f64 = 1.05;

/// Load before what is measured, so that no node is new.
const WARM: Duration = Duration::from_millis(300);

/// CPU time of a request in microseconds, with one, two and three nodes.
type Costs = [Vec<f64>; 3];

pub(crate) fn nodes(
    stage: &Stage,
    effort: Effort,
    told: &mut impl FnMut(Vec<Row>),
) -> Result<(), Failure> {
    let postgres = postgres::Server::start()?;
    postgres.create_database(DATABASE);
    let url = postgres.url(DATABASE);
    register(stage.api_on(&stage.folder.join("nodes-first"), Some(&url))?.1)?;
    let (mut apis, mut gateways) = (Costs::default(), Costs::default());
    for round in 0..effort.rounds {
        let mut counts = [1, 2, 3];
        // Whoever goes first takes turns.
        if round % 2 == 1 {
            counts.reverse();
        }
        for count in counts {
            crate::progress(&format!("{count} nodes: round {} of {}", round + 1, effort.rounds));
            let (api, gateway) = fleet(stage, &url, count, effort)?;
            apis[count - 1].push(api);
            gateways[count - 1].push(gateway);
        }
    }
    told(rows("API nodes on one PostgreSQL, GET /api/v1/user/me", &apis));
    told(rows("gateways in front of them, proxied GET", &gateways));
    Ok(())
}

/// Microseconds of CPU time of a request at each of `count` API nodes, and at each of the gateways, one in front of each node.
fn fleet(stage: &Stage, url: &str, count: usize, effort: Effort) -> Result<(f64, f64), Failure> {
    let (_application, application) = stage.bare("hyper")?;
    let mut servers = Vec::new();
    for number in 0..MOST {
        let is_alone = number >= count;
        let folder = stage.folder.join(format!("node-{number}-of-{count}"));
        let _ = fs::remove_dir_all(&folder);
        let (server, api) = stage.api_on(&folder, (!is_alone).then_some(url))?;
        if is_alone {
            register(api)?;
        }
        let (gateway, site) = stage.gateway(api, application)?;
        let bearer = format!("Authorization: Bearer {}\r\n", access_token(api)?);
        let me = get(api, "/api/v1/user/me", &bearer);
        let page = get(site, "/app/items", &format!("Cookie: {}\r\n", cookies(site)?));
        servers.push((server, me, gateway, page));
    }
    let (mut apis, mut gateways) = (Vec::new(), Vec::new());
    for (server, me, gateway, page) in &servers {
        apis.push(Side { server, target: me.clone() });
        gateways.push(Side { server: gateway, target: page.clone() });
    }
    Ok((cost(&apis, count, effort)?, cost(&gateways, count, effort)?))
}

/// Microseconds of CPU time of a request with all of `sides` under load at once: the mean of the first `count`.
fn cost(sides: &[Side<'_>], count: usize, effort: Effort) -> Result<f64, Failure> {
    let lasts = Duration::from_secs_f64(effort.seconds / 2.0);
    let load = Load { connections: CONNECTIONS, rate: Some(effort.rate), lasts };
    let spent: Vec<_> = thread::scope(|scope| {
        let one = |side: &Side<'_>| {
            side.spent(Load { lasts: WARM, ..load })?;
            Ok::<_, Failure>(side.spent(load)?.0)
        };
        let all: Vec<_> = sides.iter().map(|side| scope.spawn(move || one(side))).collect();
        all.into_iter().map(|side| side.join()).collect()
    });
    let mut costs = Vec::new();
    for one in spent {
        costs.push(one.map_err(|_| "a load has panicked")??);
    }
    Ok(costs[..count].iter().sum::<f64>() / count as f64)
}

/// Two and three beside one.
fn rows(what: &str, costs: &Costs) -> Vec<Row> {
    let median = |count: usize| Spread::of(costs[count - 1].clone()).median;
    let row = |count: usize| Row {
        what: format!("{count} {what}"),
        against: "one".to_owned(),
        figures: format!("{:.1} / {:.1} µs each", median(count), median(1)),
        measured: Spread::of(
            costs[count - 1].iter().zip(&costs[0]).map(|(n, one)| n / one).collect(),
        ),
        unit: "x",
        goal: Goal::AtMost(FLAT),
    };
    vec![row(2), row(3)]
}
