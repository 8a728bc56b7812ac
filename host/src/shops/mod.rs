//! Shops: the places of an organization.

pub mod create;
mod errors;
pub mod http;
pub mod store;
pub mod update;
