//! Runs `reserve-inventory`: the plugins run in order until one returns a plan that the stock allows.

use std::sync::Arc;

use super::answered::Outcome;
use super::budget::Budget;
use super::chain::Chain;
use super::monitor::monitor;
use super::trace::Trace;
use crate::app::App;
use crate::model::event::{Decision, Hook, ReservationEvent, Source};
use crate::model::ids::{ItemId, OrgId, PartId};
use crate::model::stock::{Allocation, Item, Plan, Shortage};
use crate::plugins::active::HookPlugins;
use crate::runtime::CallError;

/// The outcome: a plan, or none.
#[derive(Debug, Default)]
pub struct Proposal {
    pub trace: Trace,
    /// `None` if no plugin returned a plan; the built-in plan then decides.
    pub plan: Option<Plan>,
}

impl Outcome for Option<Plan> {
    fn outcome(&self) -> &'static str {
        if self.is_some() { "planned" } else { "passed" }
    }
}

pub async fn reserve_inventory(
    app: &App,
    org: OrgId,
    plugins: HookPlugins,
    event: ReservationEvent,
    (shortages, stock): (&[Shortage], &[Item]),
    budget: &mut Budget,
) -> Proposal {
    let needs = Arc::new((shortages.to_vec(), stock.to_vec()));
    let check = move |decision| {
        checked_plan(decision, &needs.0, &needs.1).map_err(|reason| CallError::BadOutput { reason })
    };
    monitor(app, org, plugins.monitored, &event, budget, check.clone());
    let answers = Chain::new(app, org, plugins.enforced, budget.purpose)
        .run(budget, event, move |decision, _, stop| {
            let plan = check(decision)?;
            *stop = plan.is_some();
            Ok(plan)
        })
        .await;
    let mut proposal = Proposal::default();
    for answered in answers {
        proposal.trace.add(Hook::ReserveInventory, &answered);
        if let Ok(Some(mut plan)) = answered.result {
            plan.plugin = Some(answered.active.plugin.clone());
            proposal.plan = Some(plan);
        }
    }
    proposal
}

/// Converts the decision into a plan, if the shortages and the stock allow it. Backorders need no row: they are the
/// part of a line that is not held.
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
    format!("the plan's {field} {text:?} is not a valid id")
}
