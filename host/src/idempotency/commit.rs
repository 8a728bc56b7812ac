//! The part of every commit of such a request: the claim is marked in the transaction that it is about.

use super::slot;
use super::store;
use crate::db::{Conn, refuse};

/// The request took so long that its claim ended, and a repeat of it claimed the key.
#[derive(Debug, thiserror::Error)]
#[error(
    "This request took too long, and another one with its Idempotency-Key runs in its place; nothing of this one \
     was kept. Send it again to get the other one's answer"
)]
pub struct ClaimLost;

/// To tell the slot that the transaction is durable.
pub struct Mark(std::sync::Arc<slot::Slot>);

/// Marks the claim of the request that this task serves, once. [`ClaimLost`] when another request has its
/// key: then nothing of this one may be kept.
pub async fn before_commit(conn: &mut Conn) -> Result<Option<Mark>, sqlx::Error> {
    let Some(slot) = slot::current() else { return Ok(None) };
    let (claim, noted) = {
        let state = slot.lock();
        match &state.claim {
            Some(claim) if !claim.is_committed => (claim.clone(), state.noted.clone()),
            _ => return Ok(None),
        }
    };
    let sealed = noted.map(|answer| answer.sealed(&claim.sealer, "noted"));
    if !store::mark(conn, &claim.claimed, sealed.as_ref(), claim.clock.now()).await? {
        return Err(refuse(ClaimLost));
    }
    Ok(Some(Mark(slot)))
}

impl Mark {
    pub fn committed(self) {
        if let Some(claim) = &mut self.0.lock().claim {
            claim.is_committed = true;
        }
    }
}
