//! A run of a plugin and its input, as they are handed to the journal.
//!
//! Invariant: making one costs a request no serialization; the writer does that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::model::event::{Hook, HookEvent};
use crate::model::ids::{InputId, InstallationId, OrgId, RunId};
use crate::model::limits::Limits;
use crate::model::plugin::{FailureView, OnFailure};
use crate::model::run::RunMode;
use crate::model::time::Time;
use crate::runtime::LogLine;

/// What one or more runs were asked.
pub struct InputRecord {
    pub id: InputId,
    pub org: OrgId,
    pub hook: Hook,
    pub shop_id: Option<Uuid>,
    pub ticket_id: Option<Uuid>,
    pub customer_id: Option<Uuid>,
    pub at: Time,
    pub event: Arc<dyn Input>,
    /// About as many as it takes in memory.
    pub bytes: u64,
}

impl InputRecord {
    pub fn of<E: HookEvent>(
        id: InputId,
        (org, at): (OrgId, Time),
        event: Arc<E>,
        bytes: u64,
    ) -> InputRecord {
        let parse = |text: &str| text.parse().ok();
        InputRecord {
            id,
            org,
            hook: E::HOOK,
            shop_id: event.shop_id().and_then(parse),
            ticket_id: event.ticket().and_then(|ticket| parse(&ticket.id)),
            customer_id: event.customer_id().and_then(parse),
            at,
            event,
            bytes,
        }
    }
}

/// An event of any hook.
pub trait Input: Send + Sync {
    fn json(&self) -> serde_json::Result<Value>;
}

impl<E: HookEvent> Input for E {
    fn json(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

pub struct RunRecord {
    pub id: RunId,
    pub input: Arc<InputRecord>,
    pub installation_id: InstallationId,
    pub plugin: String,
    pub plugin_version: String,
    pub digest: String,
    pub mode: RunMode,
    pub outcome: &'static str,
    pub on_failure: Option<OnFailure>,
    pub fuel: u64,
    pub processor: Duration,
    pub wall: Duration,
    pub memory_bytes: u64,
    /// `None` if the call was not made.
    pub limits: Option<Limits>,
    /// What the plugin returned.
    pub decision: Option<Value>,
    pub error: Option<FailureView>,
    /// The backtrace and the text of a panic.
    pub detail: String,
    pub log: Vec<LogLine>,
    pub log_dropped_bytes: u64,
    pub seed: u64,
    pub request_id: String,
    pub at: Time,
}

impl RunRecord {
    pub fn is_failure(&self) -> bool {
        self.error.is_some()
    }

    /// Refusals and failures are never dropped for load; a monitored call that was left out for load is neither.
    pub fn must_be_kept(&self) -> bool {
        let is_left_out = self.mode == RunMode::Monitor && self.outcome == "busy";
        (self.is_failure() && !is_left_out) || self.outcome == "denied"
    }
}
