//! `reserve-inventory` of WIT 0.2.x: shortages and stock in, a plan out. The host checks plans against stock.

use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};

use self::generated::exports::repairops::plugin::reserve_inventory as wit;
use self::generated::{ReserveInventoryPlugin, ReserveInventoryPluginPre};
use super::bindings::types::PluginError;
use super::convert;
use crate::answer::{Checked, check_decision};
use crate::event;
use crate::guest::Guest;
use crate::hook::{GuestHook, Returned, check_type};
use crate::size;

world_0_2!("reserve-inventory-plugin");

/// The hook of one component.
pub(super) struct ReserveInventory(ReserveInventoryPluginPre<Guest>);

impl GuestHook for ReserveInventory {
    type Event = event::ReservationEvent;
    type Instance = ReserveInventoryPlugin;

    const INTERFACE: &'static str = "repairops:plugin/reserve-inventory@0.2.0";

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
