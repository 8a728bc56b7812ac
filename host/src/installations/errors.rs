//! Maps the errors of installations to HTTP responses.

use serde_json::json;

use crate::error::ApiError;
use crate::installations::install::InstallError;

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
            InstallError::PluginFailed(failed) => ApiError::plugin_failed(message, &failed, &[]),
            InstallError::SettingsUnchecked(error) => ApiError::settings_unchecked(&error),
            InstallError::SettingsTooLarge { bytes, maximum } => {
                let details = json!({
                    "field": "settings", "value": bytes, "size_bytes": bytes, "limit_bytes": maximum,
                });
                ApiError::invalid(message, details)
            }
            InstallError::LimitReached(reached) => reached.into(),
            InstallError::Database(error) => error.into(),
        }
    }
}
