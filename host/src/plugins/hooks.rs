//! Runs the plugins of one hook for one event, in the owner's order, in one hop to a guest thread, and
//! sorts what came of it: a decision, the plugin's own error, or a plugin that broke.
//!
//! Invariant: no database connection is held while guest code runs.

mod failure;
mod run;

use std::sync::Arc;

use chrono::DateTime;
use serde::Serialize;

use crate::app::App;
use crate::model::event::{
    CreationEvent, Decision, Hook, Patch, ReservationEvent, Source, TransitionEvent, Verdict,
    Violation,
};
use crate::model::ids::{InstallationId, ItemId, OrgId, PartId, ShopId};
use crate::model::plugin::OnFailure;
use crate::model::stock::{Allocation, Item, Plan, Shortage};
use crate::model::time::Time;
use crate::plugins::active::Active;
use crate::runtime::{CallError, CallReport};
use run::{Answered, Chain};

pub use failure::{FailureView, Subject};
pub use run::Budget;

/// What a plugin did, for the client: one entry of `plugins`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Ran {
    pub plugin: String,
    pub version: String,
    pub installation_id: InstallationId,
    pub hook: Hook,
    /// A decision (`allowed`, `warned`, `denied`, `enriched`, `unchanged`, `planned`, `passed`), `error`
    /// (the plugin's own), or how it broke (`trap`, `fuel`, `deadline`, `memory`, `bad_output` …).
    pub outcome: &'static str,
    /// Units of fuel.
    pub fuel: u64,
    pub duration_us: u64,
    pub violations: Vec<Violation>,
    /// The fields that it set.
    pub set: Vec<String>,
    pub error: Option<FailureView>,
}

/// A reason against a transition, with the plugin that gave it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PluginViolation {
    pub plugin: String,
    #[serde(flatten)]
    pub violation: Violation,
}

/// Something that did not stop the request, but that someone should know.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Warning {
    pub plugin: String,
    pub hook: Hook,
    pub code: String,
    pub message: String,
    pub field: Option<String>,
}

/// A plugin that could not answer where that stops the request.
#[derive(Clone, Debug)]
pub struct Failed {
    pub plugin: String,
    pub hook: Hook,
    pub outcome: &'static str,
    pub error: FailureView,
}

/// The code of the warning that a plugin could not answer and was passed over.
const FAILED_OPEN: &str = "PLUGIN_FAILED_OPEN";

/// What plugins that ran leave behind, whatever the hook.
#[derive(Debug, Default)]
pub struct Trace {
    pub ran: Vec<Ran>,
    pub warnings: Vec<Warning>,
    /// The first that failed closed.
    pub failed: Option<Failed>,
}

impl Trace {
    /// For the timeline: who was passed over, and why.
    pub fn failed_open(&self) -> impl Iterator<Item = (&str, String)> {
        self.warnings.iter().filter(|warning| warning.code == FAILED_OPEN).map(|warning| {
            let note = format!("went on without it: {}", warning.message);
            (warning.plugin.as_str(), note)
        })
    }

    /// Adds what one plugin did; a failure becomes a warning or, where it is closed, stops the request.
    fn add<T>(&mut self, hook: Hook, answered: &Answered<T>, outcome: &'static str) -> &mut Ran {
        let active = &answered.active;
        let (outcome, error) = match &answered.result {
            Ok(_) => (outcome, None),
            Err(failure) => (failure.outcome, Some(failure.view.clone())),
        };
        if let Some(error) = &error {
            match active.setup(hook).map(|setup| setup.on_failure) {
                Some(OnFailure::Open) => self.warnings.push(Warning {
                    plugin: active.plugin.clone(),
                    hook,
                    code: FAILED_OPEN.to_owned(),
                    message: error.message.clone(),
                    field: None,
                }),
                Some(OnFailure::Closed) | None => {
                    self.failed.get_or_insert_with(|| Failed {
                        plugin: active.plugin.clone(),
                        hook,
                        outcome,
                        error: error.clone(),
                    });
                }
            }
        }
        self.ran.push(Ran {
            plugin: active.plugin.clone(),
            version: active.version.clone(),
            installation_id: active.installation_id,
            hook,
            outcome,
            fuel: answered.fuel,
            duration_us: u64::try_from(answered.duration.as_micros()).unwrap_or(u64::MAX),
            violations: Vec::new(),
            set: Vec::new(),
            error,
        });
        let last = self.ran.len() - 1;
        &mut self.ran[last]
    }
}

/// What the plugins say of a transition.
#[derive(Debug, Default)]
pub struct Judgement {
    pub trace: Trace,
    /// Of all plugins; empty when none denied.
    pub violations: Vec<PluginViolation>,
}

