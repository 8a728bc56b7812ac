//! Payments and refunds of tickets. Always true: a ticket's `amount_paid` is the sum of its payments less that of its
//! refunds, and never below zero.

pub mod doctor;
mod errors;
pub mod http;
pub mod record;
pub mod store;
pub mod views;
