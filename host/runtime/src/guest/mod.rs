//! One store for one call: the state of a guest while it runs.
//!
//! Invariant: every limit is set before the guest's first instruction.

pub(crate) mod clock;
pub(crate) mod log;
pub(crate) mod record;
pub(crate) mod store_limits;
pub(crate) mod wasi;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Engine, Result, Store, StoreContextMut, UpdateDeadline};

use self::log::{Log, SharedLog};
use self::record::Record;
use self::store_limits::StoreLimits;
use self::wasi::Wasi;
use crate::call::Call;
use crate::limits::Limits;
use crate::processor::thread_time;

/// The data of a guest's store.
pub(crate) struct Guest {
    pub(crate) settings: String,
    record: Record,
    pub(crate) log: SharedLog,
    pub(crate) limits: StoreLimits,
    wasi: Option<Box<Wasi>>,
    /// The hook was called: from now on, errors outside of WebAssembly come from reading its answer.
    pub(crate) called: bool,
    pub(crate) time: CallTime,
    pub(crate) host_calls_left: u32,
    input_bytes_max: usize,
    output_bytes_max: usize,
}

impl Guest {
    /// The guest's WASI, created on first use.
    pub(crate) fn wasi(&mut self) -> &mut Wasi {
        let Guest { wasi, record, log, .. } = self;
        wasi.get_or_insert_with(|| Box::new(Wasi::new(record, log)))
    }

    pub(crate) fn log_left(&self) -> u32 {
        log::lock(&self.log).bytes_left()
    }
}

/// The two times of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTime {
    started: Instant,
    /// The thread's processor time when the call began.
    processor_before: Duration,
    processor_max: Duration,
    wall_max: Duration,
}

/// Which of its times a call has used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsedUp {
    Processor,
    /// Before its processor time: the node had other things to do.
    Wall,
}

impl CallTime {
    /// Begins now, on the thread that runs the call.
    fn begin(limits: &Limits) -> CallTime {
        CallTime {
            started: Instant::now(),
            processor_before: thread_time(),
            processor_max: Duration::from_millis(limits.deadline_ms.into()),
            wall_max: Duration::from_millis(limits.wall_ms.into()),
        }
    }

    /// The processor time so far; call it on the thread that runs the call.
    pub(crate) fn processor(&self) -> Duration {
        thread_time().saturating_sub(self.processor_before)
    }

    /// The time that is left until one of the two is used up, or which one is.
    fn left(&self) -> std::result::Result<Duration, UsedUp> {
        let processor = self.processor_max.saturating_sub(self.processor());
        let wall = self.wall_max.saturating_sub(self.started.elapsed());
        match (processor.is_zero(), wall.is_zero()) {
            (true, _) => Err(UsedUp::Processor),
            (false, true) => Err(UsedUp::Wall),
            (false, false) => Ok(processor.min(wall)),
        }
    }

    /// Milliseconds until one of the two is used up.
    pub(crate) fn left_ms(&self) -> u32 {
        self.left().map_or(0, |left| u32::try_from(left.as_millis()).unwrap_or(u32::MAX))
    }

    /// Why the call was interrupted.
    pub(crate) fn used_up(&self) -> UsedUp {
        self.left().err().unwrap_or(UsedUp::Processor)
    }
}

/// The guest made too many host calls.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many calls of the host")]
pub(crate) struct TooManyHostCalls;

/// Creates the store of one call. The epoch must be ticking, or about to.
pub(crate) fn new_store(engine: &Engine, call: &Call<'_>) -> Result<Store<Guest>> {
    let limits = call.limits;
    let guest = Guest {
        settings: call.settings.to_owned(),
        record: Record { now: call.now, seed: call.seed, sleep_max_ms: limits.wall_ms },
        log: Arc::new(Mutex::new(Log::new(limits.log_bytes))),
        limits: StoreLimits::new(limits),
        wasi: None,
        called: false,
        time: CallTime::begin(limits),
        host_calls_left: limits.host_calls,
        // A guest cannot pass more than its memory, and the copy is dropped soon.
        input_bytes_max: usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX),
        output_bytes_max: limits.output_bytes as usize,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limits);
    store.call_hook(on_crossing);
    store.epoch_deadline_callback(at_deadline);
    refill(&mut store, call)?;
    Ok(store)
}

/// Resets fuel, deadline and host calls for a new call.
pub(crate) fn refill(store: &mut Store<Guest>, call: &Call<'_>) -> Result<()> {
    store.set_fuel(call.limits.fuel)?;
    store.set_epoch_deadline(call.limits.deadline_ms.min(call.limits.wall_ms).into());
    let guest = store.data_mut();
    guest.time = CallTime::begin(call.limits);
    guest.host_calls_left = call.limits.host_calls;
    Ok(())
}

