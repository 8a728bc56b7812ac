//! Tickets: made, changed, moved through the workflow; the plugins take part.

mod bodies;
pub mod change;
pub mod create;
pub mod detail;
pub mod draft;
pub mod enrich;
mod errors;
pub mod event;
pub mod http;
pub mod note;
pub mod noted;
pub mod outcome;
pub mod parts;
pub mod store;
pub mod transitions;
pub mod views;
