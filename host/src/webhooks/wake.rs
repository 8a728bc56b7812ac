//! Wakes this node's dispatcher after a request that wrote an event which somebody waits for, so that the first attempt
//! is immediate. Other nodes' events, and those of a client that hung up, are found by the dispatcher's own look.

use std::cell::Cell;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

tokio::task_local! {
    static ENQUEUED: Cell<bool>;
}

/// Notes that the present request wrote such an event. Outside of a request it does nothing.
pub fn note() {
    let _ = ENQUEUED.try_with(|enqueued| enqueued.set(true));
}

/// Middleware: by the time of the answer the transaction has ended.
pub async fn after_request(State(app): State<App>, request: Request, next: Next) -> Response {
    ENQUEUED
        .scope(Cell::new(false), async {
            let response = next.run(request).await;
            if ENQUEUED.with(Cell::get) {
                app.webhooks.wake();
            }
            response
        })
        .await
}
