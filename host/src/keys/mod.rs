//! API keys: `ro_live_` and 32 random bytes in hex, shown once, stored as SHA-256.

pub mod create;
pub mod store;

use sha2::{Digest, Sha256};

const PREFIX: &str = "ro_live_";

/// What is stored and looked up. A key has 256 bits of its own, so a plain hash is enough.
pub fn key_hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}

pub fn is_well_formed(key: &str) -> bool {
    key.strip_prefix(PREFIX).is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A new key. The text is the only copy.
pub fn generate() -> anyhow::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("no randomness for a key: {error}"))?;
    Ok(format!("{PREFIX}{}", hex::encode(random)))
}
