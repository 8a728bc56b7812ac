//! Stores the response of an operation that is about to commit, so that a repeat gets it even if this server stops
//! before the final response is stored.
//!
//! Invariant: it is written in the transaction of the operation.

use serde::Serialize;

use super::slot;
use super::stored::Answer;
use crate::respond::Created;

/// The response to a request that is about to commit.
pub struct Noted {
    status: u16,
    location: Option<String>,
    version: Option<i64>,
    body: Vec<u8>,
}

impl<T: Serialize> From<Created<T>> for Noted {
    fn from(created: Created<T>) -> Self {
        Noted::created(created.location, &created.body)
    }
}

impl Noted {
    pub fn created(location: String, body: &impl Serialize) -> Noted {
        Noted { status: 201, location: Some(location), ..Noted::ok(body) }
    }

    pub fn ok(body: &impl Serialize) -> Noted {
        // A body that fails to serialize here fails in the handler too, which reports it.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Noted { status: 200, location: None, version: None, body }
    }

    /// The version for the `ETag`.
    pub fn version(self, version: i64) -> Noted {
        Noted { version: Some(version), ..self }
    }

    fn answer(self) -> Answer {
        let named = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![named("content-type", "application/json".to_owned())];
        headers.extend(self.location.map(|location| named("location", location)));
        headers.extend(self.version.map(|version| named("etag", format!("\"{version}\""))));
        Answer { status: self.status, headers, body: self.body }
    }
}

/// Call it right before the commit. Without an Idempotency-Key it does nothing; the last call wins.
pub fn note(answer: impl FnOnce() -> Noted) {
    if let Some(slot) = slot::current() {
        slot.lock().noted = Some(answer().answer());
    }
}
