//! Users: the people of an organization, mostly technicians.

pub mod actor;
pub mod create;
mod errors;
pub mod http;
pub mod store;
pub mod update;
