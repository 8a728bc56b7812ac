//! Maps the errors of API keys to HTTP responses.

use serde_json::json;

use crate::error::ApiError;
use crate::keys::create::CreateKeyError;
use crate::keys::revoke::RevokeKeyError;
use crate::keys::rotate::RotateKeyError;

impl From<CreateKeyError> for ApiError {
    fn from(error: CreateKeyError) -> Self {
        match error {
            CreateKeyError::Invalid(invalid) => invalid.into(),
            CreateKeyError::LimitReached(reached) => reached.into(),
            CreateKeyError::Randomness(error) => ApiError::internal(error),
            CreateKeyError::Database(error) => error.into(),
        }
    }
}

impl From<RevokeKeyError> for ApiError {
    fn from(error: RevokeKeyError) -> Self {
        let message = error.to_string();
        match error {
            RevokeKeyError::NotFound => ApiError::not_found("API key"),
            RevokeKeyError::LastAdmin => last_admin(message),
            RevokeKeyError::Database(error) => error.into(),
        }
    }
}

impl From<RotateKeyError> for ApiError {
    fn from(error: RotateKeyError) -> Self {
        let message = error.to_string();
        match error {
            RotateKeyError::Invalid(invalid) => invalid.into(),
            RotateKeyError::NotFound => ApiError::not_found("API key"),
            RotateKeyError::Ended { state } => {
                ApiError::conflict(message, json!({ "state": state }))
            }
            RotateKeyError::LastAdmin => last_admin(message),
            RotateKeyError::LimitReached(reached) => {
                let mut error = ApiError::from(reached);
                error.message = message;
                error
            }
            RotateKeyError::Randomness(error) => ApiError::internal(error),
            RotateKeyError::Database(error) => error.into(),
        }
    }
}

fn last_admin(message: String) -> ApiError {
    ApiError::conflict(message, json!({ "reason": "last_admin_key" }))
}
