//! Sends `X-RateLimit-*` with every response to a request with a valid key.
//!
//! Invariant: errors have them, too.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::Spent;

/// The hourly limit of the key, or of its organization if that has fewer requests left.
pub const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// Requests left in this window.
pub const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// When the window resets, as Unix time.
pub const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Set by the extractor that authenticates.
#[derive(Clone, Default)]
struct Note(Arc<OnceLock<Spent>>);

/// Middleware: adds the state of the narrower of the key's and the organization's window.
pub async fn show(mut request: Request, next: Next) -> Response {
    let note = Note::default();
    request.extensions_mut().insert(note.clone());
    let mut response = next.run(request).await;
    if let Some(spent) = note.0.get() {
        let headers = response.headers_mut();
        headers.insert(LIMIT, HeaderValue::from(spent.limit));
        headers.insert(REMAINING, HeaderValue::from(spent.remaining()));
        headers.insert(RESET, HeaderValue::from(spent.reset_at().timestamp()));
    }
    response
}

pub fn note(parts: &Parts, spent: Spent) {
    if let Some(note) = parts.extensions.get::<Note>() {
        let _ = note.0.set(spent);
    }
}
