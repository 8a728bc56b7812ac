//! What the plugin calls of one request share: their purpose, the plugin time left, and the runs to record.
//!
//! Invariant: the time grows with the largest input among the calls; runs are recorded even if the request is dropped.

use std::time::Duration;

use crate::app::App;
use crate::journal::recorder::Recorder;
use crate::model::ids::RunId;
use crate::model::limits::{Limits, scale_quarters};
use crate::model::run::Purpose;

use super::failure::FailureView;

/// What the plugin calls of one request share: what they are for, the time left to them, and the runs to record.
pub struct Budget {
    pub purpose: Purpose,
    pub(super) time: TimeLeft,
    pub(super) recorder: Recorder,
    /// Calls of monitored plugins that begin when the request is decided.
    monitored: Vec<Monitored>,
}

pub(super) type Monitored = Box<dyn FnOnce() + Send>;

/// The plugin time left to a request: processor time, and time by the wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLeft {
    processor: Part,
    wall: Part,
    /// By how many quarters it has grown, see `scale_quarters`.
    quarters: u64,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    left: Duration,
    /// As configured.
    base_ms: u32,
    total_ms: u32,
}

impl Part {
    fn new(total_ms: u32) -> Part {
        Part { left: Duration::from_millis(total_ms.into()), base_ms: total_ms, total_ms }
    }

    fn grow_to(&mut self, quarters: u64) {
        let total = u64::from(self.base_ms).saturating_mul(quarters) / 4;
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        self.left += Duration::from_millis(total.saturating_sub(self.total_ms).into());
        self.total_ms = total;
    }

    fn left_ms(&self) -> u32 {
        u32::try_from(self.left.as_millis()).unwrap_or(u32::MAX)
    }

    fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}

impl Budget {
    /// For a request whose decisions count.
    pub fn new(app: &App) -> Budget {
        Budget::for_purpose(app, Purpose::Enforce)
    }

    pub fn for_purpose(app: &App, purpose: Purpose) -> Budget {
        Budget {
            purpose,
            time: TimeLeft::new(app),
            recorder: Recorder::new(app.journal.clone()),
            monitored: Vec::new(),
        }
    }

    /// Changes the recorded run of a call whose answer proved invalid when the database was asked.
    pub(super) fn mark_bad_output(&mut self, run: RunId, error: &FailureView) {
        self.recorder.mark_bad_output(run, error);
    }

    /// Calls `start` when the request is decided, if its decisions count.
    pub(super) fn monitor(&mut self, start: Monitored) {
        if self.purpose == Purpose::Enforce {
            self.monitored.push(start);
        }
    }

    /// The request is tried again: what it was about may be another thing now.
    pub fn forget_monitored(&mut self) {
        self.monitored.clear();
    }

    /// Hands the runs to the journal, and asks the monitored plugins. Waits if the journal is full and a refusal or a
    /// failure is among the runs.
    pub async fn finish(&mut self) {
        self.recorder.flush().await;
        for start in self.monitored.drain(..) {
            start();
        }
    }
}

impl TimeLeft {
    fn new(app: &App) -> TimeLeft {
        TimeLeft {
            processor: Part::new(app.config.request_budget_ms),
            wall: Part::new(app.config.request_wall_ms),
            quarters: scale_quarters(0),
        }
    }

    /// Grows for an input of that size, if it is the largest so far.
    pub(super) fn grow(&mut self, input_bytes: u64) {
        let quarters = scale_quarters(input_bytes);
        if quarters > self.quarters {
            self.quarters = quarters;
            self.processor.grow_to(quarters);
            self.wall.grow_to(quarters);
        }
    }

    /// Lowers the limits of a call to what is left. `None` if nothing is.
    pub(super) fn lower(&self, limits: &Limits) -> Option<Limits> {
        let lowered = Limits {
            deadline_ms: limits.deadline_ms.min(self.processor.left_ms()),
            wall_ms: limits.wall_ms.min(self.wall.left_ms()),
            ..*limits
        };
        (lowered.deadline_ms > 0 && lowered.wall_ms > 0).then_some(lowered)
    }

    /// The failure of a call that ended for want of what the calls before it used.
    pub(super) fn used_up(&self) -> String {
        format!(
            "the plugins of this request used up its {} ms of processor time or its {} ms in all",
            self.processor.total_ms, self.wall.total_ms
        )
    }

    pub(super) fn spend(&mut self, processor: Duration, wall: Duration) {
        self.processor.spend(processor);
        self.wall.spend(wall);
    }
}
