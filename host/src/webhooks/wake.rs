//! Wakes this node's dispatcher after a request that wrote an event for an endpoint, so that the first attempt is
//! immediate. The dispatcher's polling finds the events of other nodes and of clients that disconnected.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::enqueued;
use crate::app::App;

/// Middleware: the request's transaction has ended when the response is returned.
pub async fn after_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let (response, has_enqueued) = enqueued::watch(next.run(request)).await;
    if has_enqueued {
        app.webhooks.wake();
    }
    response
}
