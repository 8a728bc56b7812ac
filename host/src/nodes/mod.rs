//! The nodes of one database, and what happens to the leases of one that dies.
//!
//! Invariant: a lease is as alive as its node. Every table with leases is in `store::LEASED`.

pub mod heartbeat;
mod judge;
pub mod store;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::model::ids::NodeId;

/// This process among the nodes.
#[derive(Clone)]
pub struct Node {
    pub id: NodeId,
    /// Notified when this node released the leases of a dead one.
    pub released: Arc<Notify>,
}

impl Node {
    pub fn new(id: NodeId) -> Node {
        Node { id, released: Arc::default() }
    }
}
