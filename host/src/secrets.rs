//! Seals secrets before they are stored, such as those of webhooks, and opens them again.
//!
//! Invariant: the keys are never in the database. A sealed secret opens only with the key that sealed it, and only for
//! the place that it was sealed for, so that a row's secret cannot be moved to another row.

mod keys;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::model::secret::{CannotOpen, KEY_ID_CHARS, StoredSecret};

pub use keys::{SecretConfig, SecretText, load, of_folder};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The keys of this node, the newest first: it seals, all of them open.
#[derive(Clone, Default)]
pub struct Secrets {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    cipher: XChaCha20Poly1305,
    /// Names the key in what it sealed; derived from it, and says nothing about it.
    id: String,
}

/// A secret could not be sealed: the system returned no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("a secret could not be sealed to be stored: {0}")]
pub struct SealError(String);

impl From<SealError> for sqlx::Error {
    fn from(error: SealError) -> Self {
        sqlx::Error::Encode(Box::new(error))
    }
}

impl Key {
    fn new(bytes: &[u8; KEY_BYTES]) -> Key {
        let derive = |info: &[u8], output: &mut [u8]| {
            Hkdf::<Sha256>::new(None, bytes)
                .expand(info, output)
                .expect("32 bytes are not more than 255 blocks of SHA-256");
        };
        let mut derived = chacha20poly1305::Key::default();
        derive(b"repairops secrets 1", &mut derived);
        let mut id = [0; KEY_ID_CHARS / 2];
        derive(b"repairops secrets 1 key id", &mut id);
        Key { cipher: XChaCha20Poly1305::new(&derived), id: hex::encode(id) }
    }
}

impl Secrets {
    /// Without a key, secrets are stored in clear.
    pub fn new(keys: &[[u8; KEY_BYTES]]) -> Secrets {
        Secrets { keys: keys.iter().map(Key::new).collect() }
    }

    pub fn has_key(&self) -> bool {
        !self.keys.is_empty()
    }

    pub fn knows(&self, key_id: &str) -> bool {
        self.keys.iter().any(|key| key.id == key_id)
    }

    /// Whether it is stored as [`Secrets::seal`] would store it now.
    pub fn is_current(&self, stored: &StoredSecret) -> bool {
        let sealing = self.keys.first().map(|key| key.id.as_str());
        stored.parts().map(|sealed| sealed.key_id) == sealing
    }

    /// `place` says what the secret belongs to; it has a fixed length for each kind of place.
    pub fn seal(&self, place: &[u8], text: &str) -> Result<StoredSecret, SealError> {
        let Some(key) = self.keys.first() else { return Ok(StoredSecret::in_clear(text)) };
        let failed = |error: &dyn fmt::Display| SealError(error.to_string());
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| failed(&error))?;
        let text = Payload { msg: text.as_bytes(), aad: place };
        let sealed = key.cipher.encrypt(&nonce.into(), text).map_err(|error| failed(&error))?;
        let base64 = STANDARD.encode([nonce.as_slice(), &sealed].concat());
        Ok(StoredSecret::sealed(&key.id, &base64))
    }

    /// Returns the text of a secret that was sealed for this place, or that was stored in clear.
    pub fn open(&self, place: &[u8], stored: &StoredSecret) -> Result<String, CannotOpen> {
        let Some(sealed) = stored.parts() else { return Ok(stored.as_stored().to_owned()) };
        let open = || {
            let key = self.keys.iter().find(|key| key.id == sealed.key_id)?;
            let bytes = STANDARD.decode(sealed.base64).ok()?;
            let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>()?;
            let text = Payload { msg: text, aad: place };
            String::from_utf8(key.cipher.decrypt(&(*nonce).into(), text).ok()?).ok()
        };
        open().ok_or_else(|| CannotOpen { key_id: sealed.key_id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_place_open_it() {
        let secrets = Secrets::new(&[[1; 32]]);
        let sealed = secrets.seal(b"here", "whsec_abc").unwrap();
        assert_eq!(secrets.open(b"here", &sealed).as_deref(), Ok("whsec_abc"));
        assert!(secrets.open(b"there", &sealed).is_err());
        assert!(Secrets::new(&[[2; 32]]).open(b"here", &sealed).is_err());
        assert!(Secrets::default().open(b"here", &sealed).is_err());
        assert!(!sealed.as_stored().contains("abc"));
        assert_ne!(sealed, secrets.seal(b"here", "whsec_abc").unwrap(), "no nonce twice");
    }

    #[test]
    fn an_earlier_key_still_opens_and_the_newest_seals() {
        let old = Secrets::new(&[[1; 32]]);
        let sealed = old.seal(b"here", "whsec_abc").unwrap();
        let both = Secrets::new(&[[2; 32], [1; 32]]);
        assert_eq!(both.open(b"here", &sealed).as_deref(), Ok("whsec_abc"));
        assert!(!both.is_current(&sealed));
        let again = both.seal(b"here", "whsec_abc").unwrap();
        assert!(both.is_current(&again));
        assert!(old.open(b"here", &again).is_err());
    }

    #[test]
    fn without_a_key_a_secret_stays_in_clear() {
        let none = Secrets::default();
        let stored = none.seal(b"here", "whsec_abc").unwrap();
        assert_eq!(stored, StoredSecret::in_clear("whsec_abc"));
        assert!(none.is_current(&stored));
        let some = Secrets::new(&[[1; 32]]);
        assert_eq!(
            some.open(b"here", &stored).as_deref(),
            Ok("whsec_abc"),
            "what was there stays readable"
        );
        assert!(!some.is_current(&stored));
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let secrets = Secrets::new(&[[1; 32]]);
        let sealed = secrets.seal(b"here", "whsec_abc").unwrap();
        let text = sealed.as_stored();
        for at in text.len() - 60..text.len() - 2 {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = StoredSecret::in_clear(String::from_utf8(bytes).unwrap());
            assert!(secrets.open(b"here", &changed).is_err(), "byte {at}");
        }
        let short = ["sealed:1:", "sealed:1:abc", "sealed:1:abc:!"];
        for text in short {
            assert!(secrets.open(b"here", &StoredSecret::in_clear(text)).is_err(), "{text}");
        }
    }
}
