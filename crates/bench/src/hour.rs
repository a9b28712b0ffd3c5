//! Memory of gateway and API after an hour of load: every minute somebody signs in, and 32 connections come, ask at a fixed rate, and go.

use std::time::Duration;

use crate::Failure;
use crate::clock::now;
use crate::compare::{CONNECTIONS, Effort};
use crate::load::{Load, Target};
use crate::process::Server;
use crate::stage::{Stage, access_token, cookies, get, register};
use crate::table::{Goal, Row, Spread};

const MIB: f64 = 1024.0 * 1024.0;

/// How long connections stay.
const SLICE: Duration = Duration::from_secs(60);

/// How often memory is told while it runs, in slices.
const TOLD: u32 = 5;

/// Of the whole time, what is left to fill caches and pools.
const FIRST_PART: u32 = 12;

/// What may be there at the end beyond what was there after the first part: that much of it, and so many MiB.
const GROWTH: (f64, f64) = (0.1, 2.0);

/// Resident MiB of gateway and API.
type Resident = [f64; 2];

pub(crate) fn hour(
    stage: &Stage,
    minutes: u32,
    effort: Effort,
    told: &mut impl FnMut(Vec<Row>),
) -> Result<(), Failure> {
    let (_application, application) = stage.bare("hyper")?;
    let (server, api) = stage.api()?;
    register(api)?;
    let (gateway, site) = stage.gateway(api, application)?;
    let resident = || -> Result<Resident, Failure> { Ok([mib(&gateway)?, mib(&server)?]) };

    let began = now();
    let whole = SLICE * minutes;
    let start = resident()?;
    say("at the start", start);
    let (mut early, mut slices) = (None, 0);
    while began.elapsed() < whole {
        // A token lives for half an hour.
        let page = get(site, "/app/items", &format!("Cookie: {}\r\n", cookies(site)?));
        let bearer = format!("Authorization: Bearer {}\r\n", access_token(api)?);
        let me = get(api, "/api/v1/user/me", &bearer);
        let left = whole.saturating_sub(began.elapsed());
        let lasts = (SLICE / 2).min(left / 2);
        for target in [page, me] {
            ask(&target, Load { connections: CONNECTIONS, rate: Some(effort.rate), lasts })?;
        }
        slices += 1;
        let then = resident()?;
        if early.is_none() && began.elapsed() >= whole / FIRST_PART {
            early = Some(then);
        }
        if slices % TOLD == 0 {
            say(&format!("after {} minutes", began.elapsed().as_secs() / 60), then);
        }
    }
    let (early, end) = (early.ok_or("there was no load")?, resident()?);
    say("at the end", end);
    told(
        ["gateway", "API"]
            .iter()
            .enumerate()
            .map(|(at, name)| row(name, minutes, start[at], early[at], end[at]))
            .collect(),
    );
    Ok(())
}

fn row(name: &str, minutes: u32, start: f64, early: f64, end: f64) -> Row {
    let (part, more) = GROWTH;
    let limit = early.mul_add(1.0 + part, more);
    Row {
        what: format!("memory after {minutes} minutes of load: {name}"),
        against: format!("after the first twelfth, + {:.0} % + {more} MiB", part * 100.0),
        figures: format!("{start:.1} at the start, {early:.1} early"),
        measured: Spread::of(vec![end]),
        unit: " MiB",
        goal: Goal::AtMost((limit * 10.0).round() / 10.0),
    }
}

fn ask(target: &Target, load: Load) -> Result<(), Failure> {
    match target.under(load)?.refused {
        0 => Ok(()),
        refused => Err(format!("{refused} requests were refused").into()),
    }
}

fn mib(server: &Server) -> Result<f64, Failure> {
    Ok(server.memory("VmRSS")? as f64 / MIB)
}

fn say(when: &str, [gateway, api]: Resident) {
    crate::progress(&format!("{when}: gateway {gateway:.1} MiB, API {api:.1} MiB"));
}
