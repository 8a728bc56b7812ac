//! Shops: the locations of an organization.

pub mod create;
pub mod http;
pub mod store;
pub mod update;
