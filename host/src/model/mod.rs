//! Plain data and rules: no I/O, no SQL, no HTTP.

pub mod bound;
pub mod ids;
pub mod key;
pub mod known;
pub mod money;
pub mod outbox;
pub mod patch;
pub mod payment;
pub mod people;
pub mod permission;
pub mod plugin;
pub mod problem;
pub mod run;
pub mod secret;
pub mod stock;
pub mod ticket;
pub mod time;
pub mod version;
pub mod webhook;
pub mod workflow;

pub use repairops_runtime::{distinct, event, excerpt, invalid, limits, place};
