//! Instructions of one request, piece by piece, as valgrind's callgrind counts them: the same on a busy machine as on an idle one,
//! so that a test can hold them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, command, run};

/// How often each piece is done between the first two marks; between the next two, twice as often.
const TIMES: u64 = 100;

/// How many more instructions than its limit a piece may take, in percent.
const LEEWAY: f64 = 3.0;

/// What `vestibule-bench piece` knows.
const PIECES: [&str; 8] = [
    "token-verify",
    "cookie-open",
    "cookie-seal",
    "guard",
    "headers",
    "user-me",
    "refresh",
    "proxied-get",
];

/// What to do with the counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Limits {
    /// Fail where one is exceeded.
    Hold,
    /// Print them beside the counts.
    Tell,
    /// Write the counts down as the new limits.
    Update,
}

/// Counts every piece `rounds` times with the program `bench`, prints the medians and how far apart the rounds were, and holds them
/// against the limits.
pub(crate) fn count(
    bench: &Path,
    rounds: usize,
    limits: Limits,
    top: &Path,
) -> Result<(), Failure> {
    let folder = scratch()?;
    let counted = count_in(&folder, bench, rounds, limits, top);
    let _ = fs::remove_dir_all(&folder);
    counted
}

fn count_in(
    folder: &Path,
    bench: &Path,
    rounds: usize,
    limits: Limits,
    top: &Path,
) -> Result<(), Failure> {
    run(command(bench, ["prepare".as_ref(), folder.as_os_str()], top))?;
    let file = top.join("tests/bench/instructions.txt");
    let old = fs::read_to_string(&file).unwrap_or_default();
    let (mut new, mut exceeded) = (String::new(), Vec::new());
    println!("{:<14}{:>14}{:>10}{:>12}{:>9}", "piece", "instructions", "spread", "limit", "");
    for piece in PIECES {
        let mut counts = Vec::new();
        for _ in 0..rounds {
            counts.push(one(piece, bench, folder)?);
        }
        counts.sort_by(f64::total_cmp);
        let median = counts[counts.len() / 2];
        let spread = (counts[counts.len() - 1] - counts[0]) / median * 100.0;
        let limit = limit(&old, piece);
        let more = limit.map(|limit| (median / limit - 1.0) * 100.0);
        println!(
            "{piece:<14}{median:>14.0}{spread:>8.2} %{:>12}{:>9}",
            limit.map_or("none".to_owned(), |limit| format!("{limit:.0}")),
            more.map_or(String::new(), |more| format!("{more:+.1} %"))
        );
        if more.is_none_or(|more| more > LEEWAY) {
            exceeded.push(piece);
        }
        new += &format!("{piece} {median:.0}\n");
    }
    match limits {
        Limits::Update => {
            let comments = old.lines().filter(|line| line.starts_with('#'));
            let comments: String = comments.map(|line| format!("{line}\n")).collect();
            write(&file, &(comments + &new))
        }
        Limits::Tell => Ok(()),
        Limits::Hold if exceeded.is_empty() => Ok(()),
        Limits::Hold => Err(Failure(format!(
            "more than {LEEWAY} % above the limit in {}: {}. If that is what the change is worth: cargo xtask bench --only instructions --update",
            file.display(),
            exceeded.join(", ")
        ))),
    }
}

/// Instructions of doing `piece` once.
fn one(piece: &str, bench: &Path, folder: &Path) -> Result<f64, Failure> {
    let out = folder.join("callgrind");
    let mut counting = command(
        "valgrind",
        ["--quiet", "--tool=callgrind", "--dump-before=vestibule_bench::pieces::mark*"],
        folder,
    );
    counting.arg(format!("--callgrind-out-file={}", out.display()));
    counting.arg(bench).args(["piece", piece, &TIMES.to_string()]).arg(folder);
    run(counting)?;
    // Of each part what was counted since the mark before: 1 is start and warm-up.
    let [once, twice] = [2, 3].map(|part| total(&folder.join(format!("callgrind.{part}"))));
    Ok((twice? - once?) / TIMES as f64)
}

/// The line `totals: NUMBER` of a file of callgrind's.
fn total(file: &Path) -> Result<f64, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure(format!("valgrind left no {}: {error}", file.display())))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| Failure(format!("{} has no total", file.display())))
}

/// What `text`, lines of a name and a number, says of `piece`.
fn limit(text: &str, piece: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let (name, number) = line.split_once(' ')?;
        if name == piece { number.parse().ok() } else { None }
    })
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text)
        .map_err(|error| Failure(format!("{} can't be written: {error}", file.display())))
}

fn scratch() -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("vestibule-counts-{}", std::process::id()));
    let made = fs::create_dir_all(&folder);
    made.map_err(|error| Failure(format!("{} can't be made: {error}", folder.display())))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::{PIECES, limit};

    #[test]
    fn every_piece_has_a_limit() {
        let limits = include_str!("../../../tests/bench/instructions.txt");
        for piece in PIECES {
            assert!(limit(limits, piece).is_some_and(|limit| limit > 1_000.0), "{piece}");
        }
        assert_eq!(limit("# guard 1\nguardian 2\nguard 3\n", "guard"), Some(3.0));
        assert_eq!(limit("", "guard"), None);
    }
}
