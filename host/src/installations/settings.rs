//! Checks an installation's settings by the JSON Schema in its plugin, and by the plugin itself.
//!
//! Invariant: runs before anything is stored and outside of any transaction, because a schema is untrusted and
//! evaluating it may take as long as its limits allow.

use std::sync::Arc;

use serde_json::Value;

use crate::app::App;
use crate::model::ids::{InstallationId, OrgId};
use crate::model::invalid::Invalid;
use crate::model::limits::Limits;
use crate::model::plugin::Plugin;
use crate::plugins::active::Active;
use crate::plugins::hooks::{self, Failed};
use crate::runtime::SettingsError;

/// Asks the plugin itself, if it has a `settings-check`. Also before anything is stored.
pub async fn ask_plugin(
    app: &App,
    org: OrgId,
    plugin: &Plugin,
    (id, settings, limits): (InstallationId, &Value, Limits),
) -> Result<(), CheckError> {
    if !plugin.checks_settings {
        return Ok(());
    }
    let active = Arc::new(Active::to_check(plugin, id, settings, limits));
    let problems =
        hooks::settings_check(app, org, active).await.map_err(CheckError::PluginFailed)?;
    let mut problems = problems.into_iter();
    let Some(first) = problems.next() else { return Ok(()) };
    let field = field(&first.pointer);
    let others: Vec<String> = problems
        .map(|problem| format!("{}: {}", self::field(&problem.pointer), problem.message))
        .collect();
    let mut message = format!("{field}: {}", first.message);
    for other in others {
        message.push_str("; ");
        message.push_str(&other);
    }
    Err(Invalid::new(field, settings.pointer(&first.pointer), message).into())
}

/// `settings.rules.0.status` for the pointer `/rules/0/status`.
fn field(pointer: &str) -> String {
    format!("settings{}", pointer.replace('/', "."))
}

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Names the field, for example `settings.approval_threshold`.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// This node had no free capacity for the check, or the check failed.
    #[error("{0}")]
    Unchecked(SettingsError),
    /// The plugin's own check of its settings broke.
    #[error("The plugin {} could not check its settings, so nothing was changed: {}", .0.plugin, .0.error.message)]
    PluginFailed(Box<Failed>),
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
            let field = field(&place);
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
