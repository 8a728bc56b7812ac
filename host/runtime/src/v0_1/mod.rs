//! WIT 0.1.x: one file for each hook. Each WIT version has such a folder.

/// The generated bindings of one world; types shared by the worlds are those of `bindings`.
macro_rules! world {
    ($world:literal) => {
        // Generated code has unchecked function handles after a check, and a style of its own.
        #[allow(unsafe_code, unused_qualifications, elided_lifetimes_in_paths, clippy::all)]
        mod generated {
            wasmtime::component::bindgen!({
                path: "../../wit/0.1.0",
                world: $world,
                with: {
                    "repairops:plugin/types@0.1.0": crate::v0_1::bindings::types,
                    "repairops:plugin/log@0.1.0": crate::v0_1::bindings::log,
                    "repairops:plugin/settings@0.1.0": crate::v0_1::bindings::settings,
                },
            });
        }
    };
}

pub(crate) mod bindings;
mod convert;
mod post_create;
mod pre_transition;
mod reserve_inventory;
mod size;

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
