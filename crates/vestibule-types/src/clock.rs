use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What time it is: the system's, or one that a test moves. Everything that asks for "now" is given
/// a clock, so that no test ever waits.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Moved(Arc<AtomicI64>),
}

impl Clock {
    /// The operating system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` (Unix seconds) until [`Clock::advance`] moves it. Clones move together.
    pub fn stopped_at(start: i64) -> Self {
        Self(Source::Moved(Arc::new(AtomicI64::new(start))))
    }

    /// Unix seconds.
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => unix_seconds(),
            Source::Moved(at) => at.load(Ordering::SeqCst),
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
fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
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
    fn the_system_clock_cannot_be_moved() {
        let clock = Clock::system();
        let before = clock.now();
        clock.advance(1_000_000);
        assert!(clock.now() - before < 1_000);
    }
}
