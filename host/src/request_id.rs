//! The id of a request: in its response's `X-Request-Id`, in every error and in every log line.
//!
//! Invariant: an id has only characters that need no escaping in a header or a log, even if the client chose it.
//!
//! tower-http's layers accept any id from a client, and do not keep it for errors and log lines.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the current request; empty outside of one.
pub fn current() -> String {
    REQUEST_ID.try_with(String::clone).unwrap_or_default()
}

/// Runs work of a request in another task under the request's id.
pub async fn scope<F: Future>(id: String, work: F) -> F::Output {
    REQUEST_ID.scope(id, work).await
}

/// Middleware: assigns the request an id and sends it with the response. A client's own well-formed `X-Request-Id` is
/// used instead, so that its log can be matched with ours.
pub async fn assign(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_well_formed(id))
        .map_or_else(new, str::to_owned);
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn new() -> String {
    let mut random = [0; 12];
    // If the system returns no random bytes, requests are served with an empty id.
    getrandom::fill(&mut random)
        .map(|()| format!("req_{}", hex::encode(random)))
        .unwrap_or_default()
}

fn is_well_formed(id: &str) -> bool {
    (8..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
