//! The hooks as traits, and the macros that export them.

use crate::settings::PluginSettings;
use crate::{
    CreationEvent, Decision, Patch, PluginError, ReservationEvent, TransitionEvent, Verdict,
};

/// Judges a ticket before its status changes, by whichever route it would change.
///
/// Export it with [`export_pre_transition!`](crate::export_pre_transition).
pub trait PreTransition {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin that has none.
    type Settings: PluginSettings;

    /// May the ticket move from `event.from` to `event.to`? `event.ticket` is as it would be after
    /// the request, still in status `from`.
    ///
    /// The host asks for every transition, so begin with the statuses that matter and allow the
    /// rest. Give all the reasons at once ([`Verdict::from_violations`]); the client reads those of all plugins.
    ///
    /// # Errors
    ///
    /// "I could not do my job"; a refusal is no error but [`Verdict::Deny`]. After an error the ticket
    /// stays where it is, unless the installation is set to fail open.
    fn check(event: TransitionEvent, settings: Self::Settings) -> Result<Verdict, PluginError>;
}

/// Adds to a ticket after it was made.
///
/// Export it with [`export_post_create!`](crate::export_post_create).
pub trait PostCreate {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin that has none.
    type Settings: PluginSettings;

    /// What should be added to the new ticket? `event.ticket` has what plugins before this one
    /// added. May be asked more than once about one ticket, and must then answer alike.
    ///
    /// # Errors
    ///
    /// "I could not do my job". The ticket is stored whatever happens; it stays marked as pending,
    /// and the host asks again later.
    fn enrich(event: CreationEvent, settings: Self::Settings) -> Result<Patch, PluginError>;
}

/// Decides where the parts for a ticket come from.
///
/// Export it with [`export_reserve_inventory!`](crate::export_reserve_inventory).
pub trait ReserveInventory {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin that has none.
    type Settings: PluginSettings;

    /// Where shall `event.lines` come from? Only items of `event.stock` can be named. The
    /// quantities of one line add up to no more than its `missing`, those of one item to no more
    /// than its `available`; what a line does not get counts as a backorder.
    ///
    /// # Errors
    ///
    /// "I could not do my job": the next plugin is asked, or at last the host's own rule (the same
    /// item in the same shop), unless the installation is set to fail closed.
    fn plan(event: ReservationEvent, settings: Self::Settings) -> Result<Decision, PluginError>;
}

/// Exports a type that implements [`PreTransition`]: `export_pre_transition!(MyType);`, once in a crate.
///
/// Natively it only checks the type, so that unit tests build and run anywhere.
#[macro_export]
macro_rules! export_pre_transition {
    ($plugin:ty) => {
        $crate::__export_hook! {
            $plugin, PreTransition::check, pre_transition, check,
            $crate::TransitionEvent => $crate::Verdict
        }
    };
}

/// Exports a type that implements [`PostCreate`]: `export_post_create!(MyType);`, once in a crate.
///
/// Natively it only checks the type, so that unit tests build and run anywhere.
#[macro_export]
macro_rules! export_post_create {
    ($plugin:ty) => {
        $crate::__export_hook! {
            $plugin, PostCreate::enrich, post_create, enrich,
            $crate::CreationEvent => $crate::Patch
        }
    };
}

/// Exports a type that implements [`ReserveInventory`]: `export_reserve_inventory!(MyType);`, once in a crate.
///
/// Natively it only checks the type, so that unit tests build and run anywhere.
#[macro_export]
macro_rules! export_reserve_inventory {
    ($plugin:ty) => {
        $crate::__export_hook! {
            $plugin, ReserveInventory::plan, reserve_inventory, plan_reservation,
            $crate::ReservationEvent => $crate::Decision
        }
    };
}

/// An adapter from the generated trait to ours, and its export. The export is for wasm alone: a
/// native linker has no use for symbols like `repairops:plugin/…@0.1.0#check`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_hook {
    ($plugin:ty, $hook:ident::$method:ident, $bindings:ident, $function:ident, $event:ty => $answer:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            #[allow(dead_code)]
            struct Adapter;

            impl $crate::bindings::$bindings::exports::repairops::plugin::$bindings::Guest for Adapter {
                fn $function(event: $event) -> ::core::result::Result<$answer, $crate::PluginError> {
                    let settings = $crate::private::PluginSettings::load()?;
                    <$plugin as $crate::$hook>::$method(event, settings)
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::$bindings::export!(Adapter with_types_in $crate::bindings::$bindings);
            #[cfg(not(target_arch = "wasm32"))]
            const _: () = {
                let _used = <$plugin as $crate::$hook>::$method;
            };
        };
    };
}
