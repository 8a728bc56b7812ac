//! A secret as the database has it: sealed, or in clear where no key is configured.
//!
//! Invariant: its text is not shown by `Debug`; `secrets::Secrets` seals and opens it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The first part of every sealed text, with the number of its form.
pub const SEALED_PREFIX: &str = "sealed:1:";

/// How many characters name the key that sealed it.
pub const KEY_ID_CHARS: usize = 16;

/// `sealed:1:KEY_ID:BASE64`, or the secret itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct StoredSecret(String);

/// The parts of a sealed secret.
pub struct Sealed<'a> {
    pub key_id: &'a str,
    pub base64: &'a str,
}

impl StoredSecret {
    pub fn in_clear(text: impl Into<String>) -> StoredSecret {
        StoredSecret(text.into())
    }

    pub fn sealed(key_id: &str, base64: &str) -> StoredSecret {
        StoredSecret(format!("{SEALED_PREFIX}{key_id}:{base64}"))
    }

    pub fn as_stored(&self) -> &str {
        &self.0
    }

    /// `None` if it is in clear.
    pub fn parts(&self) -> Option<Sealed<'_>> {
        let rest = self.0.strip_prefix(SEALED_PREFIX)?;
        let (key_id, base64) = rest.split_once(':').unwrap_or((rest, ""));
        Some(Sealed { key_id, base64 })
    }
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.parts().is_some() {
            "StoredSecret(sealed)"
        } else {
            "StoredSecret(in clear)"
        })
    }
}

/// No key of this node opens the secret: it was sealed with another key, or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret was sealed with the key {key_id}, which this node does not have")]
pub struct CannotOpen {
    pub key_id: String,
}
