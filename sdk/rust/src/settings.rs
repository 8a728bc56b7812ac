//! The installation's settings: what the shop's owner wrote for this plugin.
//!
//! A plugin declares its settings type (`type Settings = …`), any that derives
//! [`serde::Deserialize`](serde::de::DeserializeOwned), and the SDK reads and parses it before each call. The host
//! has checked the settings by the JSON Schema and filled in its defaults; `#[serde(default)]` gives unit tests,
//! where no host does that, the same ones.
//!
//! ```
//! use repairops_plugin::{PluginError, settings};
//!
//! #[derive(serde::Deserialize)]
//! struct Threshold {
//!     #[serde(default = "two_hundred")]
//!     approval_threshold: f64,
//! }
//!
//! fn two_hundred() -> f64 {
//!     200.0
//! }
//!
//! let threshold: Threshold = settings::parse("{}")?;
//! assert_eq!(threshold.approval_threshold, 200.0);
//! # Ok::<(), PluginError>(())
//! ```

use crate::{PluginError, Problem, SettingsCheck};
use serde::de::DeserializeOwned;

/// The settings of a plugin without settings. It accepts all settings and reads none: such a plugin does not even
/// import `settings`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoSettings;

/// The types that `type Settings` accepts: every type that implements `serde::Deserialize`, and [`NoSettings`]. There
/// is no need to implement it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold a plugin's settings",
    label = "not readable from JSON",
    note = "add `#[derive(serde::Deserialize)]` to it, or use `NoSettings`"
)]
pub trait PluginSettings: Sized {
    /// Reads the settings from the host.
    #[doc(hidden)]
    fn load() -> Result<Self, PluginError>;
}

impl PluginSettings for NoSettings {
    fn load() -> Result<Self, PluginError> {
        Ok(Self)
    }
}

impl<S: DeserializeOwned> PluginSettings for S {
    fn load() -> Result<Self, PluginError> {
        #[cfg(target_arch = "wasm32")]
        let json = crate::bindings::shared::repairops::plugin::settings::get();
        #[cfg(not(target_arch = "wasm32"))]
        let json = String::from("{}");
        parse(&json)
    }
}

/// Parses settings from a JSON object, exactly as it happens before a call. For unit tests.
///
/// # Errors
///
/// [`PluginError::InvalidSettings`], with serde's message, when the text does not fit `S`.
pub fn parse<S: DeserializeOwned>(json: &str) -> Result<S, PluginError> {
    serde_json::from_str(json).map_err(|error| PluginError::InvalidSettings(error.to_string()))
}

/// Answers a `settings-check`.
#[doc(hidden)]
pub fn check<P: SettingsCheck>(json: &str) -> Result<(), Vec<Problem>> {
    match serde_json::from_str(json) {
        Ok(settings) => P::check(settings),
        Err(error) => Err(vec![Problem::of_all(error.to_string())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Limit {
        limit: u32,
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        assert_eq!(parse(r#"{"limit": 3}"#), Ok(Limit { limit: 3 }));
        let Err(PluginError::InvalidSettings(message)) = parse::<Limit>("{}") else {
            panic!("no error")
        };
        assert!(message.starts_with("missing field `limit`"), "{message}");
    }
}
