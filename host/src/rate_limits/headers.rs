//! `X-RateLimit-*` on every answer to a request with a good key, whatever became of it.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::Spent;

/// Where the extractor that authenticates leaves what the request took.
#[derive(Clone, Default)]
struct Note(Arc<OnceLock<Spent>>);

/// Middleware: tells the client what is left of its window.
pub async fn show(mut request: Request, next: Next) -> Response {
    let note = Note::default();
    request.extensions_mut().insert(note.clone());
    let mut response = next.run(request).await;
    if let Some(spent) = note.0.get() {
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-limit", HeaderValue::from(spent.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(spent.remaining()));
        headers.insert("x-ratelimit-reset", HeaderValue::from(spent.reset_at().timestamp()));
    }
    response
}

pub fn note(parts: &Parts, spent: Spent) {
    if let Some(note) = parts.extensions.get::<Note>() {
        let _ = note.0.set(spent);
    }
}
