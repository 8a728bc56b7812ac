//! One store for one call: what belongs to the guest while it runs, and every limit set before its first instruction.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use wasmtime::{CallHook, Engine, Result, Store, StoreContextMut};

use super::Call;
use super::imports::log::{Log, SharedLog};
use super::imports::wasi::Wasi;
use super::limits::StoreLimits;

/// What a store holds for its guest.
pub(super) struct Guest {
    pub(super) settings: String,
    pub(super) record: Record,
    pub(super) log: SharedLog,
    pub(super) limits: StoreLimits,
    /// Made when the guest first uses it.
    pub(super) wasi: Option<Box<Wasi>>,
    /// The instance stands and was asked: what fails outside of WebAssembly from now on is its answer.
    pub(super) asked: bool,
    host_calls_left: u32,
    input_bytes_max: usize,
    output_bytes_max: usize,
}

/// What a guest can learn of its surroundings; the same record gives the same answer.
pub(super) struct Record {
    pub(super) now: DateTime<Utc>,
    pub(super) seed: u64,
    pub(super) deadline_ms: u32,
}

/// The guest called the host too often.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many calls of the host")]
pub(super) struct TooManyHostCalls;

/// Makes the store of one call. The epoch must be ticking, or about to.
pub(super) fn new_store(engine: &Engine, call: &Call<'_>) -> Result<Store<Guest>> {
    let limits = call.limits;
    let guest = Guest {
        settings: call.settings.to_owned(),
        record: Record { now: call.now, seed: call.seed, deadline_ms: limits.deadline_ms },
        log: Arc::new(Mutex::new(Log::new(limits.log_bytes))),
        limits: StoreLimits::new(limits),
        wasi: None,
        asked: false,
        host_calls_left: limits.host_calls,
        // A guest cannot hand over more than it has, and what it hands over is dropped soon.
        input_bytes_max: usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX),
        output_bytes_max: limits.output_bytes as usize,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limits);
    store.call_hook(on_crossing);
    refill(&mut store, call)?;
    Ok(store)
}

/// Fuel, time and calls of the host as they are at the beginning of a call.
pub(super) fn refill(store: &mut Store<Guest>, call: &Call<'_>) -> Result<()> {
    store.set_fuel(call.limits.fuel)?;
    // One more, as the first tick may come at once.
    store.set_epoch_deadline(u64::from(call.limits.deadline_ms) + 1);
    store.data_mut().host_calls_left = call.limits.host_calls;
    Ok(())
}

/// Counts calls of the host, and caps what is copied out of the guest: into an import as much as the guest has
/// memory (a long line is for the log to cut), into the answer as much as the limit says.
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
