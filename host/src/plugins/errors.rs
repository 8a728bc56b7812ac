//! Maps the errors of plugins and installations to HTTP responses.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::plugins::install::InstallError;
use crate::plugins::upload::UploadError;
use crate::request_id;
use crate::runtime::SettingsError;

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotUsable { kind, message, place } => {
                let mut details = json!({ "field": "body", "reason": kind });
                if let Some(place) = place {
                    details["place"] = json!(place);
                }
                ApiError::invalid(message, details)
            }
            UploadError::SchemaUnchecked(error) => unchecked(&error),
            UploadError::Busy(_) => {
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
            InstallError::SettingsUnchecked(error) => unchecked(&error),
            InstallError::Database(error) => error.into(),
        }
    }
}

/// This node had no room for the check, or could not do it.
fn unchecked(error: &SettingsError) -> ApiError {
    if let SettingsError::Host { reason } = error {
        tracing::error!(request_id = %request_id::current(), reason, "settings could not be checked");
    }
    ApiError::unavailable("SERVER_BUSY", error.to_string(), json!({}))
}
