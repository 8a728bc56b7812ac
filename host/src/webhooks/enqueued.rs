//! Whether the present request wrote an event that a webhook waits for.

use std::cell::Cell;

tokio::task_local! {
    static ENQUEUED: Cell<bool>;
}

/// Notes that the present request wrote such an event. Outside of a request it does nothing.
pub fn note() {
    let _ = ENQUEUED.try_with(|enqueued| enqueued.set(true));
}

/// Runs a request; returns whether it wrote such an event.
pub async fn watch<F: Future>(request: F) -> (F::Output, bool) {
    let watched = async {
        let output = request.await;
        (output, ENQUEUED.with(Cell::get))
    };
    ENQUEUED.scope(Cell::new(false), watched).await
}
