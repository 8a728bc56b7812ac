//! API keys: `ro_live_` and 32 random bytes in hex, shown once, stored as SHA-256.
//!
//! Invariant: no API request shortens the time for which an organization has an admin key; [`guard`] enforces it.

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

/// The stored form, used for lookup. A key has 256 random bits, so a plain hash is enough.
pub type KeyHash = [u8; 32];

pub fn key_hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

pub fn is_well_formed(key: &str) -> bool {
    key.strip_prefix(PREFIX).is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Generates the text of a new key, which is its only copy.
fn generate() -> anyhow::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("random bytes for a key are not available: {error}"))?;
    Ok(format!("{PREFIX}{}", hex::encode(random)))
}

/// Distinguishes keys in a list: the last four digits, which reveal 16 of 256 bits.
fn hint(key: &str) -> &str {
    key.get(key.len().saturating_sub(4)..).unwrap_or_default()
}
