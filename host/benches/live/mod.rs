//! Real servers and databases, processes of their own, for benches that give them bad days.

pub mod client;
pub mod janitor;
pub mod node;
pub mod organization;
pub mod postgres;
pub mod proxy;
pub mod receiver;
pub mod verdict;
