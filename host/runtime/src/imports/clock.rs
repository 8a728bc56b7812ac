//! `wasi:clocks/monotonic-clock` and `wasi:io/poll` on the call's virtual clock.
//!
//! Invariant: no thread blocks on a guest's timer.

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::sync::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::guest::Guest;
use crate::guest::clock::VirtualClock;

/// The clock and the guest's handles.
struct Time<'a> {
    clock: &'a mut VirtualClock,
    table: &'a mut ResourceTable,
}

struct HasTime;

impl HasData for HasTime {
    type Data<'a> = Time<'a>;
}

/// `wasi:clocks/monotonic-clock`.
pub(super) fn link_monotonic_clock(linker: &mut Linker<Guest>) -> Result<()> {
    monotonic_clock::add_to_linker::<Guest, HasTime>(linker, Guest::time)
}

/// `wasi:io/poll`.
pub(super) fn link_poll(linker: &mut Linker<Guest>) -> Result<()> {
    poll::add_to_linker::<Guest, HasTime>(linker, Guest::time)
}

impl Guest {
    fn time(&mut self) -> Time<'_> {
        let wasi = self.wasi();
        Time { clock: &mut wasi.clock, table: &mut wasi.table }
    }
}

/// The resource behind a timer pollable; `VirtualClock` knows when it is ready.
struct Timer;

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {}
}

impl monotonic_clock::Host for Time<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(self.clock.now_ns())
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when_ns: u64) -> Result<Resource<DynPollable>> {
        let timer = self.table.push(Timer)?;
        let pollable = subscribe(self.table, timer)?;
        self.clock.set_timer(pollable.rep(), when_ns);
        Ok(pollable)
    }

    fn subscribe_duration(&mut self, duration_ns: u64) -> Result<Resource<DynPollable>> {
        self.subscribe_instant(self.clock.now_ns().saturating_add(duration_ns))
    }
}

impl poll::Host for Time<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let moments: Vec<u64> =
            pollables.iter().map(|pollable| self.clock.ready_at(pollable.rep())).collect();
        let Some(first) = moments.iter().min() else {
            return Err(wasmtime::format_err!("poll was called with an empty list"));
        };
        self.clock.sleep_until(*first)?;
        let ready = (0..).zip(moments).filter(|(_, moment)| *moment <= self.clock.now_ns());
        Ok(ready.map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for Time<'_> {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        Ok(self.clock.ready_at(pollable.rep()) <= self.clock.now_ns())
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.clock.sleep_until(self.clock.ready_at(pollable.rep()))
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.clock.drop_timer(pollable.rep());
        poll::HostPollable::drop(self.table, pollable)
    }
}
