//! Maps the errors of webhooks to HTTP responses.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::webhooks::create::CreateWebhookError;
use crate::webhooks::delete::DeleteWebhookError;
use crate::webhooks::replay::ReplayError;
use crate::webhooks::rotate::RotateSecretError;
use crate::webhooks::send_test::SendTestError;
use crate::webhooks::update::UpdateWebhookError;

impl From<CreateWebhookError> for ApiError {
    fn from(error: CreateWebhookError) -> Self {
        match error {
            CreateWebhookError::Invalid(invalid) => invalid.into(),
            CreateWebhookError::TooMany { max } => {
                ApiError::conflict(error.to_string(), json!({ "max": max }))
            }
            CreateWebhookError::Randomness(error) => ApiError::internal(error),
            CreateWebhookError::Database(error) => error.into(),
        }
    }
}

impl From<UpdateWebhookError> for ApiError {
    fn from(error: UpdateWebhookError) -> Self {
        match error {
            UpdateWebhookError::Invalid(invalid) => invalid.into(),
            UpdateWebhookError::NotFound => ApiError::not_found("Webhook"),
            UpdateWebhookError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteWebhookError> for ApiError {
    fn from(error: DeleteWebhookError) -> Self {
        match error {
            DeleteWebhookError::NotFound => ApiError::not_found("Webhook"),
            DeleteWebhookError::Database(error) => error.into(),
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

impl From<SendTestError> for ApiError {
    fn from(error: SendTestError) -> Self {
        match error {
            SendTestError::NotFound => ApiError::not_found("Webhook"),
            SendTestError::Database(error) => error.into(),
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
