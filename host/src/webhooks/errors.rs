//! Maps the errors of webhooks to HTTP responses.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::webhooks::create::CreateWebhookError;
use crate::webhooks::replay::ReplayError;
use crate::webhooks::rotate::RotateSecretError;

impl From<CreateWebhookError> for ApiError {
    fn from(error: CreateWebhookError) -> Self {
        match error {
            CreateWebhookError::Invalid(invalid) => invalid.into(),
            CreateWebhookError::LimitReached(reached) => reached.into(),
            CreateWebhookError::Randomness(error) => ApiError::internal(error),
            CreateWebhookError::Database(error) => error.into(),
        }
    }
}

impl From<RotateSecretError> for ApiError {
    fn from(error: RotateSecretError) -> Self {
        let message = error.to_string();
        match error {
            RotateSecretError::Invalid(invalid) => invalid.into(),
            RotateSecretError::NotFound => ApiError::not_found("Webhook"),
            RotateSecretError::TooMany => ApiError::conflict(message, Value::Null),
            RotateSecretError::Randomness(error) => ApiError::internal(error),
            RotateSecretError::Database(error) => error.into(),
        }
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        let message = error.to_string();
        match error {
            ReplayError::NotFound => ApiError::not_found("Webhook"),
            ReplayError::DeliveryNotFound => ApiError::not_found("Delivery"),
            ReplayError::Disabled { reason } => {
                ApiError::conflict(message, json!({ "disabled_reason": reason }))
            }
            ReplayError::Test => ApiError::conflict(message, Value::Null),
            ReplayError::Database(error) => error.into(),
        }
    }
}
