//! `pre-update` of WIT 0.2.x: the ticket before and after in, a verdict out.

use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};

use self::generated::exports::repairops::plugin::pre_update as wit;
use self::generated::{PreUpdatePlugin, PreUpdatePluginPre};
use super::bindings::types::{PluginError, Verdict};
use super::convert;
use crate::answer::{Checked, check_verdict};
use crate::event;
use crate::guest::Guest;
use crate::hook::{GuestHook, Returned, check_type};
use crate::size;

world_0_2!("pre-update-plugin");

/// The hook of one component.
pub(super) struct PreUpdate(PreUpdatePluginPre<Guest>);

impl GuestHook for PreUpdate {
    type Event = event::UpdateEvent;
    type Instance = PreUpdatePlugin;

    const INTERFACE: &'static str = "repairops:plugin/pre-update@0.2.0";

    fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(wit::UpdateEvent,), (std::result::Result<Verdict, PluginError>,)>(
            &pre,
            Self::INTERFACE,
            "check",
        )?;
        PreUpdatePluginPre::new(pre).map(Self)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<PreUpdatePlugin> {
        self.0.instantiate(store)
    }

    fn call(
        instance: &PreUpdatePlugin,
        store: &mut Store<Guest>,
        event: &event::UpdateEvent,
    ) -> Result<Returned<event::Verdict>> {
        let returned = instance.repairops_plugin_pre_update().call_check(store, &input(event))?;
        Ok(returned.map(convert::verdict).map_err(convert::plugin_error))
    }

    fn input_bytes(event: &event::UpdateEvent) -> u64 {
        let event::UpdateEvent {
            before,
            after,
            changed,
            notes,
            actor,
            customer,
            shop,
            stock,
            now: _,
        } = event;
        let tickets = size::ticket(before) + size::ticket(after);
        let texts = size::list(changed) + size::optional(notes) + size::stock(stock);
        (tickets + texts + size::people(actor, Some(customer), shop) + size::EVENT_BYTES) as u64
    }

    fn check(answer: &mut event::Verdict) -> Checked {
        check_verdict(answer)
    }
}

fn input(from: &event::UpdateEvent) -> wit::UpdateEvent {
    wit::UpdateEvent {
        before: convert::ticket(&from.before),
        after: convert::ticket(&from.after),
        changed: from.changed.clone(),
        notes: from.notes.clone(),
        actor: convert::actor(&from.actor),
        customer: convert::customer(&from.customer),
        shop: convert::shop(&from.shop),
        stock: from.stock.iter().map(convert::stock_item).collect(),
        now: from.now,
    }
}
