//! Customers: found or created with a ticket, by organization and email address.

mod errors;
pub mod find;
pub mod http;
pub mod merge;
pub mod store;
pub mod update;
