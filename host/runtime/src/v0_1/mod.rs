//! WIT 0.1.x: one file for each hook. Each WIT version has such a folder.

#[macro_use]
pub(crate) mod bindings;
mod convert;
mod post_create;
mod pre_transition;
mod reserve_inventory;

use crate::hook::{HookExport, Version};

/// The exports of this version.
pub(crate) static VERSION: Version = Version {
    prefix: "0.1.",
    hooks: &[
        HookExport::of::<pre_transition::PreTransition>(),
        HookExport::of::<post_create::PostCreate>(),
        HookExport::of::<reserve_inventory::ReserveInventory>(),
    ],
};
