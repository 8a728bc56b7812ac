//! Customers' feedback on repairs: one score for each ticket, which cannot be changed.

mod errors;
pub mod give;
pub mod http;
pub mod store;
pub mod views;
