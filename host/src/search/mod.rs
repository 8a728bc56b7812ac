//! Finds tickets and customers by what a desk knows: words, tags, phone numbers.
//!
//! Invariant: each table of terms changes in the transaction that changes what it is made of. Terms are folded here,
//! not in SQL, so both databases find the same.

pub mod backfill;
pub mod fold;
pub mod query;
pub mod store;
