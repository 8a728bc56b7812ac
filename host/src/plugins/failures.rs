//! Collects failures of plugins in memory, until `report_failures` writes them as `plugin.failed`, so that a failure
//! adds no write to the request.
//!
//! Invariant: each node reports an installation at most once a minute, and its memory is bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::model::ids::{InstallationId, OrgId};
use crate::model::outbox::OutboxEvent;
use crate::model::time::Time;

/// The minimum time between two reported failures of one installation.
const QUIET: TimeDelta = TimeDelta::minutes(1);

/// The maximum number of installations whose last failure is remembered, and of failures in the queue.
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
    /// Queues a failure of an installation, unless its last one was reported less than a minute ago.
    pub fn record(
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

    /// Puts back failures that could not be written, before those queued since.
    pub(super) fn put_back(&self, mut unwritten: Vec<(OrgId, OutboxEvent, Time)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.append(&mut state.waiting);
        unwritten.truncate(REMEMBERED_MAX);
        state.waiting = unwritten;
    }
}
