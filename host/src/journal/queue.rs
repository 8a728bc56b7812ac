//! The runs that wait to be written.
//!
//! Invariant: its memory is bounded. When it is full, runs of no consequence are dropped and counted; a request with a
//! refusal or a failure waits for the next batch, for a limited time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::record::RunRecord;

/// Runs in the queue, and about how many bytes they take.
const RUNS_MAX: usize = 10_000;
const BYTES_MAX: u64 = 64 << 20;

/// So many of them only for runs that must be kept, so that a flood of others leaves room.
const RUNS_RESERVED: usize = 2_000;

/// How long a request waits for room, for example while the disk is full.
const WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    /// Tells the writer that there is something to write.
    pub(super) filled: Notify,
    room: Notify,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    runs: Vec<RunRecord>,
    bytes: u64,
}

impl State {
    fn has_room(&self, must_be_kept: bool) -> bool {
        let runs_max = if must_be_kept { RUNS_MAX } else { RUNS_MAX - RUNS_RESERVED };
        self.runs.len() < runs_max && self.bytes < BYTES_MAX
    }

    fn push(&mut self, run: RunRecord) {
        self.bytes += size(&run);
        self.runs.push(run);
    }
}

fn size(run: &RunRecord) -> u64 {
    let log: usize = run.log.iter().map(|line| line.message.len()).sum();
    run.input.bytes + (log + run.detail.len() + 1_024) as u64
}

impl Queue {
    /// Waits for room for the runs that must be kept.
    pub async fn push(&self, mut runs: Vec<RunRecord>) {
        let deadline = tokio::time::Instant::now() + WAIT_MAX;
        loop {
            let room = self.room.notified();
            runs = self.push_what_fits(runs);
            if runs.is_empty() {
                return;
            }
            if tokio::time::timeout_at(deadline, room).await.is_err() {
                tracing::error!(
                    runs = runs.len(),
                    "the journal of plugins takes no more runs; they are not recorded"
                );
                self.drop_runs(runs.len());
                return;
            }
        }
    }

    /// Never waits; what does not fit is dropped.
    pub fn push_at_once(&self, runs: Vec<RunRecord>) {
        if !runs.is_empty() {
            let left = self.push_what_fits(runs);
            self.drop_runs(left.len());
        }
    }

    /// Returns the runs that must be kept and have no room.
    fn push_what_fits(&self, runs: Vec<RunRecord>) -> Vec<RunRecord> {
        let (mut left, mut dropped) = (Vec::new(), 0);
        let mut state = self.lock();
        for run in runs {
            match run.must_be_kept() {
                must if state.has_room(must) => state.push(run),
                true => left.push(run),
                false => dropped += 1,
            }
        }
        drop(state);
        self.drop_runs(dropped);
        self.filled.notify_one();
        left
    }

    fn drop_runs(&self, runs: usize) {
        self.dropped.fetch_add(runs as u64, Ordering::Relaxed);
    }

    /// All of the queue.
    pub(super) fn take(&self) -> Vec<RunRecord> {
        let mut state = self.lock();
        state.bytes = 0;
        let runs = std::mem::take(&mut state.runs);
        drop(state);
        self.room.notify_waiters();
        runs
    }

    /// Puts back what could not be written, before what came since. What no longer has room is dropped, runs of no
    /// consequence first.
    pub(super) fn put_back(&self, mut unwritten: Vec<RunRecord>) {
        let mut state = self.lock();
        unwritten.append(&mut state.runs);
        state.bytes = 0;
        let mut dropped = 0;
        for must_be_kept in [true, false] {
            let (chosen, others) =
                unwritten.into_iter().partition(|run| run.must_be_kept() == must_be_kept);
            unwritten = others;
            let chosen: Vec<RunRecord> = chosen;
            for run in chosen {
                if state.has_room(must_be_kept) {
                    state.push(run);
                } else {
                    dropped += 1;
                }
            }
        }
        drop(state);
        self.drop_runs(dropped);
    }

    /// The number of runs that wait.
    pub fn depth(&self) -> usize {
        self.lock().runs.len()
    }

    /// The number of runs dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
