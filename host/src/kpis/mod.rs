//! Daily figures of shops. A ticket that is picked up leaves its figures on that day, in the transaction that picks it
//! up; a later change of it moves the day's sums by the difference. So a report reads days, never tickets.

pub mod doctor;
pub mod figures;
pub mod http;
pub mod record;
pub mod report;
pub mod store;
mod views;
