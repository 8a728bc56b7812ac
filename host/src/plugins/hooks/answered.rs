//! The outcome of one call.

use std::sync::Arc;
use std::time::Duration;

use super::failure::FailureView;
use crate::model::ids::RunId;
use crate::model::limits::Limits;
use crate::model::run::Purpose;
use crate::plugins::active::Active;
use crate::runtime::LogLine;

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
