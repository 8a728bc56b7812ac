//! `pre-transition` of WIT 0.2.x: the ticket with its new status in, a verdict out.

use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};

use self::generated::exports::repairops::plugin::pre_transition as wit;
use self::generated::{PreTransitionPlugin, PreTransitionPluginPre};
use super::bindings::types::{PluginError, Verdict};
use super::convert;
use crate::answer::{Checked, check_verdict};
use crate::event;
use crate::guest::Guest;
use crate::hook::{GuestHook, Returned, check_type};
use crate::size;

world_0_2!("pre-transition-plugin");

/// The hook of one component.
pub(super) struct PreTransition(PreTransitionPluginPre<Guest>);

impl GuestHook for PreTransition {
    type Event = event::TransitionEvent;
    type Instance = PreTransitionPlugin;

    const INTERFACE: &'static str = "repairops:plugin/pre-transition@0.2.0";

    fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(wit::TransitionEvent,), (std::result::Result<Verdict, PluginError>,)>(
            &pre,
            Self::INTERFACE,
            "check",
        )?;
        PreTransitionPluginPre::new(pre).map(Self)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<PreTransitionPlugin> {
        self.0.instantiate(store)
    }

    fn call(
        instance: &PreTransitionPlugin,
        store: &mut Store<Guest>,
        event: &event::TransitionEvent,
    ) -> Result<Returned<event::Verdict>> {
        let returned =
            instance.repairops_plugin_pre_transition().call_check(store, &input(event))?;
        Ok(returned.map(convert::verdict).map_err(convert::plugin_error))
    }

    fn input_bytes(event: &event::TransitionEvent) -> u64 {
        let event::TransitionEvent {
            ticket: t,
            from,
            to,
            notes,
            actor,
            customer,
            shop,
            stock,
            now: _,
        } = event;
        let texts =
            size::ticket(t) + from.len() + to.len() + size::optional(notes) + size::stock(stock);
        (texts + size::people(actor, Some(customer), shop) + size::EVENT_BYTES) as u64
    }

    fn check(answer: &mut event::Verdict) -> Checked {
        check_verdict(answer)
    }
}

fn input(from: &event::TransitionEvent) -> wit::TransitionEvent {
    wit::TransitionEvent {
        ticket: convert::ticket(&from.ticket),
        from: from.from.clone(),
        to: from.to.clone(),
        notes: from.notes.clone(),
        actor: convert::actor(&from.actor),
        customer: convert::customer(&from.customer),
        shop: convert::shop(&from.shop),
        stock: from.stock.iter().map(convert::stock_item).collect(),
        now: from.now,
    }
}
