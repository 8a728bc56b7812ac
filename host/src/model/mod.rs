//! Plain data and rules: no I/O, no SQL, no HTTP.

pub mod distinct;
pub mod event;
pub mod excerpt;
pub mod ids;
pub mod invalid;
pub mod key;
pub mod limits;
pub mod money;
pub mod outbox;
pub mod patch;
pub mod payment;
pub mod people;
pub mod place;
pub mod plugin;
pub mod problem;
pub mod stock;
pub mod ticket;
pub mod time;
pub mod version;
pub mod webhook;
pub mod workflow;
