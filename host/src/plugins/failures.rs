//! Failures of plugins that are to be reported as `plugin.failed`: noted in memory, so that they cost the request nothing, at
//! most once a minute for each installation on each node. `report_failures` writes them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use serde_json::Value;

use crate::model::ids::{InstallationId, OrgId};
use crate::model::time::Time;

/// Of one installation a failure is reported so often.
const QUIET: TimeDelta = TimeDelta::minutes(1);

/// Installations whose last failure is remembered, and failures that wait to be written.
const REMEMBERED_MAX: usize = 10_000;

#[derive(Default)]
pub struct Failures {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: HashMap<InstallationId, Time>,
    waiting: Vec<(OrgId, Value, Time)>,
}

impl Failures {
    /// Notes a failure of an installation, unless its last one was a moment ago. `data` is the event's.
    pub fn note(&self, org: OrgId, id: InstallationId, now: Time, data: impl FnOnce() -> Value) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.get(&id).is_some_and(|last| now - *last < QUIET) {
            return;
        }
        if state.last.len() >= REMEMBERED_MAX {
            state.last.retain(|_, last| now - *last < QUIET);
        }
        if state.last.len() >= REMEMBERED_MAX || state.waiting.len() >= REMEMBERED_MAX {
            return;
        }
        state.last.insert(id, now);
        state.waiting.push((org, data(), now));
    }

    pub(super) fn take(&self) -> Vec<(OrgId, Value, Time)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.waiting)
    }

    /// For the next time, before what was noted since.
    pub(super) fn keep(&self, mut unwritten: Vec<(OrgId, Value, Time)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.append(&mut state.waiting);
        unwritten.truncate(REMEMBERED_MAX);
        state.waiting = unwritten;
    }
}
