//! The clocks of one call. The wall clock is fixed at the call's `now`. The monotonic clock advances only when the
//! guest sleeps, and then jumps.
//!
//! Invariant: no thread blocks while a guest sleeps, and a guest that sleeps longer than its wall-clock time is stopped
//! as if the time were real.

use std::collections::BTreeMap;
use std::time::Duration;

use wasmtime::Result;
use wasmtime_wasi::HostWallClock;

/// A wall clock fixed at one moment.
pub(crate) struct FixedClock(pub(crate) Duration);

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// Where the monotonic clock starts: a day after boot, because programs subtract from it.
const START_NS: u64 = 86_400 * 1_000_000_000;

/// The monotonic clock of one call and its pending timers.
pub(crate) struct VirtualClock {
    now_ns: u64,
    limit_ns: u64,
    /// When each timer pollable becomes ready, by its handle. All other pollables are ready at once.
    timers: BTreeMap<u32, u64>,
}

/// The guest slept longer than it may.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the plugin tried to sleep for {asked_ms} ms in total")]
pub(crate) struct SleptTooLong {
    pub(crate) asked_ms: u64,
}

impl VirtualClock {
    pub(crate) fn new(limit: Duration) -> Self {
        let limit_ns = limit.as_nanos().try_into().unwrap_or(u64::MAX);
        VirtualClock { now_ns: START_NS, limit_ns, timers: BTreeMap::new() }
    }

    /// Advances to `moment_ns`, never back.
    pub(crate) fn sleep_until(&mut self, moment_ns: u64) -> Result<()> {
        let slept_ns = moment_ns.saturating_sub(START_NS);
        if slept_ns > self.limit_ns {
            return Err(SleptTooLong { asked_ms: slept_ns.div_ceil(1_000_000) }.into());
        }
        self.now_ns = self.now_ns.max(moment_ns);
        Ok(())
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// When the pollable of this handle becomes ready.
    pub(crate) fn ready_at(&self, handle: u32) -> u64 {
        self.timers.get(&handle).copied().unwrap_or(0)
    }

    pub(crate) fn set_timer(&mut self, handle: u32, when_ns: u64) {
        self.timers.insert(handle, when_ns);
    }

    pub(crate) fn drop_timer(&mut self, handle: u32) {
        self.timers.remove(&handle);
    }
}
