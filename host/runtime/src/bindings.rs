//! The generated bindings of `wit/0.1.0`, the only place that names their types: events are converted into them and
//! answers out of them (`convert`). Another version of the WIT gets another such file, and the rest of the host stays as it is.

mod convert;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentNamedList, HasSelf, InstancePre, Lift, Linker, Lower};
use wasmtime::error::Context as _;
use wasmtime::{Result, Store};

use self::convert::{
    creation_event, decision, patch, plugin_error, reservation_event, transition_event, verdict,
};
use self::post_create::exports::repairops::plugin::post_create as enricher;
use self::pre_transition::exports::repairops::plugin::pre_transition as gate;
use self::pre_transition::repairops::plugin::{log, settings, types};
use self::reserve_inventory::exports::repairops::plugin::reserve_inventory as planner;
use super::imports::log::{Level, lock};
use super::instance::Guest;
use crate::event;

/// The package whose interfaces these are.
pub(super) const PACKAGE: &str = "repairops:plugin";

/// Its version, of which all 0.1.x can be loaded.
pub(super) const VERSION: &str = "0.1.0";

/// What a plugin may import from `PACKAGE` and what that allows it; `types` allows nothing.
pub(super) const IMPORTS: [&str; 3] = ["types", "log", "settings"];

/// Makes one world's bindings; the types that worlds share are those of the first.
macro_rules! world {
    ($module:ident, $world:literal $(, $interface:literal => $path:path)*) => {
        // Generated: unchecked function handles after a check, and the macro's own style.
        #[allow(unsafe_code, unused_qualifications, elided_lifetimes_in_paths, clippy::all)]
        mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit/0.1.0",
                world: $world,
                with: { $($interface: $path),* },
            });
        }
    };
}

world!(pre_transition, "pre-transition-plugin");
world!(post_create, "post-create-plugin",
    "repairops:plugin/types@0.1.0" => super::pre_transition::repairops::plugin::types,
    "repairops:plugin/log@0.1.0" => super::pre_transition::repairops::plugin::log,
    "repairops:plugin/settings@0.1.0" => super::pre_transition::repairops::plugin::settings);
world!(reserve_inventory, "reserve-inventory-plugin",
    "repairops:plugin/types@0.1.0" => super::pre_transition::repairops::plugin::types,
    "repairops:plugin/log@0.1.0" => super::pre_transition::repairops::plugin::log,
    "repairops:plugin/settings@0.1.0" => super::pre_transition::repairops::plugin::settings);

/// Adds the imports of `PACKAGE`.
pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    settings::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl types::Host for Guest {}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        lock(&self.log).line(level, &message);
    }
}

impl settings::Host for Guest {
    fn get(&mut self) -> String {
        self.settings.clone()
    }
}

/// The type of what a hook's function returns.
type Answers<T> = (Result<T, types::PluginError>,);

/// Has the function the type that the WIT gives it? The generated bindings look for its name only, and would find
/// out at the first call.
fn check_type<P, R>(pre: &InstancePre<Guest>, hook: &str, function: &str) -> Result<()>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let component = pre.component();
    let name = format!("{PACKAGE}/{hook}@{VERSION}");
    let interface = component.get_export_index(None, &name);
    let found = interface.and_then(|index| component.get_export(Some(&index), function));
    match found {
        Some((ComponentItem::ComponentFunc(found), _)) => {
            let ty = component.component_type();
            found
                .typecheck::<P, R>(&ty.instance_type())
                .with_context(|| format!("{function} has another type than in the WIT of {name}"))
        }
        _ => Err(wasmtime::format_err!("it has no function {function}")),
    }
}

/// What the plugin itself answered.
pub(super) type Answer<T> = Result<T, event::PluginError>;

/// The hook `pre-transition` of one component, found and type-checked.
pub(super) struct PreTransition(pre_transition::PreTransitionPluginPre<Guest>);

impl PreTransition {
    pub(super) fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(gate::TransitionEvent,), Answers<gate::Verdict>>(
            &pre,
            "pre-transition",
            "check",
        )?;
        pre_transition::PreTransitionPluginPre::new(pre).map(Self)
    }

    pub(super) fn instantiate(&self, store: &mut Store<Guest>) -> Result<Gate> {
        self.0.instantiate(&mut *store).map(Gate)
    }
}

/// An instance that judges transitions.
pub(super) struct Gate(pre_transition::PreTransitionPlugin);

impl Gate {
    pub(super) fn check(
        &self,
        store: &mut Store<Guest>,
        event: &event::TransitionEvent,
    ) -> Result<Answer<event::Verdict>> {
        let event = transition_event(event);
        let answer = self.0.repairops_plugin_pre_transition().call_check(store, &event)?;
        Ok(answer.map(verdict).map_err(plugin_error))
    }
}

/// The hook `post-create` of one component, found and type-checked.
pub(super) struct PostCreate(post_create::PostCreatePluginPre<Guest>);

impl PostCreate {
    pub(super) fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(enricher::CreationEvent,), Answers<enricher::Patch>>(
            &pre,
            "post-create",
            "enrich",
        )?;
        post_create::PostCreatePluginPre::new(pre).map(Self)
    }

    pub(super) fn instantiate(&self, store: &mut Store<Guest>) -> Result<Enricher> {
        self.0.instantiate(&mut *store).map(Enricher)
    }
}

/// An instance that enriches tickets.
pub(super) struct Enricher(post_create::PostCreatePlugin);

impl Enricher {
    pub(super) fn enrich(
        &self,
        store: &mut Store<Guest>,
        event: &event::CreationEvent,
    ) -> Result<Answer<event::Patch>> {
        let event = creation_event(event);
        let answer = self.0.repairops_plugin_post_create().call_enrich(store, &event)?;
        Ok(answer.map(patch).map_err(plugin_error))
    }
}

/// The hook `reserve-inventory` of one component, found and type-checked.
pub(super) struct ReserveInventory(reserve_inventory::ReserveInventoryPluginPre<Guest>);

impl ReserveInventory {
    pub(super) fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(planner::ReservationEvent,), Answers<planner::Decision>>(
            &pre,
            "reserve-inventory",
            "plan-reservation",
        )?;
        reserve_inventory::ReserveInventoryPluginPre::new(pre).map(Self)
    }

    pub(super) fn instantiate(&self, store: &mut Store<Guest>) -> Result<Planner> {
        self.0.instantiate(&mut *store).map(Planner)
    }
}

/// An instance that plans reservations.
pub(super) struct Planner(reserve_inventory::ReserveInventoryPlugin);

impl Planner {
    pub(super) fn plan(
        &self,
        store: &mut Store<Guest>,
        event: &event::ReservationEvent,
    ) -> Result<Answer<event::Decision>> {
        let event = reservation_event(event);
        let answer =
            self.0.repairops_plugin_reserve_inventory().call_plan_reservation(store, &event)?;
        Ok(answer.map(decision).map_err(plugin_error))
    }
}
