//! Customers: found or made when a ticket is made, by organization and email.

mod errors;
pub mod find;
pub mod http;
pub mod merge;
pub mod store;
pub mod update;
