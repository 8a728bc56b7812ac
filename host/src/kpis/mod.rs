//! Daily figures of shops.
//!
//! Invariant: a pickup adds the ticket's figures to its day in the same transaction, and a later change adjusts the
//! day's sums by the difference. So reports read days, never tickets.

pub mod doctor;
pub mod figures;
pub mod http;
pub mod record;
pub mod report;
pub mod store;
mod views;