/// Ticks follow the wall clock, and may come early: the first at once, and on a busy machine late ticks from before the
/// call. The clocks of the call decide.
fn at_deadline(store: StoreContextMut<'_, Guest>) -> Result<UpdateDeadline> {
    match store.data().time.left() {
        Err(_) => Ok(UpdateDeadline::Interrupt),
        Ok(left) => {
            Ok(UpdateDeadline::Continue(left.as_micros().div_ceil(1_000).try_into().unwrap_or(1)))
        }
    }
}

/// Counts host calls and limits what is copied out of the guest: as much as its memory for an import (the log cuts
/// long lines), `output_bytes` for the answer.
fn on_crossing(mut store: StoreContextMut<'_, Guest>, crossing: CallHook) -> Result<()> {
    match crossing {
        CallHook::CallingHost => {
            let guest = store.data_mut();
            let Some(left) = guest.host_calls_left.checked_sub(1) else {
                return Err(TooManyHostCalls.into());
            };
            guest.host_calls_left = left;
            let bytes = guest.input_bytes_max;
            store.set_hostcall_fuel(bytes);
        }
        CallHook::ReturningFromWasm => {
            let bytes = store.data().output_bytes_max;
            store.set_hostcall_fuel(bytes);
        }
        CallHook::CallingWasm | CallHook::ReturningFromHost => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;
    use chrono::DateTime;
    use std::sync::atomic::{AtomicBool, Ordering};
    use wasmtime::{Instance, Module, Trap};

    /// Loops until it runs out of fuel.
    const LOOP: &str = r#"(module (func (export "run") (loop (br 0))))"#;

    fn run(
        (deadline_ms, wall_ms): (u32, u32),
        fuel: u64,
        owed_ticks: u64,
    ) -> (Option<Trap>, UsedUp, Duration) {
        let limits = Limits { deadline_ms, wall_ms, fuel: 1_000_000_000, ..Limits::default() };
        let call = Call { settings: "{}", limits: &limits, now: DateTime::UNIX_EPOCH, seed: 0 };
        let engine = engine::for_compiling().expect("an engine");
        let module = Module::new(&engine, wat::parse_str(LOOP).expect("a text")).expect("a module");
        let started = Instant::now();
        let mut store = new_store(&engine, &call).expect("a store");
        for _ in 0..owed_ticks {
            engine.increment_epoch();
        }
        store.set_fuel(fuel).expect("fuel");
        // Ticks until the call has ended, however long the machine takes for it.
        let has_ended = Arc::new(AtomicBool::new(false));
        let seen = has_ended.clone();
        let ticker = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                engine.increment_epoch();
            }
        });
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("a function");
        let error = run.call(&mut store, ()).expect_err("it never ends by itself");
        let (used_up, elapsed) = (store.data().time.used_up(), started.elapsed());
        has_ended.store(true, Ordering::Relaxed);
        ticker.join().expect("no panic");
        (error.downcast_ref::<Trap>().copied(), used_up, elapsed)
    }

    #[test]
    fn ticks_from_before_the_call_do_not_shorten_it() {
        assert_eq!(run((60_000, 60_000), 1_000, 100_000).0, Some(Trap::OutOfFuel));
        let (trap, used_up, elapsed) = run((20, 60_000), u64::MAX, 100);
        assert_eq!((trap, used_up), (Some(Trap::Interrupt), UsedUp::Processor));
        assert!(elapsed >= Duration::from_millis(20), "stopped after {elapsed:?}");
    }

    #[test]
    fn the_wall_clock_ends_a_call_whose_processor_time_is_not_used_up() {
        let (trap, used_up, _) = run((60_000, 20), u64::MAX, 0);
        assert_eq!((trap, used_up), (Some(Trap::Interrupt), UsedUp::Wall));
    }

    /// Many threads for each core: all get their processor time, although none gets it within as much wall time.
    #[test]
    fn a_busy_node_does_not_shorten_the_processor_time_of_a_call() {
        let threads = 8 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let calls: Vec<_> =
            (0..threads).map(|_| std::thread::spawn(|| run((10, 60_000), u64::MAX, 0))).collect();
        for call in calls {
            let (trap, used_up, elapsed) = call.join().expect("no panic");
            assert_eq!((trap, used_up), (Some(Trap::Interrupt), UsedUp::Processor));
            assert!(elapsed >= Duration::from_millis(10), "{elapsed:?}");
        }
    }
}
