//! How long sessions live: when they end, and how long they may lie idle. All in seconds.

use crate::settings::ApiSettings;
use crate::store::StoredSession;

/// Where the exact time of the last use decides nothing, it is written at most this often: people see
/// hours (LG-07).
const USE_SHOWN: i64 = 3600;

impl ApiSettings {
    /// Life of a session from its login on, or from its last step where sessions slide.
    pub(crate) fn session_life(&self, persistent: bool) -> i64 {
        if persistent { self.refresh_ttl } else { self.short_ttl }
    }

    /// When a session ends that takes a step now: as before, or where sessions slide, a life from now, but
    /// within the cap and never sooner than before.
    pub(crate) fn end_after_step(&self, session: &StoredSession, now: i64) -> i64 {
        let Some(cap) = self.session_cap else { return session.expires_at };
        let slid = now + self.session_life(session.persistent);
        slid.min(session.created + cap).max(session.expires_at)
    }

    /// A session last used before this is over (RF-18).
    pub(crate) fn used_since(&self, now: i64) -> i64 {
        self.idle_limit.map_or(i64::MIN, |limit| now - limit)
    }

    /// How old `last_used` may grow in a session that is used and takes no step: one whose client keeps its
    /// first cookie (RF-15). So little that no access token outlives the idle limit, nor does the limit end
    /// a session that is refreshed whenever its access token dies.
    pub(crate) fn use_is_written_after(&self) -> i64 {
        match self.idle_limit {
            Some(limit) => USE_SHOWN.min(limit / 4).min(limit - self.access_ttl),
            None => USE_SHOWN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ApiSettings;
    use crate::refresh::Line;
    use crate::store::StoredSession;

    const LOGIN: i64 = 1_000_000;
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn session(persistent: bool, expires_at: i64) -> StoredSession {
        let line = Line {
            r#gen: 0,
            parent: "t0".into(),
            prev: String::new(),
            confirmed_at: LOGIN,
            child: String::new(),
            child_at: 0,
        };
        let (username, created, last_used) = ("ada".to_owned(), LOGIN, LOGIN);
        StoredSession { username, created, last_used, expires_at, persistent, line }
    }

    #[test]
    fn a_step_moves_the_end_within_the_cap_and_never_back() {
        let settings = ApiSettings { session_cap: Some(30 * DAY), ..ApiSettings::default() };
        let week = LOGIN + 7 * DAY;
        for (persistent, expires_at, now, end) in [
            (true, week, LOGIN, week),
            (true, week, LOGIN + DAY, week + DAY),
            (true, week, LOGIN + 6 * DAY, week + 6 * DAY),
            (true, LOGIN + 29 * DAY, LOGIN + 28 * DAY, LOGIN + 30 * DAY),
            (true, week + DAY, LOGIN, week + DAY),
            (true, LOGIN + 40 * DAY, LOGIN + 35 * DAY, LOGIN + 40 * DAY),
            (false, LOGIN + 12 * HOUR, LOGIN + HOUR, LOGIN + 13 * HOUR),
        ] {
            let session = session(persistent, expires_at);
            assert_eq!(settings.end_after_step(&session, now), end, "{persistent} {now}");
        }
    }

    #[test]
    fn without_a_cap_no_step_moves_the_end() {
        let settings = ApiSettings::default();
        for end in [LOGIN + 1, LOGIN + 7 * DAY] {
            assert_eq!(settings.end_after_step(&session(true, end), LOGIN + DAY), end);
        }
    }

    #[test]
    fn rf_18_a_use_is_written_so_soon_that_no_access_token_outlives_the_idle_limit() {
        for (idle_limit, access_ttl, after) in [
            (None, 1800, 3600),
            (Some(DAY), 1800, 3600),
            (Some(4 * HOUR), 1800, 3600),
            (Some(2 * HOUR), 1800, 1800),
            (Some(1800), 1800, 0),
            (Some(2000), 1800, 200),
        ] {
            let settings = ApiSettings { idle_limit, access_ttl, ..ApiSettings::default() };
            assert_eq!(settings.use_is_written_after(), after, "{idle_limit:?}");
            let limit = idle_limit.unwrap_or(i64::MAX);
            assert!(after + access_ttl <= limit);
        }
    }
}
