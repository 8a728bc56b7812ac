//! How many rows a list has, without counting them: triggers of the database keep a counter for each scope,
//! status and day, in the transaction that changes a row.

pub mod doctor;
pub mod store;
