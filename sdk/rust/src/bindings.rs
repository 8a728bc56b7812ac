//! The generated bindings of `wit/0.2.0`. Not part of the API: `lib.rs` re-exports what is.

/// The shared types, and the imports of every plugin.
pub mod shared {
    wit_bindgen::generate!({
        inline: "
            package repairops:sdk;
            world shared {
                import repairops:plugin/types@0.2.0;
                import repairops:plugin/log@0.2.0;
                import repairops:plugin/settings@0.2.0;
                import repairops:plugin/limits@0.2.0;
                import repairops:plugin/time@0.2.0;
            }
        ",
        path: "../../wit/0.2.0",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

/// One hook: its types, its trait `Guest`, its macro `export!`. The types that hooks share come from `shared`.
macro_rules! hook {
    ($module:ident, $world:literal $(, $interface:literal: $path:ident)* $(,)?) => {
        pub mod $module {
            wit_bindgen::generate!({
                world: $world,
                path: "../../wit/0.2.0",
                with: {
                    $($interface: crate::bindings::shared::repairops::plugin::$path,)*
                },
                pub_export_macro: true,
                default_bindings_module: "repairops_plugin::bindings",
                additional_derives: [PartialEq],
            });
        }
    };
}

/// A hook whose world imports all that plugins may import.
macro_rules! workflow_hook {
    ($module:ident, $world:literal) => {
        hook!(
            $module,
            $world,
            "repairops:plugin/types@0.2.0": types,
            "repairops:plugin/log@0.2.0": log,
            "repairops:plugin/settings@0.2.0": settings,
            "repairops:plugin/limits@0.2.0": limits,
            "repairops:plugin/time@0.2.0": time,
        );
    };
}

workflow_hook!(pre_create, "pre-create-plugin");
workflow_hook!(pre_update, "pre-update-plugin");
workflow_hook!(pre_transition, "pre-transition-plugin");
workflow_hook!(post_create, "post-create-plugin");
workflow_hook!(reserve_inventory, "reserve-inventory-plugin");
hook!(
    settings_check,
    "settings-check-plugin",
    "repairops:plugin/log@0.2.0": log,
    "repairops:plugin/limits@0.2.0": limits,
);