/// Asks every plugin, so that the client reads all violations at once.
pub async fn pre_transition(
    app: &App,
    org: OrgId,
    revision: i64,
    shop: ShopId,
    event: TransitionEvent,
    budget: &mut Budget,
) -> Result<Judgement, sqlx::Error> {
    let actives = app.active.for_hook(&app.db, org, revision, Hook::PreTransition, shop).await?;
    let answers = Chain::new(app, org, Hook::PreTransition, actives, Subject::of(&event.ticket))
        .run(budget, moment(event.now), event, |prepared, call, event, _| {
            prepared.check_transition(call, event)
        })
        .await;
    let mut judgement = Judgement::default();
    for answered in answers {
        let outcome = match &answered.result {
            Ok(Verdict::AllowWithWarnings(_)) => "warned",
            Ok(Verdict::Deny(_)) => "denied",
            _ => "allowed",
        };
        let ran = judgement.trace.add(Hook::PreTransition, &answered, outcome);
        match answered.result {
            Ok(Verdict::Deny(violations)) => {
                ran.violations.clone_from(&violations);
                let plugin = &answered.active.plugin;
                judgement.violations.extend(
                    violations
                        .into_iter()
                        .map(|violation| PluginViolation { plugin: plugin.clone(), violation }),
                );
            }
            Ok(Verdict::AllowWithWarnings(warnings)) => {
                ran.violations.clone_from(&warnings);
                let plugin = &answered.active.plugin;
                judgement.trace.warnings.extend(warnings.into_iter().map(|warning| Warning {
                    plugin: plugin.clone(),
                    hook: Hook::PreTransition,
                    code: warning.code,
                    message: warning.message,
                    field: warning.field,
                }));
            }
            Ok(Verdict::Allow) | Err(_) => {}
        }
    }
    Ok(judgement)
}

/// What the plugins want to set on a new ticket.
#[derive(Debug, Default)]
pub struct Enrichment {
    pub trace: Trace,
    pub patches: Vec<(Arc<Active>, Patch)>,
    pub failures: Vec<(Arc<Active>, String)>,
}

/// Asks the given installations in order; each sees the patches before its own.
pub async fn post_create(
    app: &App,
    org: OrgId,
    actives: Vec<Arc<Active>>,
    event: CreationEvent,
    budget: &mut Budget,
) -> Enrichment {
    let answers = Chain::new(app, org, Hook::PostCreate, actives, Subject::of(&event.ticket))
        .run(budget, moment(event.now), event, |prepared, call, event, _| {
            let report = prepared.enrich(call, event);
            if let Ok(patch) = &report.result {
                event.ticket.apply(patch);
            }
            report
        })
        .await;
    let mut enrichment = Enrichment::default();
    for answered in answers {
        let set = answered.result.as_ref().map(Patch::fields).unwrap_or_default();
        let outcome = if set.is_empty() { "unchanged" } else { "enriched" };
        enrichment.trace.add(Hook::PostCreate, &answered, outcome).set = set;
        match answered.result {
            Ok(patch) => enrichment.patches.push((answered.active, patch)),
            Err(failure) => enrichment.failures.push((answered.active, failure.view.message)),
        }
    }
    enrichment
}

/// Where the plugins want stock to come from.
#[derive(Debug, Default)]
pub struct Proposal {
    pub trace: Trace,
    /// None: all passed; the built-in plan decides.
    pub plan: Option<Plan>,
}

/// Asks in order until one returns a plan that the stock allows.
pub async fn reserve_inventory(
    app: &App,
    org: OrgId,
    actives: Vec<Arc<Active>>,
    event: ReservationEvent,
    (shortages, stock): (&[Shortage], &[Item]),
    budget: &mut Budget,
) -> Proposal {
    let needs = (shortages.to_vec(), stock.to_vec());
    let answers = Chain::new(app, org, Hook::ReserveInventory, actives, Subject::of(&event.ticket))
        .run(budget, moment(event.now), event, move |prepared, call, event, stop| {
            let report = prepared.plan_reservation(call, event);
            let result = report.result.and_then(|decision| {
                checked_plan(decision, &needs.0, &needs.1)
                    .map_err(|reason| CallError::BadOutput { reason })
            });
            *stop = matches!(result, Ok(Some(_)));
            CallReport {
                result,
                fuel: report.fuel,
                duration: report.duration,
                memory_bytes: report.memory_bytes,
                log: report.log,
                log_dropped_bytes: report.log_dropped_bytes,
            }
        })
        .await;
    let mut proposal = Proposal::default();
    for answered in answers {
        let outcome = if matches!(answered.result, Ok(Some(_))) { "planned" } else { "passed" };
        proposal.trace.add(Hook::ReserveInventory, &answered, outcome);
        if let Ok(Some(mut plan)) = answered.result {
            plan.plugin = Some(answered.active.plugin.clone());
            proposal.plan = Some(plan);
        }
    }
    proposal
}

/// The decision as a plan, if the shortages and the stock allow it. Backorders need no row: they are what
/// a line does not get.
fn checked_plan(
    decision: Decision,
    shortages: &[Shortage],
    stock: &[Item],
) -> Result<Option<Plan>, String> {
    let Decision::Plan(allocations) = decision else { return Ok(None) };
    let mut plan = Plan::default();
    for allocation in allocations {
        let Source::Item(item) = allocation.source else { continue };
        let part_id = allocation
            .part_id
            .parse()
            .map(PartId)
            .map_err(|_| not_an_id("part-id", &allocation.part_id))?;
        let item_id = item.parse().map(ItemId).map_err(|_| not_an_id("item", &item))?;
        plan.allocations.push(Allocation {
            part_id,
            item_id,
            quantity: allocation.quantity.into(),
        });
    }
    plan.check(shortages, stock)?;
    Ok(Some(plan))
}

fn not_an_id(field: &str, text: &str) -> String {
    let text: String = text.chars().take(64).collect();
    format!("the plan's {field} {text:?} is no id")
}

/// The event's `now` as the guest's clocks show it: the same moment to the millisecond.
fn moment(now_ms: i64) -> Time {
    DateTime::from_timestamp_millis(now_ms).unwrap_or_default().into()
}
