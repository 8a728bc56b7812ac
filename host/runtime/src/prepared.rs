//! A compiled component with its hooks type-checked.
//!
//! Invariant: each call gets a fresh instance in a fresh store.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::call::Call;
use super::error::{CallError, CompileError};
use super::failure;
use super::guest::log::{LogLine, lock};
use super::guest::{self, Guest};
use super::hook::Warm;
use super::hook_table::HookTable;
use super::ticker::Ticker;
use crate::event::{Hook, HookEvent};

/// A component that is ready to call.
pub struct Prepared {
    engine: Engine,
    ticker: Arc<Ticker>,
    artifact_bytes: u64,
    hooks: HookTable,
}

/// The outcome of one call.
#[derive(Debug)]
pub struct CallReport<T> {
    pub result: std::result::Result<T, CallError>,
    /// Fuel used; approximate after a trap.
    pub fuel: u64,
    /// From the call to the answer, instantiation included.
    pub duration: Duration,
    /// Processor time from the creation of the instance to the answer.
    pub processor: Duration,
    /// The peak of linear memory.
    pub memory_bytes: u64,
    pub log: Vec<LogLine>,
    pub log_dropped_bytes: u64,
    /// The instance. Dropping it takes time, which no request has to wait for: see [`Used`].
    pub used: Used,
}

/// An instance after its call. Dropping it resets its memory, which takes time, so drop it after the result was sent.
/// Until then it holds a slot of the engine's pool, so keep at most one for each guest thread.
#[derive(Default)]
pub struct Used {
    _store: Option<Box<Store<Guest>>>,
}

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Used")
    }
}

impl Prepared {
    /// Links the component and checks the types of all its hooks.
    pub(super) fn new(
        component: &Component,
        linker: &Linker<Guest>,
        ticker: Arc<Ticker>,
        artifact_bytes: u64,
    ) -> std::result::Result<Prepared, CompileError> {
        let hooks = HookTable::new(component, linker)?;
        Ok(Prepared { engine: component.engine().clone(), ticker, artifact_bytes, hooks })
    }

    /// The hooks that the component exports, in the order of a ticket's life.
    pub fn hooks(&self) -> Vec<Hook> {
        self.hooks.hooks()
    }

    /// Estimates how many bytes the event takes in the guest; 0 if the component does not export the hook.
    pub fn input_bytes<E: HookEvent>(&self, event: &E) -> u64 {
        self.hooks.get::<E>().map_or(0, |hook| hook.input_bytes(event))
    }

    /// The size of its compiled code.
    pub fn artifact_bytes(&self) -> u64 {
        self.artifact_bytes
    }

    /// Calls the event's hook. Runs guest code: call it on a guest thread (`Runtime::run`).
    pub fn call<E: HookEvent>(&self, call: &Call<'_>, event: &E) -> CallReport<E::Answer> {
        let started = Instant::now();
        let trap = |error: wasmtime::Error| CallError::trap(format!("{error:#}"));
        let hook = match self.hooks.get::<E>() {
            Ok(hook) => hook,
            Err(error) => return CallReport::not_run(trap(error), started),
        };
        let (size, limit) = (hook.input_bytes(event), call.limits.input_bytes);
        if size > u64::from(limit) {
            return CallReport::not_run(CallError::Input { limit, size }, started);
        }
        let _running = self.ticker.run();
        let mut store = match guest::new_store(&self.engine, call) {
            Ok(store) => store,
            Err(error) => return CallReport::not_run(trap(error), started),
        };
        let result = match hook.call(&mut store, event) {
            Ok(Ok(mut answer)) => match hook.check(&mut answer) {
                Ok(()) => Ok(answer),
                Err(reason) => Err(CallError::BadOutput { reason }),
            },
            Ok(Err(error)) => Err(CallError::Guest(error.cleaned())),
            Err(error) => {
                Err(failure::explain(&error, call.limits, store.data(), started.elapsed()))
            }
        };
        let processor = store.data().time.processor();
        let fuel = call.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let memory_bytes = store.data().limits.memory_bytes();
        let (log, log_dropped_bytes) = lock(&store.data().log).take();
        CallReport {
            result,
            fuel,
            duration: started.elapsed(),
            processor,
            memory_bytes,
            log,
            log_dropped_bytes,
            used: Used { _store: Some(Box::new(store)) },
        }
    }

    /// For benches: an instance that is reused from call to call, to compare with.
    #[doc(hidden)]
    pub fn warm<'a, E: HookEvent>(&'a self, call: &Call<'a>) -> anyhow::Result<WarmGuest<'a, E>> {
        let _running = self.ticker.run();
        let mut store = guest::new_store(&self.engine, call)?;
        let hook = self.hooks.get::<E>()?.instantiate(&mut store)?;
        Ok(WarmGuest { prepared: self, call: call.clone(), store, hook })
    }
}

impl<T> CallReport<T> {
    fn not_run(error: CallError, started: Instant) -> Self {
        let (log, log_dropped_bytes) = (Vec::new(), 0);
        CallReport {
            result: Err(error),
            fuel: 0,
            duration: started.elapsed(),
            processor: Duration::ZERO,
            memory_bytes: 0,
            log,
            log_dropped_bytes,
            used: Used::default(),
        }
    }
}

/// For benches: see `Prepared::warm`.
#[doc(hidden)]
pub struct WarmGuest<'a, E: HookEvent> {
    prepared: &'a Prepared,
    call: Call<'a>,
    store: Store<Guest>,
    hook: Warm<E>,
}

impl<E: HookEvent> WarmGuest<'_, E> {
    pub fn call(&mut self, event: &E) -> anyhow::Result<E::Answer> {
        let _running = self.prepared.ticker.run();
        guest::refill(&mut self.store, &self.call)?;
        Ok((self.hook)(&mut self.store, event)??)
    }
}
