//! Plugins of an organization: uploads, compilation, and the hooks that run them on ticket events.

pub mod active;
pub mod compile;
pub mod delete;
mod errors;
pub mod failures;
pub mod hooks;
pub mod http;
pub mod node_health;
pub mod report_failures;
pub mod store;
pub mod sweep;
pub mod try_out;
pub mod upload;
pub mod warm_up;
