//! The runs of one request until they are handed to the journal.
//!
//! Invariant: a request that is dropped hands over what it has, too.

use std::sync::Arc;

use crate::journal::Journal;
use crate::journal::record::RunRecord;
use crate::model::ids::RunId;
use crate::model::plugin::FailureView;

pub struct Recorder {
    journal: Arc<Journal>,
    runs: Vec<RunRecord>,
}

impl Recorder {
    pub fn new(journal: Arc<Journal>) -> Recorder {
        Recorder { journal, runs: Vec::new() }
    }

    pub fn add(&mut self, runs: impl IntoIterator<Item = RunRecord>) {
        self.runs.extend(runs);
    }

    /// Changes a run whose answer proved invalid after the call.
    pub fn mark_bad_output(&mut self, id: RunId, error: &FailureView) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.id == id) {
            run.outcome = "bad_output";
            run.error = Some(error.clone());
        }
    }

    /// Waits for room if a run must be kept.
    pub async fn flush(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        self.journal.queue.push(runs).await;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.journal.queue.push_at_once(std::mem::take(&mut self.runs));
    }
}
