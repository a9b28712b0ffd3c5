//! Two servers under the same load, in turns.

use std::time::Duration;

use crate::Failure;
use crate::load::{Answered, Load, Target};
use crate::process::Server;
use crate::table::{Goal, Row, Spread};

/// How long and how hard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How often each is measured.
    pub(crate) rounds: u32,
    /// How long in each round.
    pub(crate) seconds: f64,
    /// Requests a second at the fixed rate.
    pub(crate) rate: f64,
}

/// Connections of a load.
pub(crate) const CONNECTIONS: u32 = 32;

/// One side of a comparison.
pub(crate) struct Side<'a> {
    pub(crate) server: &'a Server,
    pub(crate) target: Target,
}

/// What one side needed in one round.
struct Round {
    /// CPU time of a request in microseconds, under as much as it takes.
    full: f64,
    /// And at the fixed rate.
    paced: f64,
    per_second: f64,
    p50: f64,
    p99: f64,
}

impl Side<'_> {
    fn round(&self, effort: Effort) -> Result<Round, Failure> {
        let lasts = Duration::from_secs_f64(effort.seconds / 2.0);
        let (full, most) = self.spent(Load { connections: CONNECTIONS, rate: None, lasts })?;
        let paced = Load { connections: CONNECTIONS, rate: Some(effort.rate), lasts };
        let (paced, steady) = self.spent(paced)?;
        let milliseconds = |part| steady.quantile(part).as_secs_f64() * 1e3;
        let (p50, p99) = (milliseconds(0.5), milliseconds(0.99));
        Ok(Round { full, paced, per_second: most.per_second(), p50, p99 })
    }

    /// Microseconds of the server's CPU time a request.
    pub(crate) fn spent(&self, load: Load) -> Result<(f64, Answered), Failure> {
        let before = self.server.cpu()?;
        let answered = self.target.under(load)?;
        let spent = self.server.cpu()?.saturating_sub(before);
        if answered.refused > 0 || answered.count() == 0 {
            let (name, count) = (&self.server.name, answered.count());
            return Err(format!("{name} refused {} of {count} requests", answered.refused).into());
        }
        Ok((spent.as_secs_f64() * 1e6 / answered.count() as f64, answered))
    }
}

/// CPU time of a request at `ours` as a ratio to `theirs`: one row for each load. Whoever goes first takes turns.
pub(crate) fn compare(
    what: &str,
    ours: &Side<'_>,
    theirs: &Side<'_>,
    effort: Effort,
    goal: Goal,
) -> Result<Vec<Row>, Failure> {
    let mut rounds = Vec::new();
    for number in 0..effort.rounds {
        crate::progress(&format!(
            "{what} / {}: round {} of {}",
            theirs.server.name,
            number + 1,
            effort.rounds
        ));
        let first = if number % 2 == 0 { None } else { Some(theirs.round(effort)?) };
        let our = ours.round(effort)?;
        let their = match first {
            Some(first) => first,
            None => theirs.round(effort)?,
        };
        rounds.push((our, their));
    }
    let ratio = |of: fn(&Round) -> f64| {
        Spread::of(rounds.iter().map(|(ours, theirs)| of(ours) / of(theirs)).collect())
    };
    let both = |of: fn(&Round) -> f64, digits: usize| {
        let ours = Spread::of(rounds.iter().map(|(ours, _)| of(ours)).collect()).median;
        let theirs = Spread::of(rounds.iter().map(|(_, theirs)| of(theirs)).collect()).median;
        format!("{ours:.digits$} / {theirs:.digits$}")
    };
    let row = |what: String, figures, measured, goal| Row {
        what,
        against: theirs.server.name.clone(),
        figures,
        measured,
        unit: "x",
        goal,
    };
    Ok(vec![
        row(
            what.to_owned(),
            format!(
                "{} µs, {} requests/s",
                both(|round| round.full, 1),
                both(|round| round.per_second, 0)
            ),
            ratio(|round| round.full),
            goal,
        ),
        row(
            format!("{what}, at {} requests/s", effort.rate),
            format!(
                "{} µs, p50 {} ms, p99 {} ms",
                both(|round| round.paced, 1),
                both(|round| round.p50, 2),
                both(|round| round.p99, 1)
            ),
            ratio(|round| round.paced),
            Goal::None,
        ),
    ])
}
