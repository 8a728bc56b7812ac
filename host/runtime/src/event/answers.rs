//! What guests return, in plain records. The WIT says what each field means.

use serde::{Deserialize, Serialize};

use super::ticket::CustomField;
use crate::excerpt;

/// The largest amount of money, in hundredths: ten billion.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// Longest text of a plugin's own error.
const ERROR_BYTES_MAX: usize = 2_000;

/// The answer of the hooks that judge: `pre-create`, `pre-update`, `pre-transition`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    AllowWithWarnings(Vec<Violation>),
    Deny(Vec<Violation>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Violation {
    pub code: String,
    pub message: String,
    pub field: Option<String>,
}

/// The answer of `post-create`. Fields that are `None` or empty change nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Patch {
    pub tags: Vec<String>,
    pub severity: Option<String>,
    pub category: Option<String>,
    pub estimated_cost: Option<i64>,
    pub recommended_parts: Option<Vec<String>>,
    /// The id of a user; the host checks that there is one.
    pub assigned_to: Option<String>,
    pub custom_fields: Vec<CustomField>,
    pub internal_note: Option<String>,
}

/// The answer of `reserve-inventory`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Pass,
    Plan(Vec<Allocation>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    pub part_id: String,
    pub source: Source,
    pub quantity: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Item(String),
    Backorder,
}

/// One of the answers of `settings-check`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingsProblem {
    /// A JSON Pointer into the settings; empty for all of them.
    pub pointer: String,
    pub message: String,
}

/// The plugin's own error. A denial is an answer, not an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PluginError {
    #[error("the plugin cannot use its settings: {0}")]
    InvalidSettings(String),
    #[error("the plugin does not support this case: {0}")]
    Unsupported(String),
    #[error("the plugin failed: {0}")]
    Failed(String),
}

impl PluginError {
    /// The same with a text that can be stored and shown: short, without NUL characters, never blank.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        let (Self::InvalidSettings(text) | Self::Unsupported(text) | Self::Failed(text)) =
            &mut self;
        *text = excerpt::storable(text.trim(), ERROR_BYTES_MAX);
        if text.is_empty() {
            "it gave no reason".clone_into(text);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_plugin_can_be_stored_and_shown() {
        let cleaned = |text: &str| PluginError::Failed(text.to_owned()).cleaned().to_string();
        assert_eq!(cleaned(" a\0b\n"), "the plugin failed: a\u{fffd}b");
        assert_eq!(cleaned(" \n"), "the plugin failed: it gave no reason");
        assert!(cleaned(&"ü".repeat(1 << 20)).len() < 2_100);
    }
}
