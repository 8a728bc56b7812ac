//! What customers say of a repair once they have their device back: one score a ticket, for good.

mod errors;
pub mod give;
pub mod http;
pub mod store;
pub mod views;
