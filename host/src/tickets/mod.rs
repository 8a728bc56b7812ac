//! Tickets: created, changed and moved through the workflow, with plugins.
//!
//! Invariant: an operation reads a ticket once, in `context`, and writes it once, guarded by the version that was
//! read.

pub mod backlog;
mod bodies;
pub mod change;
pub mod context;
pub mod create;
pub mod detail;
pub mod draft;
pub mod enrich;
pub mod enrich_due;
mod errors;
pub mod event;
pub mod example;
mod guest_timeline;
pub mod http;
mod labels;
pub mod note;
pub mod outcome;
pub mod parts;
pub mod refusals;
pub mod replay_answer;
pub mod store;
pub mod transitions;
pub mod views;
