//! Stock: items, and what tickets reserve and consume of them.
//!
//! Invariant: reserved = sum of held reservations, on_hand = sum of movements, and a reservation ends exactly once;
//! `doctor` checks all three.

pub mod create;
pub mod doctor;
mod errors;
pub mod http;
pub mod movements;
mod release;
pub mod reserve;
pub mod store;
pub mod update;
