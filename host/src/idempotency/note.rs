//! What an operation says of its answer before it commits, so that a repeated request can be answered
//! even if this server stops before the answer is stored.

use serde::Serialize;

use super::slot;
use super::stored::Answer;
use crate::respond::Created;

/// The answer to a request that is about to commit.
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
        // What is no JSON here is none in the handler either, which says so.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Noted { status: 200, location: None, version: None, body }
    }

    /// For the `ETag`.
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

/// Call it right before the commit. It costs nothing without an Idempotency-Key. Of several calls the last one counts.
pub fn note(answer: impl FnOnce() -> Noted) {
    if let Some(slot) = slot::current() {
        slot.lock().noted = Some(answer().answer());
    }
}
