//! WIT 0.2.x: one file for each hook.

#[macro_use]
pub(crate) mod bindings;
mod convert;
mod post_create;
mod pre_create;
mod pre_transition;
mod pre_update;
mod reserve_inventory;
mod settings_check;

use crate::hook::{HookExport, Version};

/// The exports of this version.
pub(crate) static VERSION: Version = Version {
    prefix: "0.2.",
    hooks: &[
        HookExport::of::<pre_create::PreCreate>(),
        HookExport::of::<pre_update::PreUpdate>(),
        HookExport::of::<pre_transition::PreTransition>(),
        HookExport::of::<post_create::PostCreate>(),
        HookExport::of::<reserve_inventory::ReserveInventory>(),
        HookExport::of::<settings_check::SettingsCheck>(),
    ],
};
