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
            InstallError::AlreadyInstalled { plugin, installation, hook } => ApiError::conflict(
                message,
                json!({
                    "field": "plugin_id", "reason": "already_installed", "plugin": plugin,
                    "installation_id": installation, "hook": hook,
                }),
            ),
            InstallError::SameBuild { version } => {
                ApiError::conflict(message, json!({ "reason": "same_build", "version": version }))
            }
            InstallError::NoPastVersion => {
                ApiError::conflict(message, json!({ "reason": "no_past_version" }))
            }
            InstallError::BuildDeleted { n } => {
                ApiError::conflict(message, json!({ "reason": "build_deleted", "n": n }))
            }
            InstallError::ChangedMeanwhile => {
                ApiError::conflict(message, json!({ "reason": "changed" })).retry_after(1)
            }
            InstallError::LimitReached(reached) => reached.into(),
            InstallError::Database(error) => error.into(),
        }
    }
}
