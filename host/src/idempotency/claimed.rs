//! Names one claim of an `Idempotency-Key`. Invariant: a claim that was taken over has another `claim_id`.

use crate::model::ids::{ClaimId, KeyId, OrgId};

/// The row, and which claim of it.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub org: OrgId,
    pub key: KeyId,
    /// SHA-256 of method, path and Idempotency-Key.
    pub address: Vec<u8>,
    pub claim_id: ClaimId,
}
