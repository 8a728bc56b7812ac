//! `reserve-inventory` of WIT 0.1.x: shortages and stock in, a plan out. The host checks plans against stock.

use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};

use self::generated::exports::repairops::plugin::reserve_inventory as wit;
use self::generated::{ReserveInventoryPlugin, ReserveInventoryPluginPre};
use super::bindings::types::PluginError;
use super::{convert, size};
use crate::answer::{Checked, at_most};
use crate::event::{self, Decision};
use crate::guest::Guest;
use crate::hook::{GuestHook, Returned, check_type};

world!("reserve-inventory-plugin");

/// Each may become a row and an update in one transaction. An event has up to 200 lines and 500 stock items.
const ALLOCATIONS_MAX: usize = 1_000;

/// The hook of one component.
pub(super) struct ReserveInventory(ReserveInventoryPluginPre<Guest>);

impl GuestHook for ReserveInventory {
    type Event = event::ReservationEvent;
    type Instance = ReserveInventoryPlugin;

    const INTERFACE: &'static str = "repairops:plugin/reserve-inventory@0.1.0";

    fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(wit::ReservationEvent,), (std::result::Result<wit::Decision, PluginError>,)>(
            &pre,
            Self::INTERFACE,
            "plan-reservation",
        )?;
        ReserveInventoryPluginPre::new(pre).map(Self)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<ReserveInventoryPlugin> {
        self.0.instantiate(store)
    }

    fn call(
        instance: &ReserveInventoryPlugin,
        store: &mut Store<Guest>,
        event: &event::ReservationEvent,
    ) -> Result<Returned<event::Decision>> {
        let returned = instance
            .repairops_plugin_reserve_inventory()
            .call_plan_reservation(store, &input(event))?;
        Ok(returned.map(answer).map_err(convert::plugin_error))
    }

    fn input_bytes(event: &event::ReservationEvent) -> u64 {
        let event::ReservationEvent { ticket: t, status, lines, stock, shop, actor, now: _ } =
            event;
        let lines: usize = lines
            .iter()
            .map(|line| {
                let ids = line.part_id.len() + line.inventory_id.len();
                ids + line.sku.len() + line.category.len() + line.name.len() + size::ENTRY_BYTES
            })
            .sum();
        (size::ticket(t)
            + status.len()
            + lines
            + size::stock(stock)
            + size::people(actor, None, shop)
            + size::EVENT_BYTES) as u64
    }

    fn check(answer: &mut event::Decision) -> Checked {
        check_decision(answer)
    }
}

fn input(from: &event::ReservationEvent) -> wit::ReservationEvent {
    wit::ReservationEvent {
        ticket: convert::ticket(&from.ticket),
        status: from.status.clone(),
        lines: from.lines.iter().map(line).collect(),
        stock: from.stock.iter().map(convert::stock_item).collect(),
        shop: convert::shop(&from.shop),
        actor: convert::actor(&from.actor),
        now: from.now,
    }
}

fn line(from: &event::Line) -> wit::Line {
    wit::Line {
        part_id: from.part_id.clone(),
        inventory_id: from.inventory_id.clone(),
        sku: from.sku.clone(),
        category: from.category.clone(),
        name: from.name.clone(),
        missing: from.missing,
    }
}

fn answer(from: wit::Decision) -> event::Decision {
    let allocation = |wit::Allocation { part_id, source, quantity }| {
        let source = match source {
            wit::Source::Item(id) => event::Source::Item(id),
            wit::Source::Backorder => event::Source::Backorder,
        };
        event::Allocation { part_id, source, quantity }
    };
    match from {
        wit::Decision::Pass => event::Decision::Pass,
        wit::Decision::Plan(plan) => {
            event::Decision::Plan(plan.into_iter().map(allocation).collect())
        }
    }
}
fn check_decision(decision: &Decision) -> Checked {
    let Decision::Plan(plan) = decision else { return Ok(()) };
    at_most("plan", plan.len(), "allocations", ALLOCATIONS_MAX)?;
    match plan.iter().position(|allocation| allocation.quantity == 0) {
        Some(index) => Err(format!("plan[{index}].quantity is 0; it must be 1 or more")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(checked: Checked) -> String {
        checked.expect_err("the answer breaks a rule")
    }

    #[test]
    fn a_plan_moves_something() {
        use crate::event::{Allocation, Source};
        let plan = |quantity| {
            let allocation =
                Allocation { part_id: "p".into(), source: Source::Backorder, quantity };
            check_decision(&Decision::Plan(vec![allocation]))
        };
        assert_eq!(plan(1), Ok(()));
        assert_eq!(reason(plan(0)), "plan[0].quantity is 0; it must be 1 or more");
        assert_eq!(check_decision(&Decision::Pass), Ok(()));
    }

    #[test]
    fn a_plan_has_a_bound() {
        use crate::event::{Allocation, Source};
        let allocation =
            Allocation { part_id: "p".into(), source: Source::Item("i".into()), quantity: 1 };
        let plan = |count| check_decision(&Decision::Plan(vec![allocation.clone(); count]));
        assert_eq!(plan(ALLOCATIONS_MAX), Ok(()));
        assert_eq!(reason(plan(1_001)), "plan has 1001 allocations; at most 1000 are allowed");
    }
}
