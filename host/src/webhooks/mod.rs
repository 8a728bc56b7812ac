//! Events: written to the outbox in the transaction of what they tell. Delivery is built on it later.

pub mod store;
