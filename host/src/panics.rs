//! Answers a request whose handler panicked. Invariant: the client gets a 500 with the error envelope and the request's
//! id, as after any other internal error; what the panic said is for the log alone.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// For `CatchPanicLayer::custom`.
pub fn answer(panic: Box<dyn Any + Send>) -> Response {
    ApiError::internal(anyhow::anyhow!("a handler panicked: {}", message(&*panic))).into_response()
}

/// What `panic!` was called with, which is a text except for `std::panic::panic_any`.
fn message(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a message",
    }
}
