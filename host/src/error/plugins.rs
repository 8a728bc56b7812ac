//! What clients read of the errors of plugins and installations.

use serde_json::{Value, json};

use super::ApiError;
use crate::plugins::install::InstallError;
use crate::plugins::upload::UploadError;

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotUsable { ref kind, .. } => {
                let details = json!({ "field": "body", "reason": kind });
                ApiError::invalid(error.to_string(), details)
            }
            UploadError::Busy => {
                ApiError::unavailable("SERVER_BUSY", error.to_string(), Value::Null)
            }
            UploadError::Inspection(error) => ApiError::internal(error),
            UploadError::Database(error) => error.into(),
        }
    }
}

impl From<InstallError> for ApiError {
    fn from(error: InstallError) -> Self {
        let message = error.to_string();
        match error {
            InstallError::Invalid(invalid) => invalid.into(),
            InstallError::NotFound => ApiError::not_found("Installation"),
            InstallError::NotReady { state, error } => ApiError::conflict(
                message,
                json!({ "field": "plugin_id", "state": state, "error": error }),
            ),
            InstallError::Database(error) => error.into(),
        }
    }
}
