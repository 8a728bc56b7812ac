//! Turns calls into records of the journal.
//!
//! Invariant: calls of a chain share an input until a plugin changes the event.

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answered::{Answered, Outcome};
use super::call_log::About;
use crate::journal::record::{InputRecord, RunRecord};
use crate::model::event::{Hook, HookEvent};
use crate::model::ids::{InputId, OrgId, RunId};
use crate::model::run::RunMode;
use crate::model::time::Time;

/// The seed of a run's random numbers follows from its id.
pub(super) fn seed(run: RunId) -> u64 {
    let digest = Sha256::digest(run.0.as_bytes());
    let (first, _) = digest.split_at(8);
    first.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// The inputs of a chain: a new one begins when a plugin has changed the event.
pub(super) struct Inputs<E> {
    org: OrgId,
    last: Option<(Arc<E>, Arc<InputRecord>)>,
}

impl<E: HookEvent> Inputs<E> {
    pub(super) fn new(org: OrgId) -> Inputs<E> {
        Inputs { org, last: None }
    }

    pub(super) fn of(
        &mut self,
        id: InputId,
        at: Time,
        event: Arc<E>,
        bytes: u64,
    ) -> Arc<InputRecord> {
        if let Some((last, input)) = &self.last
            && Arc::ptr_eq(last, &event)
        {
            return input.clone();
        }
        let input = Arc::new(InputRecord::of(id, (self.org, at), event.clone(), bytes));
        self.last = Some((event, input.clone()));
        input
    }
}

/// What the journal keeps of a call.
pub(super) fn record<T: Outcome>(
    answered: &Answered<T>,
    hook: Hook,
    mode: RunMode,
    decision: Option<Value>,
    input: Arc<InputRecord>,
    (about, at): (&About, Time),
) -> RunRecord {
    let active = &answered.active;
    let failure = answered.result.as_ref().err();
    RunRecord {
        id: answered.run,
        input,
        installation_id: active.installation_id,
        plugin: active.plugin.clone(),
        plugin_version: active.version.clone(),
        digest: active.digest.clone(),
        mode,
        outcome: answered.outcome(),
        on_failure: active.setup(hook).map(|setup| setup.on_failure),
        fuel: answered.fuel,
        processor: answered.processor,
        wall: answered.duration,
        memory_bytes: answered.memory_bytes,
        limits: answered.limits,
        decision,
        error: failure.map(|failure| failure.view.clone()),
        detail: failure.map(|failure| failure.detail.clone()).unwrap_or_default(),
        log: answered.log.clone(),
        log_dropped_bytes: answered.log_dropped_bytes,
        seed: seed(answered.run),
        request_id: about.request_id.clone(),
        at,
    }
}
