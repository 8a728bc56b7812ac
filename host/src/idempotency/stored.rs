//! What is stored for a request with an `Idempotency-Key`, and for how long.
//!
//! Invariant: bodies are stored encrypted.

use chrono::TimeDelta;

use super::seal::{SealError, Sealer};

/// How long a response is kept.
pub(super) const KEPT: TimeDelta = TimeDelta::hours(24);

/// How long a claim is protected from takeover. A longer request continues, but cannot commit after a takeover.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(30);

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A response in its stored form.
pub(super) struct Sealed {
    pub status: i64,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub(super) fn sealed(&self, sealer: &Sealer, purpose: &str) -> Result<Sealed, SealError> {
        Ok(Sealed {
            status: i64::from(self.status),
            headers: self.headers.clone(),
            body: sealer.seal(purpose, &self.body)?,
        })
    }
}
