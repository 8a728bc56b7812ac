//! Responds to a request whose handler panicked.
//!
//! Invariant: the client gets a 500 with the error envelope and the request id, as after any other internal error;
//! the panic message is only logged.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// Passed to `CatchPanicLayer::custom`.
pub fn answer(panic: Box<dyn Any + Send>) -> Response {
    ApiError::internal(anyhow::anyhow!("a handler panicked: {}", message(&*panic))).into_response()
}

/// The panic message, which is a text unless `std::panic::panic_any` was used.
fn message(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a message",
    }
}
