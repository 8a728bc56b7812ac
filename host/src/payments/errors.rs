//! Maps the errors of payments to HTTP responses.

use serde_json::json;

use crate::error::ApiError;
use crate::model::workflow::VOIDED;
use crate::payments::record::RecordError;

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        let message = error.to_string();
        match error {
            RecordError::Invalid(invalid) => invalid.into(),
            RecordError::NotFound => ApiError::not_found("Ticket"),
            RecordError::Voided => {
                ApiError::conflict(message, json!({ "field": "kind", "status": VOIDED }))
            }
            RecordError::ExceedsPaid { amount, refundable } => ApiError::conflict(
                message,
                json!({ "field": "amount", "value": amount, "refundable": refundable }),
            ),
            RecordError::Database(error) => error.into(),
        }
    }
}
