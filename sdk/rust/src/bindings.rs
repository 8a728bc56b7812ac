//! The generated bindings of `wit/0.1.0`. Not part of the API: `lib.rs` re-exports what is.

/// The shared types, and the imports of every plugin.
pub mod shared {
    wit_bindgen::generate!({
        inline: "
            package repairops:sdk;
            world shared {
                import repairops:plugin/types@0.1.0;
                import repairops:plugin/log@0.1.0;
                import repairops:plugin/settings@0.1.0;
            }
        ",
        path: "../../wit/0.1.0",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

/// One hook: its types, its trait `Guest`, its macro `export!`. The types that hooks share come from `shared`.
macro_rules! hook {
    ($module:ident, $world:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                world: $world,
                path: "../../wit/0.1.0",
                with: {
                    "repairops:plugin/types@0.1.0": crate::bindings::shared::repairops::plugin::types,
                    "repairops:plugin/log@0.1.0": crate::bindings::shared::repairops::plugin::log,
                    "repairops:plugin/settings@0.1.0": crate::bindings::shared::repairops::plugin::settings,
                },
                pub_export_macro: true,
                default_bindings_module: "repairops_plugin::bindings",
                additional_derives: [PartialEq],
            });
        }
    };
}

hook!(pre_transition, "pre-transition-plugin");
hook!(post_create, "post-create-plugin");
hook!(reserve_inventory, "reserve-inventory-plugin");
