//! Encrypts the responses stored for an `Idempotency-Key`: they may hold secrets (a new API key's text). The
//! encryption key is derived from the API key's text, of which the database has only a hash.
//!
//! Invariant: a text sealed for one claim and purpose opens for no other. The stored form is the byte [`FORMAT`], a
//! random nonce, and the output of XChaCha20-Poly1305.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use sha2::Sha256;

use super::claimed::Claimed;
use super::seal_v1;

const FORMAT: u8 = 2;
const NONCE_BYTES: usize = 24;

/// Bound to one claim and one API key.
#[derive(Clone)]
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    /// The claim that a response is bound to, without the purpose.
    bound_to: Vec<u8>,
    /// Opens responses stored by a node of the previous release.
    old: seal_v1::Sealer,
}

/// The response could not be encrypted: the system returned no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("a response could not be encrypted to be stored: {0}")]
pub(super) struct SealError(String);

impl From<SealError> for sqlx::Error {
    fn from(error: SealError) -> Self {
        sqlx::Error::Encode(Box::new(error))
    }
}

impl Sealer {
    /// `key` is the text of the API key, which has 256 random bits.
    pub(super) fn new(key: &str, claimed: &Claimed) -> Sealer {
        let mut derived = chacha20poly1305::Key::default();
        Hkdf::<Sha256>::new(None, key.as_bytes())
            .expand(b"repairops idempotency 2", &mut derived)
            .expect("32 bytes are not more than 255 blocks of SHA-256");
        let ids = [claimed.org.0, claimed.key.0, claimed.claim_id.0];
        // All parts have fixed lengths, so the concatenation is unambiguous.
        let mut bound_to = vec![FORMAT];
        bound_to.extend(ids.iter().flat_map(|id| id.as_bytes()));
        bound_to.extend(&claimed.address);
        Sealer {
            cipher: XChaCha20Poly1305::new(&derived),
            bound_to,
            old: seal_v1::Sealer::new(key, claimed),
        }
    }

    /// `purpose` separates the uses of one claim.
    pub(super) fn seal(&self, purpose: &str, text: &[u8]) -> Result<Vec<u8>, SealError> {
        let failed = |error: &dyn fmt::Display| SealError(error.to_string());
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| failed(&error))?;
        let aad = self.bound_to(purpose);
        let text = Payload { msg: text, aad: &aad };
        let sealed = self.cipher.encrypt(&nonce.into(), text).map_err(|error| failed(&error))?;
        Ok([&[FORMAT], nonce.as_slice(), &sealed].concat())
    }

    /// Returns `None` if it was sealed for another purpose or by another key, or was changed. The old form may begin
    /// with any byte, also with [`FORMAT`]: both forms are authenticated, so the one that opens is the right one.
    pub(super) fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.open_new(purpose, sealed).or_else(|| self.old.open(purpose, sealed))
    }

    fn open_new(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.strip_prefix(&[FORMAT])?.split_first_chunk::<NONCE_BYTES>()?;
        let aad = self.bound_to(purpose);
        self.cipher.decrypt(&(*nonce).into(), Payload { msg: text, aad: &aad }).ok()
    }

    fn bound_to(&self, purpose: &str) -> Vec<u8> {
        [self.bound_to.as_slice(), purpose.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::ids::{ClaimId, KeyId, OrgId};

    fn claimed(id: u128) -> Claimed {
        Claimed {
            org: OrgId(Uuid::nil()),
            key: KeyId(Uuid::nil()),
            address: vec![1; 32],
            claim_id: ClaimId(Uuid::from_u128(id)),
        }
    }

    #[test]
    fn only_the_same_key_and_claim_open_it() {
        let text = "x".repeat(100).into_bytes();
        let sealer = Sealer::new("ro_live_1", &claimed(1));
        let sealed = sealer.seal("answer", &text).unwrap();
        assert_eq!(sealer.open("answer", &sealed), Some(text.clone()));
        assert_eq!(sealer.open("noted", &sealed), None);
        assert_eq!(Sealer::new("ro_live_2", &claimed(1)).open("answer", &sealed), None);
        assert_eq!(Sealer::new("ro_live_1", &claimed(2)).open("answer", &sealed), None);
        let others = [
            Claimed { org: OrgId(Uuid::max()), ..claimed(1) },
            Claimed { key: KeyId(Uuid::max()), ..claimed(1) },
            Claimed { address: vec![2; 32], ..claimed(1) },
        ];
        for other in others {
            assert_eq!(Sealer::new("ro_live_1", &other).open("answer", &sealed), None);
        }
        assert!(!sealed.windows(4).any(|part| part == b"xxxx"), "nothing shows");
        assert_ne!(sealed, sealer.seal("answer", &text).unwrap(), "no nonce twice");
        assert_eq!(sealer.open("answer", &[]), None);
        assert_eq!(sealer.open("answer", &[FORMAT]), None);
        let empty = sealer.seal("answer", b"").unwrap();
        assert_eq!(sealer.open("answer", &empty), Some(Vec::new()));
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let sealer = Sealer::new("ro_live_1", &claimed(1));
        let sealed = sealer.seal("answer", b"an answer").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.open("answer", &changed), None, "byte {at}");
            assert_eq!(sealer.open("answer", &sealed[..at]), None, "the first {at} bytes");
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(sealer.open("answer", &longer), None);
    }

    /// Made by the previous release, for `claimed(1)`. The first one begins with the byte of the new form.
    const OLD_ANSWER: &str = "025e0fdf22eebc8e549ab8eb5698f25315deb4aa934743208ce0061e2f4a3e24e0369a883f44d7eafe139e\
                              1ae632245d21bf8bd7a11abf5bfaf994aa2d62b48c5047c7f0d235c12d3607d792df901529004e";
    const OLD_NOTED: &str = "fe7559755ce2476efa80eefa4c9825c731042e649894801ad43f4863c5e21eb99d1ce1b6e17ad3aba2ffef\
                             16b5a6c2ea9785de4359c0c20d8f791a10b92e6fcf725dd69bcf6c40190b70de92ccc399065e59";

    #[test]
    fn an_answer_of_the_release_before_still_opens() {
        let text = br#"{"key":"ro_live_0123456789abcdef0123456789abcdef"}"#;
        let sealer = Sealer::new("ro_live_1", &claimed(1));
        for (purpose, other, sealed) in
            [("answer", "noted", OLD_ANSWER), ("noted", "answer", OLD_NOTED)]
        {
            let sealed = hex::decode(sealed).unwrap();
            assert_eq!(sealer.open(purpose, &sealed).as_deref(), Some(text.as_slice()));
            assert_eq!(sealer.open(other, &sealed), None);
            assert_eq!(Sealer::new("ro_live_2", &claimed(1)).open(purpose, &sealed), None);
            assert_eq!(Sealer::new("ro_live_1", &claimed(2)).open(purpose, &sealed), None);
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert_eq!(sealer.open(purpose, &changed), None, "byte {at}");
            }
        }
        assert_eq!(hex::decode(OLD_ANSWER).unwrap()[0], FORMAT);
    }
}
