//! Time as it passes here, and as the processor spends it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

#[expect(clippy::disallowed_methods, reason = "to measure time is what this is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What this thread has had of a processor.
pub(crate) fn own_cpu() -> Duration {
    spent(ClockId::ThreadCPUTime)
}

/// What all threads of this process have had.
pub(crate) fn process_cpu() -> Duration {
    spent(ClockId::ProcessCPUTime)
}

fn spent(clock: ClockId) -> Duration {
    let spent = clock_gettime(clock);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or_default())
}
