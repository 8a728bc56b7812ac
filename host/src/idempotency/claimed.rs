//! Names one claim of an `Idempotency-Key`.

use crate::model::ids::{ClaimId, KeyId, OrgId};

/// Which row, and as whom.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub org: OrgId,
    pub key: KeyId,
    /// SHA-256 of method, path and Idempotency-Key.
    pub address: Vec<u8>,
    pub claim_id: ClaimId,
}
