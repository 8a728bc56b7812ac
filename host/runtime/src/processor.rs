//! The processor time of the calling thread.
//!
//! Invariant: it never goes back, and does not grow while the thread waits or another one has its core.

use std::time::Duration;

/// Other systems have no such clock; the wall clock is used instead, which is stricter.
#[cfg(not(unix))]
pub(crate) fn thread_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(unix)]
pub(crate) fn thread_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_no_processor_time_and_computing_does() {
        let before = thread_time();
        std::thread::sleep(Duration::from_millis(50));
        let waited = thread_time() - before;
        assert!(waited < Duration::from_millis(50), "{waited:?}");
        while thread_time() - before < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
    }
}
