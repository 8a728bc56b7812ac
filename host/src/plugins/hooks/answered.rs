//! The outcome of one call.

use std::sync::Arc;
use std::time::Duration;

use super::failure::FailureView;
use crate::model::ids::RunId;
use crate::model::limits::Limits;
use crate::model::run::Purpose;
use crate::plugins::active::Active;
use crate::runtime::{CallError, LogLine};

pub struct Answered<T> {
    pub run: RunId,
    pub purpose: Purpose,
    pub active: Arc<Active>,
    pub result: Result<T, Failure>,
    pub fuel: u64,
    pub duration: Duration,
    pub processor: Duration,
    pub memory_bytes: u64,
    /// What the call could use; `None` if it was not made.
    pub limits: Option<Limits>,
    pub log: Vec<LogLine>,
    pub log_dropped_bytes: u64,
}

/// What an answer means, in one word.
pub trait Outcome {
    fn outcome(&self) -> &'static str;
}

pub struct Failure {
    pub outcome: &'static str,
    pub view: FailureView,
    /// The node did not give the call what it may use, so that a retry may succeed; the plugin is not to blame.
    pub is_nodes_fault: bool,
    /// The backtrace and the text of a panic, for the journal.
    pub detail: String,
}

impl<T: Outcome> Answered<T> {
    pub fn outcome(&self) -> &'static str {
        match &self.result {
            Ok(answer) => answer.outcome(),
            Err(failure) => failure.outcome,
        }
    }
}

/// The node did not do its part.
pub(super) fn nodes_fault(outcome: &'static str, message: String) -> Failure {
    let view = FailureView { message, limit: None, used: None };
    Failure { outcome, view, is_nodes_fault: true, detail: String::new() }
}

/// Why a call returned no answer.
pub(super) fn failure(error: &CallError, fuel: u64) -> Failure {
    let (limit, used) = figures(error, fuel);
    let view = FailureView { message: error.to_string(), limit, used };
    let (is_nodes_fault, detail) = (error.is_nodes_fault(), error.detail().to_owned());
    Failure { outcome: error.kind(), view, is_nodes_fault, detail }
}

/// The limit that was exceeded, and the amount that was reached.
fn figures(error: &CallError, fuel: u64) -> (Option<u64>, Option<u64>) {
    match error {
        CallError::Fuel { limit, .. } => (Some(*limit), Some(fuel)),
        CallError::Deadline { limit_ms, used_ms, .. } => (Some((*limit_ms).into()), Some(*used_ms)),
        CallError::Wall { limit_ms, elapsed_ms, .. } => {
            (Some((*limit_ms).into()), Some(*elapsed_ms))
        }
        CallError::Sleep { limit_ms, asked_ms, .. } => (Some((*limit_ms).into()), Some(*asked_ms)),
        CallError::Memory { limit, asked, .. } | CallError::Table { limit, asked, .. } => {
            (Some(*limit), Some(*asked))
        }
        CallError::Input { limit, size } => (Some((*limit).into()), Some(*size)),
        CallError::Output { limit } | CallError::HostCalls { limit, .. } => {
            (Some((*limit).into()), None)
        }
        CallError::Trap { .. } | CallError::BadOutput { .. } | CallError::Guest(_) => (None, None),
    }
}
