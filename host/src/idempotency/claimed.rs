//! Identifies one claim of an `Idempotency-Key`.
//!
//! Invariant: taking a claim over changes its `claim_id`.

use crate::model::ids::{ClaimId, KeyId, OrgId};

/// The row and the id of the claim.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub org: OrgId,
    pub key: KeyId,
    /// SHA-256 of method, path and Idempotency-Key.
    pub address: Vec<u8>,
    pub claim_id: ClaimId,
}
