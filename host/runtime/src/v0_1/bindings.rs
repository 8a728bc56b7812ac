//! The generated types of the interfaces in `wit/0.1.0` that all its hooks share.

// Generated code has unchecked function handles after a check, and a style of its own.
#[allow(unsafe_code, unused_qualifications, elided_lifetimes_in_paths, clippy::all)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        interfaces: "
            import repairops:plugin/types@0.1.0;
            import repairops:plugin/log@0.1.0;
            import repairops:plugin/settings@0.1.0;
        ",
    });
}

pub use generated::repairops::plugin::{log, settings, types};
