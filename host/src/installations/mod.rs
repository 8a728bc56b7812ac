//! Installations: which uploaded plugins run in an organization's workflow, and how.
//!
//! Invariant: every change bumps the organization's `plugins_revision`, so that each node reads the installations
//! again.

mod errors;
pub mod http;
pub mod install;
pub mod settings;
pub mod store;
pub mod twins;
pub mod upgrade;
