use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What time it is: the system's, or one that a test moves. Everything that asks for "now" is given
/// a clock, so that no test ever waits.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The system's, and how many milliseconds it is behind the clock that it follows.
    System(Arc<AtomicI64>),
    Moved(Arc<AtomicI64>),
}

impl Clock {
    /// The operating system's clock.
    pub fn system() -> Self {
        Self(Source::System(Arc::default()))
    }

    /// A clock that stands still at `start` (Unix seconds) until [`Clock::advance`] moves it. Clones move together.
    pub fn stopped_at(start: i64) -> Self {
        Self(Source::Moved(Arc::new(AtomicI64::new(start))))
    }

    /// Unix seconds.
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System(behind) => {
                (unix_milliseconds() + behind.load(Ordering::Relaxed)).div_euclid(1_000)
            }
            Source::Moved(at) => at.load(Ordering::SeqCst),
        }
    }

    /// From now on the system's clock and its clones agree with one that stands at `at` (Unix milliseconds): that
    /// of a database, which several nodes share. A clock that a test moves follows nobody.
    pub fn follow(&self, at: i64) {
        if let Source::System(behind) = &self.0 {
            let now_behind = at - unix_milliseconds();
            // Less is the time that asking took; following it would make the clock tremble.
            if now_behind.abs_diff(behind.load(Ordering::Relaxed)) > 500 {
                behind.store(now_behind, Ordering::Relaxed);
            }
        }
    }

    /// Moves a stopped clock by `seconds`, also backwards. The system's clock does not move.
    pub fn advance(&self, seconds: i64) {
        if let Source::Moved(at) = &self.0 {
            at.fetch_add(seconds, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
fn unix_milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn clones_of_a_stopped_clock_move_together() {
        let clock = Clock::stopped_at(1_000);
        let other = clock.clone();
        other.advance(-30);
        assert_eq!(clock.now(), 970);
    }

    #[test]
    fn f12_the_systems_clock_follows_another_and_a_stopped_one_does_not() {
        let (clock, stopped) = (Clock::system(), Clock::stopped_at(1_000));
        let other = clock.clone();
        let ahead = clock.now() + 7_200;
        clock.follow(ahead * 1_000 + 1);
        stopped.follow(ahead * 1_000);
        assert!((0..10).contains(&(other.now() - ahead)));
        assert_eq!(stopped.now(), 1_000);
    }

    #[test]
    fn the_system_clock_cannot_be_moved() {
        let clock = Clock::system();
        let before = clock.now();
        clock.advance(1_000_000);
        assert!(clock.now() - before < 1_000);
    }
}
