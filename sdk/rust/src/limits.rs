//! What the call may still use, for a plugin that does what it can within it.
//!
//! ```
//! use repairops_plugin::limits;
//!
//! let enough = limits::left().fuel > 1_000_000;
//! assert!(enough);
//! ```

pub use crate::bindings::shared::repairops::plugin::limits::Left;

/// What is left now. Natively, in unit tests, the default limits of a call that has used nothing.
#[must_use]
pub fn left() -> Left {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::shared::repairops::plugin::limits::remaining();
    #[cfg(not(target_arch = "wasm32"))]
    Left {
        fuel: 10_000_000,
        time_ms: 50,
        memory_bytes: 32 << 20,
        log_bytes: 8 << 10,
        host_calls: 10_000,
    }
}
