//! Answers may hold secrets (a new key's text), and the database shall not: what is stored is encrypted
//! with a key that follows from the API key's text, of which the database has only a hash.
//!
//! HMAC-SHA256 is all it takes: in counter mode for the key stream, and once more over the result. Each
//! claim and each use of it has keys of its own, so no stream is used twice.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::claimed::Claimed;

type HmacSha256 = Hmac<Sha256>;

const TAG_BYTES: usize = 32;

/// Of one claim and one API key.
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

    /// `purpose` tells the uses of one claim apart.
    pub(super) fn seal(&self, purpose: &str, text: &[u8]) -> Vec<u8> {
        let mut sealed = text.to_vec();
        self.apply_stream(purpose, &mut sealed);
        let tag = self.tag(purpose, &sealed).finalize().into_bytes();
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// `None` when it was sealed by another key, or changed.
    pub(super) fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_BYTES)?)?;
        self.tag(purpose, text).verify_slice(tag).ok()?;
        let mut text = text.to_vec();
        self.apply_stream(purpose, &mut text);
        Some(text)
    }

    fn apply_stream(&self, purpose: &str, text: &mut [u8]) {
        let keyed = self.0.clone().chain_update(b"stream").chain_update(purpose.as_bytes());
        for (counter, block) in (0u64..).zip(text.chunks_mut(32)) {
            let stream = keyed.clone().chain_update(counter.to_be_bytes()).finalize().into_bytes();
            block.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
        }
    }

    fn tag(&self, purpose: &str, sealed: &[u8]) -> HmacSha256 {
        self.0.clone().chain_update(b"tag").chain_update(purpose.as_bytes()).chain_update(sealed)
    }
}

/// With the hash of the key, which fits into HMAC's block whatever the key's length.
fn mac(key: &[u8]) -> HmacSha256 {
    let mut block = [0; 64];
    block[..32].copy_from_slice(&Sha256::digest(key));
    HmacSha256::new(&block.into())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::ids::{KeyId, OrgId};

    fn claimed(id: u128) -> Claimed {
        let (org, key) = (OrgId(Uuid::nil()), KeyId(Uuid::nil()));
        Claimed {
            org,
            key,
            address: vec![1; 32],
            claim_id: crate::model::ids::ClaimId(Uuid::from_u128(id)),
        }
    }

    #[test]
    fn only_the_same_key_opens_it() {
        let text = "x".repeat(100).into_bytes();
        let sealer = Sealer::new("ro_live_1", &claimed(1));
        let sealed = sealer.seal("answer", &text);
        assert_eq!(sealer.open("answer", &sealed), Some(text.clone()));
        assert_eq!(sealer.open("noted", &sealed), None);
        assert_eq!(Sealer::new("ro_live_2", &claimed(1)).open("answer", &sealed), None);
        assert_eq!(Sealer::new("ro_live_1", &claimed(2)).open("answer", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.open("answer", &changed), None);
        }
        assert!(!sealed.windows(4).any(|part| part == b"xxxx"), "nothing shows");
        assert_ne!(sealed[..32], sealed[32..64], "no stream twice");
        assert_ne!(sealed, sealer.seal("noted", &text));
        assert_eq!(sealer.open("answer", &[]), None);
        assert_eq!(sealer.open("answer", &sealer.seal("answer", b"")), Some(Vec::new()));
    }
}
