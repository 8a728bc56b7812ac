//! Runs the plugins of one hook for one event, in the order that the owner set, in one hop to a guest thread, and
//! sorts the outcomes: a decision, the plugin's own error, or a failure of the plugin. One file for each hook.
//!
//! Invariant: no database connection is held while guest code runs.

mod chain;
mod failure;
mod post_create;
mod pre_transition;
mod reserve_inventory;
mod trace;

pub use chain::Budget;
pub use failure::FailureView;
pub use post_create::{Enrichment, FailedWork, post_create};
pub use pre_transition::{Judgement, pre_transition};
pub use reserve_inventory::{Proposal, reserve_inventory};
pub use trace::{Failed, PluginRun, PluginViolation, Trace, Warning};
