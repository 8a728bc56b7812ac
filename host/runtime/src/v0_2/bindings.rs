//! The generated types of the interfaces in `wit/0.2.0` that all its hooks share, and the macro for a hook's own.

// Generated code has unchecked function handles after a check, and a style of its own.
#[allow(unsafe_code, unused_qualifications, elided_lifetimes_in_paths, clippy::all)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        interfaces: "
            import repairops:plugin/types@0.2.0;
            import repairops:plugin/log@0.2.0;
            import repairops:plugin/settings@0.2.0;
            import repairops:plugin/limits@0.2.0;
            import repairops:plugin/time@0.2.0;
        ",
    });
}

pub use generated::repairops::plugin::{limits, log, settings, time, types};

/// The generated bindings of one world; types shared by the worlds are those of `bindings`.
macro_rules! world_0_2 {
    ($world:literal) => {
        // Generated code has unchecked function handles after a check, and a style of its own.
        #[allow(unsafe_code, unused_qualifications, elided_lifetimes_in_paths, clippy::all)]
        mod generated {
            wasmtime::component::bindgen!({
                path: "../../wit/0.2.0",
                world: $world,
                with: {
                    "repairops:plugin/types@0.2.0": crate::v0_2::bindings::types,
                    "repairops:plugin/log@0.2.0": crate::v0_2::bindings::log,
                    "repairops:plugin/settings@0.2.0": crate::v0_2::bindings::settings,
                    "repairops:plugin/limits@0.2.0": crate::v0_2::bindings::limits,
                    "repairops:plugin/time@0.2.0": crate::v0_2::bindings::time,
                },
            });
        }
    };
}
