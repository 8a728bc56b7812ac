//! Maps the errors of feedback to HTTP responses.

use serde_json::json;

use crate::error::ApiError;
use crate::feedback::give::GiveFeedbackError;

impl From<GiveFeedbackError> for ApiError {
    fn from(error: GiveFeedbackError) -> Self {
        let message = error.to_string();
        match error {
            GiveFeedbackError::Invalid(invalid) => invalid.into(),
            GiveFeedbackError::NotFound => ApiError::not_found("Ticket"),
            GiveFeedbackError::TooEarly { status } => ApiError::conflict(
                message,
                json!({ "status": status, "allowed": ["PICKED_UP", "CLOSED"] }),
            ),
            GiveFeedbackError::GivenAlready { score, created_at } => {
                ApiError::conflict(message, json!({ "score": score, "created_at": created_at }))
            }
            GiveFeedbackError::Database(error) => error.into(),
        }
    }
}
