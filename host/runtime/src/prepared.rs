//! A compiled component, its hooks found and type-checked: what a call of a plugin starts from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Result, Store};

use super::bindings::{
    Answer, Gate, PACKAGE, PostCreate, PreTransition, ReserveInventory, VERSION,
};
use super::call::Call;
use super::error::{CallError, CompileError};
use super::imports::log::{LogLine, lock};
use super::instance::{self, Guest};
use super::ticker::Ticker;
use super::{answer, failure, input};
use crate::event::{
    CreationEvent, Decision, Hook, Patch, ReservationEvent, TransitionEvent, Verdict,
};

/// A component that is ready to be called. Each call gets an instance of its own.
pub struct Prepared {
    engine: Engine,
    ticker: Arc<Ticker>,
    artifact_bytes: u64,
    hooks: Vec<Hook>,
    pre_transition: Option<PreTransition>,
    post_create: Option<PostCreate>,
    reserve_inventory: Option<ReserveInventory>,
}

/// What became of one call.
#[derive(Clone, Debug)]
pub struct CallReport<T> {
    pub result: std::result::Result<T, CallError>,
    /// Units used; after a trap it is close to the truth, not exact.
    pub fuel: u64,
    /// From the call to the answer, the instance's making included.
    pub duration: Duration,
    /// The most linear memory in use at a time.
    pub memory_bytes: u64,
    pub log: Vec<LogLine>,
    pub log_dropped_bytes: u64,
}

impl Prepared {
    /// Links the component and checks the types of all its hooks.
    pub(super) fn new(
        component: &Component,
        linker: &Linker<Guest>,
        ticker: Arc<Ticker>,
        artifact_bytes: u64,
    ) -> std::result::Result<Prepared, CompileError> {
        let unusable = |reason: String| CompileError::Unusable { reason };
        let pre =
            linker.instantiate_pre(component).map_err(|error| unusable(format!("{error:#}")))?;
        let has = |hook: Hook| {
            component.get_export_index(None, format!("{PACKAGE}/{hook}@{VERSION}")).is_some()
        };
        let wrong = |hook: Hook| {
            move |error: wasmtime::Error| {
                unusable(format!("its export {hook} does not fit: {error:#}"))
            }
        };
        let hooks: Vec<Hook> = Hook::ALL.into_iter().filter(|hook| has(*hook)).collect();
        let mut prepared = Prepared {
            engine: component.engine().clone(),
            ticker,
            artifact_bytes,
            hooks: hooks.clone(),
            pre_transition: None,
            post_create: None,
            reserve_inventory: None,
        };
        for hook in hooks {
            let pre = pre.clone();
            match hook {
                Hook::PreTransition => {
                    prepared.pre_transition = Some(PreTransition::new(pre).map_err(wrong(hook))?)
                }
                Hook::PostCreate => {
                    prepared.post_create = Some(PostCreate::new(pre).map_err(wrong(hook))?)
                }
                Hook::ReserveInventory => {
                    prepared.reserve_inventory =
                        Some(ReserveInventory::new(pre).map_err(wrong(hook))?);
                }
            }
        }
        Ok(prepared)
    }

    /// The hooks that the component exports.
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    pub(super) fn artifact_bytes(&self) -> u64 {
        self.artifact_bytes
    }

    /// Asks `pre-transition`. Runs guest code: call it on a guest thread (`Runtime::run`).
    pub fn check_transition(
        &self,
        call: &Call<'_>,
        event: &TransitionEvent,
    ) -> CallReport<Verdict> {
        self.call(call, input::transition(event), answer::check_verdict, |store| {
            let gate = exported(&self.pre_transition)?.instantiate(store)?;
            store.data_mut().asked = true;
            gate.check(store, event)
        })
    }

    /// Asks `post-create`. Runs guest code: call it on a guest thread (`Runtime::run`).
    pub fn enrich(&self, call: &Call<'_>, event: &CreationEvent) -> CallReport<Patch> {
        self.call(call, input::creation(event), answer::check_patch, |store| {
            let enricher = exported(&self.post_create)?.instantiate(store)?;
            store.data_mut().asked = true;
            enricher.enrich(store, event)
        })
    }

    /// Asks `reserve-inventory`. Runs guest code: call it on a guest thread (`Runtime::run`).
    pub fn plan_reservation(
        &self,
        call: &Call<'_>,
        event: &ReservationEvent,
    ) -> CallReport<Decision> {
        self.call(call, input::reservation(event), answer::check_decision, |store| {
            let planner = exported(&self.reserve_inventory)?.instantiate(store)?;
            store.data_mut().asked = true;
            planner.plan(store, event)
        })
    }

    fn call<T>(
        &self,
        call: &Call<'_>,
        input_bytes: u64,
        check: impl FnOnce(&T) -> std::result::Result<(), String>,
        ask: impl FnOnce(&mut Store<Guest>) -> Result<Answer<T>>,
    ) -> CallReport<T> {
        let started = Instant::now();
        let limit = call.limits.input_bytes;
        if input_bytes > u64::from(limit) {
            return CallReport::unasked(CallError::Input { limit, size: input_bytes }, started);
        }
        let _running = self.ticker.run();
        let mut store = match instance::new_store(&self.engine, call) {
            Ok(store) => store,
            Err(error) => {
                return CallReport::unasked(CallError::trap(format!("{error:#}")), started);
            }
        };
        let asked = ask(&mut store);
        let result = match asked {
            Ok(Ok(answer)) => match check(&answer) {
                Ok(()) => Ok(answer),
                Err(reason) => Err(CallError::BadOutput { reason }),
            },
            Ok(Err(error)) => Err(CallError::Guest(error)),
            Err(error) => {
                Err(failure::explain(&error, call.limits, store.data(), started.elapsed()))
            }
        };
        let fuel = call.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let memory_bytes = store.data().limits.memory_bytes();
        let (log, log_dropped_bytes) = lock(&store.data().log).take();
        drop(store);
        CallReport {
            result,
            fuel,
            duration: started.elapsed(),
            memory_bytes,
            log,
            log_dropped_bytes,
        }
    }

    /// For benches: an instance that is kept from call to call, to compare with.
    #[doc(hidden)]
    pub fn warm_pre_transition<'a>(&'a self, call: &Call<'a>) -> anyhow::Result<WarmGate<'a>> {
        let _running = self.ticker.run();
        let mut store = instance::new_store(&self.engine, call)?;
        let gate = exported(&self.pre_transition)?.instantiate(&mut store)?;
        Ok(WarmGate { prepared: self, call: call.clone(), store, gate })
    }
}

fn exported<T>(hook: &Option<T>) -> Result<&T> {
    hook.as_ref().ok_or_else(|| wasmtime::format_err!("the component does not export this hook"))
}

impl<T> CallReport<T> {
    fn unasked(error: CallError, started: Instant) -> Self {
        let (log, log_dropped_bytes) = (Vec::new(), 0);
        CallReport {
            result: Err(error),
            fuel: 0,
            duration: started.elapsed(),
            memory_bytes: 0,
            log,
            log_dropped_bytes,
        }
    }
}

/// For benches: see `Prepared::warm_pre_transition`.
#[doc(hidden)]
pub struct WarmGate<'a> {
    prepared: &'a Prepared,
    call: Call<'a>,
    store: Store<Guest>,
    gate: Gate,
}

impl WarmGate<'_> {
    pub fn call(&mut self, event: &TransitionEvent) -> anyhow::Result<Verdict> {
        let _running = self.prepared.ticker.run();
        instance::refill(&mut self.store, &self.call)?;
        Ok(self.gate.check(&mut self.store, event)??)
    }
}
