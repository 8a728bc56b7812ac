//! Times its own work with every clock, to find out about the machine and its load. The clocks are virtual: the wall
//! clock stays at the event's `now`, the monotonic clock at its start.

use repairops_plugin::prelude::*;
use std::hint::black_box;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

struct ClockReader;

impl PreTransition for ClockReader {
    type Settings = NoSettings;

    fn check(event: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let (wall, monotonic) = (SystemTime::now(), Instant::now());
        work();
        let wall_ns = wall.elapsed().map(|elapsed| elapsed.as_nanos());
        let monotonic_ns = monotonic.elapsed().as_nanos();
        let now_ms = wall.duration_since(UNIX_EPOCH).map(|since| since.as_millis());
        let is_now = now_ms.ok() == u128::try_from(event.now).ok();
        Ok(Verdict::Deny(vec![
            Violation::new("WALL_CLOCK", format!("{wall_ns:?} ns; the event's now: {is_now}")),
            Violation::new("MONOTONIC_CLOCK", format!("{monotonic_ns} ns")),
        ]))
    }
}

/// A millisecond or so, which any clock that moves would show.
fn work() {
    for round in 0..1_000_000 {
        black_box(round);
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(ClockReader);
