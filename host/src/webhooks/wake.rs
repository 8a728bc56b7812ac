//! Wakes this node's dispatcher after a request that wrote an event that a webhook waits for, so that the first attempt
//! is immediate. Other nodes' events, and those of a client that hung up, are found by the dispatcher's own look.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::enqueued;
use crate::app::App;

/// Middleware: by the time of the answer the transaction has ended.
pub async fn after_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let (response, has_enqueued) = enqueued::watch(next.run(request)).await;
    if has_enqueued {
        app.webhooks.wake();
    }
    response
}
