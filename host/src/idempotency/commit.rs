//! Runs inside every commit of a request with an `Idempotency-Key`: marks the key as used in the same transaction.
//!
//! Invariant: a request that lost its claim commits nothing.

use super::slot;
use super::store;
use crate::db::{AfterCommit, BeforeCommit, CommitHook, CommitRefused, Conn, refuse};

/// Passed to `Db::set_commit_hook`.
pub struct MarkClaims;

impl CommitHook for MarkClaims {
    fn before_commit<'c>(&'c self, conn: &'c mut Conn) -> BeforeCommit<'c> {
        Box::pin(mark_claim(conn))
    }
}

/// Marks the claim of the current request, once. Fails if another request has taken the claim over, which rolls the
/// transaction back.
async fn mark_claim(conn: &mut Conn) -> Result<Option<AfterCommit>, sqlx::Error> {
    let Some(slot) = slot::current() else { return Ok(None) };
    let (claim, noted) = {
        let state = slot.lock();
        match &state.claim {
            Some(claim) if !claim.is_committed => (claim.clone(), state.noted.clone()),
            _ => return Ok(None),
        }
    };
    let sealed = noted.map(|answer| answer.sealed(&claim.sealer, "noted")).transpose()?;
    if !store::mark(conn, &claim.claimed, sealed.as_ref(), claim.clock.now()).await? {
        return Err(refuse(CommitRefused {
            code: "IDEMPOTENCY_IN_FLIGHT",
            message: "This request took too long and was rolled back, and another request with its Idempotency-Key is \
                      running instead. Send it again to get the response of that request",
        }));
    }
    Ok(Some(Box::new(move || {
        if let Some(claim) = &mut slot.lock().claim {
            claim.is_committed = true;
        }
    })))
}
