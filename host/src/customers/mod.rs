//! Customers: found or made when a ticket is made, by organization and email.

pub mod http;
pub mod store;
