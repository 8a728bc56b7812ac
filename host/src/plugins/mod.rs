//! Plugins of an organization: uploaded, installed, run on ticket events.

pub mod active;
pub mod compile;
mod errors;
pub mod failures;
pub mod hooks;
pub mod http;
pub mod install;
pub mod report_failures;
pub mod settings;
pub mod store;
pub mod upload;
