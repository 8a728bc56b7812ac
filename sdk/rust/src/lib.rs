#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! - The hooks are traits: [`PreCreate`], [`PreUpdate`], [`PreTransition`], [`PostCreate`], [`ReserveInventory`]. A
//!   plugin implements one or several of them and names each in an export macro: [`export_pre_create!`],
//!   [`export_pre_update!`], [`export_pre_transition!`], [`export_post_create!`], [`export_reserve_inventory!`].
//! - [`SettingsCheck`] says more about settings than a schema can; its macro is [`export_settings_check!`].
//! - [`metadata!`] embeds the plugin's name, version, description and settings schema.
//! - [`settings`] says how a plugin gets the installation's settings, [`mod@log`] how it writes to its log.
//! - [`time`] has the calendar and clock of a shop, [`limits`] says what the call may still use.
//! - [`sample`] has ready-made tickets and events for unit tests, which run natively with `cargo test`.
//! - The data is that of the WIT package `repairops:plugin@0.2.0`: money is in hundredths of the
//!   organization's currency, a timestamp in milliseconds since 1970, an id is a UUID as text.

#![warn(missing_docs)]

#[doc(hidden)]
#[allow(unsafe_code, unused_qualifications, missing_docs, clippy::all)]
pub mod bindings;

mod answers;
mod hooks;
mod metadata;
mod money;
mod tickets;

pub mod limits;
pub mod log;
pub mod sample;
pub mod settings;
pub mod time;

pub use hooks::{PostCreate, PreCreate, PreTransition, PreUpdate, ReserveInventory, SettingsCheck};
pub use money::{format_money, money_from_number};
pub use settings::NoSettings;

pub use bindings::post_create::exports::repairops::plugin::post_create::{CreationEvent, Patch};
pub use bindings::pre_create::exports::repairops::plugin::pre_create::{
    Draft, DraftCustomer, DraftEvent,
};
pub use bindings::pre_transition::exports::repairops::plugin::pre_transition::TransitionEvent;
pub use bindings::pre_update::exports::repairops::plugin::pre_update::UpdateEvent;
pub use bindings::reserve_inventory::exports::repairops::plugin::reserve_inventory::{
    Allocation, Decision, Line, ReservationEvent, Source,
};
pub use bindings::settings_check::exports::repairops::plugin::settings_check::Problem;
pub use bindings::shared::repairops::plugin::types::{
    Actor, CustomField, CustomValue, Customer, Device, Diagnostics, EntryKind, FieldOrigin, Id,
    Issue, Labor, Money, Part, Payment, PaymentKind, PluginError, Shop, StockItem, Ticket,
    TimelineEntry, Timestamp, User, Verdict, Violation, Visibility,
};

/// Everything that a plugin needs, for `use repairops_plugin::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Actor, Allocation, CreationEvent, CustomField, CustomValue, Customer, Decision, Device,
        Diagnostics, Draft, DraftCustomer, DraftEvent, EntryKind, FieldOrigin, Id, Issue, Labor,
        Line, Money, NoSettings, Part, Patch, Payment, PaymentKind, PluginError, PostCreate,
        PreCreate, PreTransition, PreUpdate, Problem, ReservationEvent, ReserveInventory,
        SettingsCheck, Shop, Source, StockItem, Ticket, TimelineEntry, Timestamp, TransitionEvent,
        UpdateEvent, User, Verdict, Violation, Visibility, format_money, limits, log,
        money_from_number, time,
    };
}

/// The expansions of the macros use it. Not part of the API.
#[doc(hidden)]
pub mod private {
    pub use crate::metadata::{Metadata, bytes};
    pub use crate::settings::{PluginSettings, check as check_settings};
}
