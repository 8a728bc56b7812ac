//! Stock: items, and what tickets hold and consume of them. Always true: reserved = sum of held,
//! on_hand = sum of movements, held ends exactly once. `doctor` checks it.

pub mod create;
pub mod doctor;
mod errors;
pub mod http;
pub mod movements;
pub mod reserve;
pub mod store;
pub mod update;
