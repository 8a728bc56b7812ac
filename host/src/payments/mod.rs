//! Payments and refunds of tickets.
//!
//! Invariant: a ticket's `amount_paid` is the sum of its payments minus the sum of its refunds, and never negative.

pub mod doctor;
mod errors;
pub mod http;
pub mod record;
pub mod store;
pub mod views;
