//! Records whether the current request wrote an event that an endpoint subscribes to.

use std::cell::Cell;

tokio::task_local! {
    static ENQUEUED: Cell<bool>;
}

/// Marks the current request. Does nothing outside of a request.
pub fn mark() {
    let _ = ENQUEUED.try_with(|enqueued| enqueued.set(true));
}

/// Runs a request. Returns whether it was marked.
pub async fn watch<F: Future>(request: F) -> (F::Output, bool) {
    let watched = async {
        let output = request.await;
        (output, ENQUEUED.with(Cell::get))
    };
    ENQUEUED.scope(Cell::new(false), watched).await
}
