//! Runs the plugins of one hook for one event, in the order that the owner set, in one hop to a guest thread, and
//! sorts the outcomes: a decision, the plugin's own error, or a failure of the plugin. One file for each kind of answer.
//!
//! Invariant: no database connection is held while guest code runs.

mod answered;
mod budget;
mod call_log;
mod chain;
mod failure;
mod judge;
mod monitor;
mod post_create;
mod recording;
mod reserve_inventory;
mod settings_check;
mod trace;
mod try_out;

pub use answered::Outcome;
pub use budget::Budget;
pub use failure::FailureView;
pub use judge::{Asked, Judgement, Question, pre_change, pre_changes, pre_create};
pub use post_create::{Enrichment, FailedWork, post_create};
pub use reserve_inventory::{Proposal, reserve_inventory};
pub use settings_check::settings_check;
pub use trace::{Failed, PluginRun, PluginViolation, Trace, Warning};
pub use try_out::{Tried, try_out};
