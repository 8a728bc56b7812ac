//! Time as a guest sees it. The wall clock stands still at the call's `now`. The monotonic clock moves
//! only when the guest sleeps: nobody waits, the clock jumps. Who sleeps for longer than a call may take is
//! ended, as it would be if the time were real.

use std::collections::BTreeMap;
use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::HostWallClock;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::sync::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::instance::Guest;

/// A wall clock that shows one moment.
pub(super) struct FixedClock(pub(super) Duration);

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// Where the monotonic clock starts: a day after "boot", since programs subtract from it.
const START_NS: u64 = 86_400 * 1_000_000_000;

/// The monotonic clock of one call, and what waits for it.
pub(super) struct VirtualClock {
    now_ns: u64,
    limit_ns: u64,
    /// When each pollable of a timer becomes ready, by its handle. All other pollables are ready at once.
    timers: BTreeMap<u32, u64>,
}

/// The guest slept for longer than its call may take.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the plugin wanted to sleep for {asked_ms} ms in all")]
pub(crate) struct SleptTooLong {
    pub(crate) asked_ms: u64,
}

impl VirtualClock {
    pub(super) fn new(limit: Duration) -> Self {
        let limit_ns = limit.as_nanos().try_into().unwrap_or(u64::MAX);
        VirtualClock { now_ns: START_NS, limit_ns, timers: BTreeMap::new() }
    }

    /// Moves on to `moment_ns`, never back.
    fn sleep_until(&mut self, moment_ns: u64) -> Result<()> {
        let slept_ns = moment_ns.saturating_sub(START_NS);
        if slept_ns > self.limit_ns {
            return Err(SleptTooLong { asked_ms: slept_ns.div_ceil(1_000_000) }.into());
        }
        self.now_ns = self.now_ns.max(moment_ns);
        Ok(())
    }

    fn ready_at(&self, pollable: &Resource<DynPollable>) -> u64 {
        self.timers.get(&pollable.rep()).copied().unwrap_or(0)
    }
}

/// The clock and the guest's handles.
pub(super) struct Time<'a> {
    pub(super) clock: &'a mut VirtualClock,
    pub(super) table: &'a mut ResourceTable,
}

struct HasTime;

impl HasData for HasTime {
    type Data<'a> = Time<'a>;
}

/// Adds `wasi:clocks/monotonic-clock` and `wasi:io/poll`.
pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    monotonic_clock::add_to_linker::<Guest, HasTime>(linker, Guest::time)?;
    poll::add_to_linker::<Guest, HasTime>(linker, Guest::time)
}

/// What a pollable of a timer subscribes to; when it is ready is in `VirtualClock::timers`.
struct Timer;

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {}
}

impl monotonic_clock::Host for Time<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(self.clock.now_ns)
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when_ns: u64) -> Result<Resource<DynPollable>> {
        let timer = self.table.push(Timer)?;
        let pollable = subscribe(self.table, timer)?;
        self.clock.timers.insert(pollable.rep(), when_ns);
        Ok(pollable)
    }

    fn subscribe_duration(&mut self, duration_ns: u64) -> Result<Resource<DynPollable>> {
        self.subscribe_instant(self.clock.now_ns.saturating_add(duration_ns))
    }
}

impl poll::Host for Time<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let moments: Vec<u64> =
            pollables.iter().map(|pollable| self.clock.ready_at(pollable)).collect();
        let Some(first) = moments.iter().min() else {
            return Err(wasmtime::format_err!("poll was called with an empty list"));
        };
        self.clock.sleep_until(*first)?;
        let ready = (0..).zip(moments).filter(|(_, moment)| *moment <= self.clock.now_ns);
        Ok(ready.map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for Time<'_> {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        Ok(self.clock.ready_at(&pollable) <= self.clock.now_ns)
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.clock.sleep_until(self.clock.ready_at(&pollable))
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.clock.timers.remove(&pollable.rep());
        poll::HostPollable::drop(self.table, pollable)
    }
}
