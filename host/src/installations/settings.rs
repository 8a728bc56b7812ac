//! Checks an installation's settings by the JSON Schema in its plugin.
//!
//! Invariant: runs before anything is stored and outside of any transaction, because a schema is untrusted and
//! evaluating it may take as long as its limits allow.

use serde_json::Value;

use crate::app::App;
use crate::model::ids::OrgId;
use crate::model::invalid::Invalid;
use crate::model::plugin::Plugin;
use crate::runtime::SettingsError;

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Names the field, for example `settings.approval_threshold`.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// This node had no free capacity for the check, or the check failed.
    #[error("{0}")]
    Unchecked(SettingsError),
    #[error("the settings have {bytes} bytes; at most {maximum} are allowed")]
    TooLarge { bytes: usize, maximum: usize },
}

pub async fn check(
    app: &App,
    org: OrgId,
    plugin: &Plugin,
    settings: &Value,
) -> Result<(), CheckError> {
    if !settings.is_object() {
        return Err(Invalid::new("settings", settings, "settings must be a JSON object").into());
    }
    let (bytes, maximum) = (settings.to_string().len(), app.config.bounds.settings_max_bytes);
    if bytes > maximum {
        return Err(CheckError::TooLarge { bytes, maximum });
    }
    let Some(schema) = &plugin.settings_schema else { return Ok(()) };
    let checked = app.runtime.check_settings(org.0, schema, settings).await;
    checked.map_err(|error| match error {
        SettingsError::Settings { place, reason, of_default } => {
            let field = format!("settings{}", place.replace('/', "."));
            let message = if of_default {
                format!(
                    "{field}: the default of the plugin {} does not fit its own schema: {reason}. \
                     Set a value, or ask the plugin's developer for a corrected version",
                    plugin.name
                )
            } else {
                format!("{field}: {reason}")
            };
            Invalid::new(field, settings.pointer(&place), message).into()
        }
        error @ SettingsError::Schema(_) => {
            let message = format!(
                "{error}. The settings of the plugin {} cannot be changed until its developer has corrected it; \
                 its installations keep running",
                plugin.name
            );
            Invalid::new("settings", Value::Null, message).into()
        }
        error @ SettingsError::TooCostly(_) => {
            Invalid::new("settings", Value::Null, error.to_string()).into()
        }
        error @ (SettingsError::Busy(_) | SettingsError::Host { .. }) => {
            CheckError::Unchecked(error)
        }
    })
}
