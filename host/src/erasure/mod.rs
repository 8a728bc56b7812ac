//! Erases a customer's personal data, wherever a copy of it lies.
//!
//! Invariant: [`copies`] lists every column of every table that holds text; what it says is what is done. An erasure
//! that has begun is finished, also after a crash.

pub mod collect;
pub mod copies;
pub mod due;
pub mod erase;
mod errors;
pub mod pass;
pub mod pieces;
pub mod scrub;
pub mod store;
pub mod views;
