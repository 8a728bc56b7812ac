//! API keys: `ro_live_` and 32 random bytes in hex, shown once, stored as SHA-256.
//!
//! Invariant: no request through the API brings the moment nearer at which an organization has no
//! admin key left; [`guard`] keeps it.

pub mod create;
mod errors;
pub mod guard;
pub mod http;
pub mod revoke;
pub mod rotate;
pub mod store;
pub mod views;

use sha2::{Digest, Sha256};

const PREFIX: &str = "ro_live_";

/// What is stored and looked up. A key has 256 bits of its own, so a plain hash is enough.
pub type KeyHash = [u8; 32];

pub fn key_hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

pub fn is_well_formed(key: &str) -> bool {
    key.strip_prefix(PREFIX).is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A new key. The text is the only copy.
fn generate() -> anyhow::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("random bytes for a key are not available: {error}"))?;
    Ok(format!("{PREFIX}{}", hex::encode(random)))
}

/// What tells keys apart in a list: the last four digits, which give 16 of 256 bits away.
fn hint(key: &str) -> &str {
    key.get(key.len().saturating_sub(4)..).unwrap_or_default()
}
