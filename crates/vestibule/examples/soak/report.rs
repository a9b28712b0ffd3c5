//! The table: what was injected, and what held.

use std::fmt::Write as _;
use std::time::Duration;

use crate::World;
use crate::check::{Who, latencies, percentile};
use crate::honest::UNANSWERED;
use crate::record::{Fault, Promise};

/// As Markdown.
pub(crate) fn table(world: &World, ran: Duration) -> String {
    let record = &world.record;
    let episodes = record.episodes();
    let mut out = String::new();
    let share = |part: &str, whole: &str| {
        let (part, whole) = (record.counted(part), record.counted(whole).max(1));
        format!("{:.1} %", part as f64 * 100.0 / whole as f64)
    };
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    line(format!("Seed {}, {:.0} s.\n", world.seed, ran.as_secs_f64()));

    line("| injected | times |".to_owned());
    line("| --- | --- |".to_owned());
    for fault in Fault::ALL.into_iter().chain([Fault::Stalled]) {
        let times = episodes.iter().filter(|episode| episode.fault == fault).count();
        line(format!("| {} | {times} |", fault.words()));
    }
    for what in
        ["API nodes killed amid a refresh", "refreshes cut", "other answers cut", "answers delayed"]
    {
        line(format!("| … {what} | {} |", record.counted(what)));
    }

    line("\n| what has to be 0 | is | of |".to_owned());
    line("| --- | --- | --- |".to_owned());
    let broken = record.broken();
    for promise in Promise::ALL {
        let times = broken.iter().filter(|(which, _)| *which == promise).count();
        let (what, of) = promise.words();
        line(format!("| {what} | {times} | {} {of} |", record.checked(promise)));
    }

    line(
        "\n| a revoked session is still let in by | faults | p50 | p99 | longest | of |".to_owned(),
    );
    line("| --- | --- | --- | --- | --- | --- |".to_owned());
    for who in Who::ALL {
        for (faults, calm) in [("without", true), ("with", false)] {
            let values = latencies(world, who, calm);
            let at =
                |percent| percentile(&values, percent).map_or_else(|| "–".to_owned(), milliseconds);
            let (p50, p99, longest) = (at(50), at(99), at(100));
            line(format!(
                "| {} | {faults} | {p50} | {p99} | {longest} | {} |",
                who.words(),
                values.len()
            ));
        }
    }

    line("\n| how much | |".to_owned());
    line("| --- | --- |".to_owned());
    for what in [
        "honest requests",
        UNANSWERED,
        "refreshes answered by the API",
        "cookies renewed",
        "changes acknowledged",
        "registrations acknowledged",
        "sign-outs acknowledged",
        "sign-outs that the API was told of later",
        "starts in vain, tried again",
    ] {
        line(format!("| {what} | {} |", record.counted(what)));
    }
    let share = share(UNANSWERED, "honest requests");
    line(format!("| share of honest requests without an answer | {share} |"));
    out
}

fn milliseconds(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
