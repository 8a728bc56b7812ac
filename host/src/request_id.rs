//! The id that a request has in its answer's `X-Request-Id`, in every error and in every log line.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that this task serves; empty outside of one.
pub fn current() -> String {
    REQUEST_ID.try_with(String::clone).unwrap_or_default()
}

/// Middleware: names the request, runs the rest, tells the client the name.
pub async fn assign(request: Request, next: Next) -> Response {
    let mut random = [0; 12];
    // Without randomness all requests share the empty id; they are served all the same.
    let id = getrandom::fill(&mut random)
        .map(|()| format!("req_{}", hex::encode(random)))
        .unwrap_or_default();
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
