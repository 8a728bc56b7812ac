//! `pre-create` of WIT 0.2.x: a ticket that does not exist yet in, a verdict out.

use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};

use self::generated::exports::repairops::plugin::pre_create as wit;
use self::generated::{PreCreatePlugin, PreCreatePluginPre};
use super::bindings::types::{PluginError, Verdict};
use super::convert;
use crate::answer::{Checked, check_verdict};
use crate::event;
use crate::guest::Guest;
use crate::hook::{GuestHook, Returned, check_type};
use crate::size;

world_0_2!("pre-create-plugin");

/// The hook of one component.
pub(super) struct PreCreate(PreCreatePluginPre<Guest>);

impl GuestHook for PreCreate {
    type Event = event::DraftEvent;
    type Instance = PreCreatePlugin;

    const INTERFACE: &'static str = "repairops:plugin/pre-create@0.2.0";

    fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(wit::DraftEvent,), (std::result::Result<Verdict, PluginError>,)>(
            &pre,
            Self::INTERFACE,
            "check",
        )?;
        PreCreatePluginPre::new(pre).map(Self)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<PreCreatePlugin> {
        self.0.instantiate(store)
    }

    fn call(
        instance: &PreCreatePlugin,
        store: &mut Store<Guest>,
        event: &event::DraftEvent,
    ) -> Result<Returned<event::Verdict>> {
        let returned = instance.repairops_plugin_pre_create().call_check(store, &input(event))?;
        Ok(returned.map(convert::verdict).map_err(convert::plugin_error))
    }

    fn input_bytes(event: &event::DraftEvent) -> u64 {
        let event::DraftEvent { draft, customer, actor, shop, now: _ } = event;
        let draft = draft.status.len()
            + size::device(&draft.device)
            + size::issue(&draft.issue)
            + size::list(&draft.tags)
            + size::fields(&draft.custom_fields);
        let customer = customer.name.len()
            + [&customer.known, &customer.email, &customer.phone]
                .map(size::optional)
                .iter()
                .sum::<usize>();
        (draft + customer + size::people(actor, None, shop) + size::EVENT_BYTES) as u64
    }

    fn check(answer: &mut event::Verdict) -> Checked {
        check_verdict(answer)
    }
}

fn input(from: &event::DraftEvent) -> wit::DraftEvent {
    let event::DraftEvent { draft, customer, actor, shop, now } = from;
    wit::DraftEvent {
        draft: wit::Draft {
            status: draft.status.clone(),
            device: convert::device(&draft.device),
            issue: convert::issue(&draft.issue),
            tags: draft.tags.clone(),
            custom_fields: draft.custom_fields.iter().map(convert::custom_field).collect(),
        },
        customer: wit::DraftCustomer {
            known: customer.known.clone(),
            name: customer.name.clone(),
            email: customer.email.clone(),
            phone: customer.phone.clone(),
        },
        actor: convert::actor(actor),
        shop: convert::shop(shop),
        now: *now,
    }
}
