//! Maps the errors of Idempotency-Keys to HTTP responses.
//!
//! Invariant: errors that a retry may resolve have `Retry-After`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::idempotency::ClaimError;

impl From<ClaimError> for ApiError {
    fn from(error: ClaimError) -> Self {
        let message = error.to_string();
        match error {
            ClaimError::Malformed { value } => ApiError::field("Idempotency-Key", value, message),
            ClaimError::Reused => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                message,
                json!({ "field": "Idempotency-Key" }),
            ),
            ClaimError::InFlight => {
                ApiError::new(StatusCode::CONFLICT, "IDEMPOTENCY_IN_FLIGHT", message, Value::Null)
                    .retry_after(1)
            }
            ClaimError::AnswerLost => {
                ApiError::new(StatusCode::CONFLICT, "IDEMPOTENCY_ANSWER_LOST", message, Value::Null)
            }
            ClaimError::Database(error) => error.into(),
        }
    }
}
