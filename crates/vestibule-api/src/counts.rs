//! What the API counts, for whoever collects it. Names and meaning: docs/operations.md.

use metrics::counter;

use crate::error::ApiError;
use crate::refresh::{Line, Verdict};
use crate::tokens::Place;

/// Counts how a password was judged at a login, and hands the judgement on. An outage judged nothing.
pub(crate) fn login<T>(judged: Result<T, ApiError>) -> Result<T, ApiError> {
    let outcome = match &judged {
        Ok(_) => "ok",
        Err(ApiError::BadCredentials) => "wrong",
        Err(ApiError::Throttled(_)) => "throttled",
        Err(ApiError::Busy) => "busy",
        Err(_) => return judged,
    };
    counter!("vestibule_logins_total", "outcome" => outcome).increment(1);
    judged
}

/// Counts a refresh by what came of it.
pub(crate) fn refresh(outcome: &'static str) {
    counter!("vestibule_refreshes_total", "outcome" => outcome).increment(1);
}

/// Counts a refresh token that opens nothing (R0), and is its answer.
pub(crate) fn refused() -> ApiError {
    refresh("refused");
    ApiError::BadRefreshToken
}

/// Counts a session that has begun.
pub(crate) fn begun() {
    counter!("vestibule_sessions_begun_total", "role" => "api").increment(1);
}

/// Counts so many sessions that were ended before their time.
pub(crate) fn ended(reason: &'static str, sessions: u64) {
    counter!("vestibule_sessions_ended_total", "role" => "api", "reason" => reason)
        .increment(sessions);
}

/// What a verdict is counted as, once it has taken effect: `line` is what it was reached by, `shown` the token.
pub(crate) fn outcome(verdict: &Verdict, line: &Line, shown: &Place) -> &'static str {
    match verdict {
        Verdict::Advance { fast_forward: true, .. } => "fast_forward",
        Verdict::Advance { .. } => "next",
        Verdict::Answer(token) if token.jti == shown.jti || token.jti == line.child => "again",
        Verdict::Answer(_) => "sibling",
        Verdict::Stale => "stale",
        Verdict::Copied => "copied",
    }
}

#[cfg(test)]
mod tests {
    use super::outcome;
    use crate::refresh::{Line, Times, Windows, decide};
    use crate::tokens::Place;

    #[test]
    fn each_rule_has_its_outcome() {
        let token = |jti: &str, prt: &str, generation, iat| Place {
            jti: jti.to_owned(),
            prt: prt.to_owned(),
            r#gen: generation,
            iat,
        };
        let line = Line {
            r#gen: 1,
            parent: "t1".to_owned(),
            prev: "t0".to_owned(),
            confirmed_at: 10_000,
            child: "t2".to_owned(),
            child_at: 10_000,
        };
        let childless = Line { child: String::new(), ..line.clone() };
        for (line, shown, now, counted) in [
            (&childless, token("t1", "t0", 1, 9_000), 10_000, "next"),
            (&line, token("t1", "t0", 1, 9_000), 10_010, "again"),
            (&line, token("t1", "t0", 1, 9_000), 10_011, "sibling"),
            (&line, token("t2", "t1", 2, 10_000), 10_240, "again"),
            (&line, token("t2", "t1", 2, 10_000), 10_241, "next"),
            (&line, token("t5", "t4", 5, 10_000), 11_000, "fast_forward"),
            (&line, token("t0", "", 0, 8_000), 10_120, "stale"),
            (&line, token("t0", "", 0, 8_000), 10_121, "copied"),
        ] {
            let windows = Windows::for_access_life(1800);
            let verdict =
                decide(line, &shown, "fresh".to_owned(), Times { shown: now, now }, windows);
            assert_eq!(outcome(&verdict, line, &shown), counted, "{shown:?} at {now}");
        }
    }
}
