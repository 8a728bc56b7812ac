//! Maps the errors of plugins to HTTP responses.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::installations::install::InstallError;
use crate::plugins::delete::DeletePluginError;
use crate::plugins::hooks::{Failed, PluginRun};
use crate::plugins::try_out::TryError;
use crate::plugins::upload::UploadError;
use crate::request_id;
use crate::runtime::SettingsError;

impl ApiError {
    /// This node had no free capacity to check settings against a plugin's schema, or the check failed.
    pub fn settings_unchecked(error: &SettingsError) -> ApiError {
        if let SettingsError::Host { reason } = error {
            tracing::error!(request_id = %request_id::current(), reason, "settings could not be checked");
        }
        ApiError::unavailable("SERVER_BUSY", error.to_string(), json!({}))
    }
}

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
            UploadError::SchemaUnchecked(error) => ApiError::settings_unchecked(&error),
            UploadError::Busy(_) | UploadError::Deleted => {
                ApiError::unavailable("SERVER_BUSY", error.to_string(), Value::Null)
            }
            UploadError::LimitReached(reached) => reached.into(),
            UploadError::Inspection(error) => ApiError::internal(error),
            UploadError::Database(error) => error.into(),
        }
    }
}

impl From<TryError> for ApiError {
    fn from(error: TryError) -> Self {
        let message = error.to_string();
        match error {
            TryError::Invalid(invalid) => invalid.into(),
            TryError::NotFound => ApiError::not_found("Plugin"),
            TryError::NotReady { state, error } => {
                let details = json!({ "field": "plugin_id", "state": state, "error": error });
                ApiError::conflict(message, details)
            }
            TryError::Settings(error) => InstallError::from(error).into(),
            TryError::Ticket(error) => error.into(),
            TryError::NotCalled => ApiError::unavailable("SERVER_BUSY", message, Value::Null),
            TryError::Database(error) => error.into(),
        }
    }
}

impl From<DeletePluginError> for ApiError {
    fn from(error: DeletePluginError) -> Self {
        let message = error.to_string();
        match error {
            DeletePluginError::NotFound => ApiError::not_found("Plugin"),
            DeletePluginError::InUse { installations, .. } => {
                ApiError::plugin_in_use(message, json!({ "installations": installations }))
            }
            DeletePluginError::Database(error) => error.into(),
        }
    }
}

impl ApiError {
    /// A required plugin failed: 422, or 503 if the node did not give it its due.
    pub fn plugin_failed(message: String, failure: &Failed, ran: &[PluginRun]) -> ApiError {
        let details = json!({
            "plugin": failure.plugin, "hook": failure.hook, "run_id": failure.run_id, "outcome": failure.outcome,
            "error": failure.error, "plugins": ran,
        });
        if failure.is_nodes_fault {
            ApiError::unavailable("PLUGIN_UNAVAILABLE", message, details)
        } else {
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "PLUGIN_FAILED", message, details)
        }
    }
}
