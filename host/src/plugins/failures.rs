//! Collects failures of plugins in memory, until `report_failures` writes them as `plugin.failed`, so that they cost the
//! request nothing.
//!
//! Invariant: each node reports an installation at most once a minute, and its memory is bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::model::ids::{InstallationId, OrgId};
use crate::model::outbox::OutboxEvent;
use crate::model::time::Time;

/// The shortest time between two reported failures of one installation.
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
    waiting: Vec<(OrgId, OutboxEvent, Time)>,
}

impl Failures {
    /// Notes a failure of an installation, unless its last one was less than a minute ago.
    pub fn note(
        &self,
        org: OrgId,
        id: InstallationId,
        now: Time,
        event: impl FnOnce() -> OutboxEvent,
    ) {
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
        state.waiting.push((org, event(), now));
    }

    pub(super) fn take(&self) -> Vec<(OrgId, OutboxEvent, Time)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.waiting)
    }

    /// Puts back what could not be written, before what was noted since.
    pub(super) fn keep(&self, mut unwritten: Vec<(OrgId, OutboxEvent, Time)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.append(&mut state.waiting);
        unwritten.truncate(REMEMBERED_MAX);
        state.waiting = unwritten;
    }
}
