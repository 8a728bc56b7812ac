//! Counts the rows of lists without scanning them.
//!
//! Invariant: database triggers update a counter for each scope, status and day in the transaction that changes a
//! row.

pub mod doctor;
pub mod store;
