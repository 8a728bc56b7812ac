//! The hooks as traits, and the macros that export them.

use crate::settings::PluginSettings;
use crate::{
    CreationEvent, Decision, DraftEvent, Patch, PluginError, Problem, ReservationEvent,
    TransitionEvent, UpdateEvent, Verdict,
};

/// Checks a ticket before it exists, as a request wants it to be made.
///
/// Export it with [`export_pre_create!`](crate::export_pre_create).
pub trait PreCreate {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin without settings.
    type Settings: PluginSettings;

    /// May the ticket be made? Return all violations at once ([`Verdict::from_violations`]).
    ///
    /// # Errors
    ///
    /// If the check could not be done; return [`Verdict::Deny`] to reject the ticket. After an error no ticket is
    /// made, unless the installation is set to fail open.
    fn check(event: DraftEvent, settings: Self::Settings) -> Result<Verdict, PluginError>;
}

/// Checks a ticket before other fields than its status change.
///
/// Export it with [`export_pre_update!`](crate::export_pre_update).
pub trait PreUpdate {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin without settings.
    type Settings: PluginSettings;

    /// May `event.before` become `event.after`? `event.changed` names the fields that differ, at least one.
    ///
    /// # Errors
    ///
    /// If the check could not be done; return [`Verdict::Deny`] to reject the change. After an error nothing is
    /// changed, unless the installation is set to fail open.
    fn check(event: UpdateEvent, settings: Self::Settings) -> Result<Verdict, PluginError>;
}

/// Checks an installation's settings before they are stored: what the JSON Schema cannot say.
///
/// Export it with [`export_settings_check!`](crate::export_settings_check).
pub trait SettingsCheck {
    /// As the plugin's hooks read them. Settings that cannot be read as this are a problem by themselves.
    type Settings: serde::de::DeserializeOwned;

    /// Can the plugin work with these settings? They fit the schema, and have its defaults.
    ///
    /// # Errors
    ///
    /// What is wrong, each with its place ([`Problem::at`]); the owner reads it, and nothing is stored.
    fn check(settings: Self::Settings) -> Result<(), Vec<Problem>>;
}

/// Checks a ticket before its status changes, on every route that changes it.
///
/// Export it with [`export_pre_transition!`](crate::export_pre_transition).
pub trait PreTransition {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin without settings.
    type Settings: PluginSettings;

    /// May the ticket move from `event.from` to `event.to`? `event.ticket` is as it would be after
    /// the request, still in status `from`.
    ///
    /// The host calls this for every transition, so begin with the statuses that matter and allow the
    /// rest. Return all violations at once ([`Verdict::from_violations`]); the client gets those of all plugins.
    ///
    /// # Errors
    ///
    /// If the check could not be done; return [`Verdict::Deny`] to reject the transition. After an error the ticket
    /// keeps its status, unless the installation is set to fail open.
    fn check(event: TransitionEvent, settings: Self::Settings) -> Result<Verdict, PluginError>;
}

/// Adds data to a ticket after it was created.
///
/// Export it with [`export_post_create!`](crate::export_post_create).
pub trait PostCreate {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin without settings.
    type Settings: PluginSettings;

    /// What should be added to the new ticket? `event.ticket` has what plugins before this one
    /// added. May be called more than once for one ticket, and must then return the same patch.
    ///
    /// # Errors
    ///
    /// If the patch could not be made. The ticket is stored in any case; it stays marked as pending,
    /// and the host retries the call later.
    fn enrich(event: CreationEvent, settings: Self::Settings) -> Result<Patch, PluginError>;
}

/// Decides where the parts for a ticket come from.
///
/// Export it with [`export_reserve_inventory!`](crate::export_reserve_inventory).
pub trait ReserveInventory {
    /// The installation's settings; [`NoSettings`](crate::NoSettings) for a plugin without settings.
    type Settings: PluginSettings;

    /// Plans where the parts of `event.lines` come from. Only items of `event.stock` can be used. The
    /// quantities of one line add up to no more than its `missing`, those of one item to no more
    /// than its `available`; what a line does not get counts as a backorder.
    ///
    /// # Errors
    ///
    /// If the plan could not be made. The host calls the next plugin, or finally uses its own rule (the same
    /// item in the same shop), unless the installation is set to fail closed.
    fn plan(event: ReservationEvent, settings: Self::Settings) -> Result<Decision, PluginError>;
}

/// Exports a type that implements [`PreCreate`]: `export_pre_create!(MyType);`, once in a crate.
///
/// Natively it only checks the type, so that unit tests build and run anywhere.
#[macro_export]
macro_rules! export_pre_create {
    ($plugin:ty) => {
        $crate::__export_hook! {
            $plugin, PreCreate::check, pre_create, check, $crate::DraftEvent => $crate::Verdict
        }
    };
}

/// Exports a type that implements [`PreUpdate`]: `export_pre_update!(MyType);`, once in a crate.
///
/// Natively it only checks the type, so that unit tests build and run anywhere.
#[macro_export]
macro_rules! export_pre_update {
    ($plugin:ty) => {
        $crate::__export_hook! {
            $plugin, PreUpdate::check, pre_update, check, $crate::UpdateEvent => $crate::Verdict
        }
    };
}

/// Exports a type that implements [`SettingsCheck`]: `export_settings_check!(MyType);`, once in a crate, beside a hook.
///
/// Natively it only checks the type, so that unit tests build and run anywhere.
#[macro_export]
macro_rules! export_settings_check {
    ($plugin:ty) => {
        #[allow(unsafe_code)]
        const _: () = {
            #[allow(dead_code)]
            struct Adapter;

            impl $crate::bindings::settings_check::exports::repairops::plugin::settings_check::Guest
                for Adapter
            {
                fn check(
                    settings: ::std::string::String,
                ) -> ::core::result::Result<(), ::std::vec::Vec<$crate::Problem>> {
                    $crate::private::check_settings::<$plugin>(&settings)
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::settings_check::export!(Adapter with_types_in $crate::bindings::settings_check);
        };
    };
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

/// Implements the generated trait by the SDK's trait, and exports it. Only for wasm: a native linker does not accept
/// symbols like `repairops:plugin/…@0.1.0#check`.
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
