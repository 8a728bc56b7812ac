//! Opens responses sealed by the release before [`super::seal`]: HMAC-SHA256 in counter mode. Remove it one release
//! after format 2, because no response is kept for more than a day.
//!
//! Invariant: nothing new is sealed in this form. Nodes are upgraded one by one, so a repeat may find a response that
//! an older node stored.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::claimed::Claimed;

type HmacSha256 = Hmac<Sha256>;

const TAG_BYTES: usize = 32;

/// Bound to one claim and one API key.
#[derive(Clone)]
pub(super) struct Sealer(HmacSha256);

impl Sealer {
    pub(super) fn new(key: &str, claimed: &Claimed) -> Sealer {
        let mac = mac(key.as_bytes())
            .chain_update(b"repairops idempotency 1")
            .chain_update(&claimed.address)
            .chain_update(claimed.claim_id.0.as_bytes());
        Sealer(self::mac(&mac.finalize().into_bytes()))
    }

    /// Returns `None` if it was sealed by another key, or was changed.
    pub(super) fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_BYTES)?)?;
        let mac = self.0.clone().chain_update(b"tag").chain_update(purpose.as_bytes());
        mac.chain_update(text).verify_slice(tag).ok()?;
        let keyed = self.0.clone().chain_update(b"stream").chain_update(purpose.as_bytes());
        let mut text = text.to_vec();
        for (counter, block) in (0u64..).zip(text.chunks_mut(32)) {
            let stream = keyed.clone().chain_update(counter.to_be_bytes()).finalize().into_bytes();
            block.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
        }
        Some(text)
    }
}

/// Uses the hash of the key, which fits into HMAC's block.
fn mac(key: &[u8]) -> HmacSha256 {
    let mut block = [0; 64];
    block[..32].copy_from_slice(&Sha256::digest(key));
    HmacSha256::new(&block.into())
}
