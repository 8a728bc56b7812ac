//! One call of one plugin with any event, for somebody who wants to see what it does.
//!
//! Invariant: it runs with the limits of a live call, and nothing of it is recorded or applied.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::answered::Outcome;
use super::budget::Budget;
use super::chain::Chain;
use super::failure::FailureView;
use crate::app::App;
use crate::model::event::{Decision, HookEvent};
use crate::model::ids::OrgId;
use crate::model::limits::Limits;
use crate::model::run::Purpose;
use crate::plugins::active::Active;
use crate::runtime::LogLine;

/// What the call came to.
pub struct Tried {
    pub outcome: &'static str,
    /// `null` if the plugin returned nothing.
    pub decision: Value,
    pub error: Option<FailureView>,
    pub detail: String,
    pub is_nodes_fault: bool,
    pub fuel: u64,
    pub processor: Duration,
    pub wall: Duration,
    pub memory_bytes: u64,
    pub limits: Option<Limits>,
    pub log: Vec<LogLine>,
    pub log_dropped_bytes: u64,
}

struct Answer {
    outcome: &'static str,
    decision: Value,
}

impl Outcome for Answer {
    fn outcome(&self) -> &'static str {
        self.outcome
    }
}

impl Outcome for Decision {
    fn outcome(&self) -> &'static str {
        match self {
            Decision::Pass => "passed",
            Decision::Plan(_) => "planned",
        }
    }
}

pub async fn try_out<E>(app: &App, org: OrgId, active: Arc<Active>, event: E) -> Option<Tried>
where
    E: HookEvent,
    E::Answer: Outcome + Serialize,
{
    let mut budget = Budget::for_purpose(app, Purpose::Preview);
    let answers = Chain::new(app, org, vec![active], budget.purpose)
        .run(&mut budget, event, |answer, _, _| {
            let decision = serde_json::to_value(&answer).unwrap_or_default();
            Ok(Answer { outcome: answer.outcome(), decision })
        })
        .await;
    let answered = answers.into_iter().next()?;
    let outcome = answered.outcome();
    let (decision, failure) = match answered.result {
        Ok(answer) => (answer.decision, None),
        Err(failure) => (Value::Null, Some(failure)),
    };
    Some(Tried {
        outcome,
        decision,
        is_nodes_fault: failure.as_ref().is_some_and(|failure| failure.is_nodes_fault),
        detail: failure.as_ref().map(|failure| failure.detail.clone()).unwrap_or_default(),
        error: failure.map(|failure| failure.view),
        fuel: answered.fuel,
        processor: answered.processor,
        wall: answered.duration,
        memory_bytes: answered.memory_bytes,
        limits: answered.limits,
        log: answered.log,
        log_dropped_bytes: answered.log_dropped_bytes,
    })
}
