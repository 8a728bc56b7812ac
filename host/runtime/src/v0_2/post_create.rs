//! `post-create` of WIT 0.2.x: the new ticket in, a patch out.

use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};

use self::generated::exports::repairops::plugin::post_create as wit;
use self::generated::{PostCreatePlugin, PostCreatePluginPre};
use super::bindings::types::PluginError;
use super::convert;
use crate::answer::{Checked, check_patch};
use crate::event;
use crate::guest::Guest;
use crate::hook::{GuestHook, Returned, check_type};
use crate::size;

world_0_2!("post-create-plugin");

/// The hook of one component.
pub(super) struct PostCreate(PostCreatePluginPre<Guest>);

impl GuestHook for PostCreate {
    type Event = event::CreationEvent;
    type Instance = PostCreatePlugin;

    const INTERFACE: &'static str = "repairops:plugin/post-create@0.2.0";

    fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(wit::CreationEvent,), (std::result::Result<wit::Patch, PluginError>,)>(
            &pre,
            Self::INTERFACE,
            "enrich",
        )?;
        PostCreatePluginPre::new(pre).map(Self)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<PostCreatePlugin> {
        self.0.instantiate(store)
    }

    fn call(
        instance: &PostCreatePlugin,
        store: &mut Store<Guest>,
        event: &event::CreationEvent,
    ) -> Result<Returned<event::Patch>> {
        let returned = instance.repairops_plugin_post_create().call_enrich(store, &input(event))?;
        Ok(returned.map(answer).map_err(convert::plugin_error))
    }

    fn input_bytes(event: &event::CreationEvent) -> u64 {
        let event::CreationEvent { ticket: t, actor, customer, shop, now: _ } = event;
        (size::ticket(t) + size::people(actor, Some(customer), shop) + size::EVENT_BYTES) as u64
    }

    fn check(answer: &mut event::Patch) -> Checked {
        check_patch(answer)
    }
}

fn input(from: &event::CreationEvent) -> wit::CreationEvent {
    wit::CreationEvent {
        ticket: convert::ticket(&from.ticket),
        actor: convert::actor(&from.actor),
        customer: convert::customer(&from.customer),
        shop: convert::shop(&from.shop),
        now: from.now,
    }
}

fn answer(from: wit::Patch) -> event::Patch {
    event::Patch {
        tags: from.tags,
        severity: from.severity,
        category: from.category,
        estimated_cost: from.estimated_cost,
        recommended_parts: from.recommended_parts,
        assigned_to: from.assigned_to,
        custom_fields: from.custom_fields.into_iter().map(convert::field_of_guest).collect(),
        internal_note: from.internal_note,
    }
}
