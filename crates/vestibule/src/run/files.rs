use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files that are kept back for everything but connections: the database, upstreams' look-ups, logs.
const KEPT_BACK: u64 = 128;

/// How many connections the limit of open files allows, at most `wanted` (RL-03). Each may need a second file, for its upstream.
///
/// The soft limit is raised as far as needed and allowed: it is low for programs that can't count above 1,024, which this is not.
pub(super) fn connections(wanted: usize) -> usize {
    let needed = wanted as u64 * 2 + KEPT_BACK;
    let allowed = raised_to(needed);
    let possible = share(allowed).min(wanted);
    // A little less than was asked for is nothing to complain of.
    if possible < wanted / 2 {
        tracing::warn!(
            files = allowed,
            connections = possible,
            wanted,
            "the limit of open files allows fewer connections. Raise it: ulimit -n, LimitNOFILE"
        );
    }
    possible
}

fn share(files: u64) -> usize {
    let left = files - KEPT_BACK.min(files / 2);
    usize::try_from(left / 2).unwrap_or(usize::MAX).max(1)
}

/// The limit, after it was raised to `needed` if it may be.
fn raised_to(needed: u64) -> u64 {
    let before = getrlimit(Resource::Nofile);
    let current = before.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    let raised = needed.min(before.maximum.unwrap_or(u64::MAX));
    let limit = Rlimit { current: Some(raised), maximum: before.maximum };
    if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { current }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn rl_03_connections_leave_room_for_their_upstreams_and_the_database() {
        for (files, connections) in [(0, 1), (64, 16), (256, 64), (1024, 448), (20_128, 10_000)] {
            assert_eq!(share(files), connections, "{files} files");
        }
    }
}
