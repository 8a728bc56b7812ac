//! Remembers recent compile failures, so that requests do not retry them at once.
//!
//! Invariant: a fault of the node is retried with backoff, never given up.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::CompileError;

const REMEMBERED_MAX: usize = 4096;

/// How long a component's own fault is remembered. It expires, because a retry may reach a less busy node.
const FAULT_PAUSE: Duration = Duration::from_secs(600);

/// The backoff after the first fault of the node; it doubles with each further one.
const NODE_PAUSE: Duration = Duration::from_secs(5);
const NODE_PAUSE_MAX: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<String, Failure>>);

struct Failure {
    error: CompileError,
    attempts: u32,
    until: Instant,
}

impl Failures {
    /// The recent failure, while retries are still suppressed.
    pub(super) fn recent(&self, digest: &str) -> Option<CompileError> {
        let failures = self.lock();
        let failure = failures.get(digest)?;
        (Instant::now() < failure.until).then(|| failure.error.clone())
    }

    /// How often this component failed in a row because of the node.
    pub(crate) fn attempts(&self, digest: &str) -> u32 {
        let failures = self.lock();
        let failure = failures.get(digest).filter(|failure| !failure.error.is_components_fault());
        failure.map_or(0, |failure| failure.attempts)
    }

    /// How many components failed because of the node and are still wanted: one that nobody retries is forgotten.
    pub(crate) fn node_faults(&self) -> usize {
        let now = Instant::now();
        let is_wanted = |failure: &&Failure| {
            !failure.error.is_components_fault() && now < failure.until + NODE_PAUSE_MAX
        };
        self.lock().values().filter(is_wanted).count()
    }

    /// Lets the next request retry at once what failed because of the node.
    pub(crate) fn forget_node_faults(&self) {
        self.lock().retain(|_, failure| failure.error.is_components_fault());
    }

    /// Records the outcome of an attempt. A full queue is not an attempt.
    pub(super) fn record(&self, digest: &str, error: Option<&CompileError>) {
        let mut failures = self.lock();
        let Some(error) = error else {
            failures.remove(digest);
            return;
        };
        if matches!(error, CompileError::Busy { .. }) {
            return;
        }
        let attempts = failures.get(digest).map_or(0, |failure| failure.attempts).saturating_add(1);
        let until = Instant::now() + pause(error, attempts);
        if failures.len() >= REMEMBERED_MAX {
            // Evicts all: flooding the list only buys retries at the compiler's pace.
            failures.clear();
        }
        failures.insert(digest.to_owned(), Failure { error: error.clone(), attempts, until });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pause(error: &CompileError, attempts: u32) -> Duration {
    if error.is_components_fault() {
        return FAULT_PAUSE;
    }
    let doublings = attempts.saturating_sub(1).min(16);
    NODE_PAUSE.saturating_mul(1 << doublings).min(NODE_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> CompileError {
        CompileError::Host { reason: "of a test".into() }
    }

    #[test]
    fn the_nodes_failures_are_retried_ever_more_rarely() {
        let seconds = |attempts| pause(&host(), attempts).as_secs();
        assert_eq!([1, 2, 3, 7, 8, 99].map(seconds), [5, 10, 20, 320, 600, 600]);
        assert_eq!(pause(&CompileError::Cpu { limit_s: 1 }, 1), FAULT_PAUSE);
    }

    #[test]
    fn faults_of_the_node_are_counted_and_can_be_forgotten() {
        let failures = Failures::default();
        failures.record("a", Some(&host()));
        failures.record("a", Some(&host()));
        failures.record("b", Some(&CompileError::TimedOut { limit_s: 1 }));
        let own = CompileError::Cpu { limit_s: 1 };
        failures.record("c", Some(&own));
        assert_eq!(failures.node_faults(), 2);
        assert_eq!(["a", "b", "c", "d"].map(|digest| failures.attempts(digest)), [2, 1, 0, 0]);
        failures.forget_node_faults();
        assert_eq!(failures.node_faults(), 0);
        assert_eq!((failures.recent("a"), failures.recent("c")), (None, Some(own)));
    }

    #[test]
    fn a_full_queue_is_no_failure_and_success_forgets() {
        let failures = Failures::default();
        failures.record("a", Some(&CompileError::Busy { waiting_max: 1 }));
        assert_eq!(failures.recent("a"), None);
        failures.record("a", Some(&host()));
        assert_eq!(failures.recent("a"), Some(host()));
        assert_eq!(failures.recent("b"), None);
        failures.record("a", None);
        assert_eq!(failures.recent("a"), None);
    }
}
