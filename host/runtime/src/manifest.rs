//! What a component declares in its custom sections, imports and exports.

use serde::Serialize;
use serde_json::Value;

use super::inspect_error::InspectError;
use super::settings::check_bounds;
use crate::answer::maybe_empty;
use crate::event::Hook;
use crate::invalid::NUL;

const NAME_CHARS_MAX: usize = 64;
const VERSION_CHARS_MAX: usize = 64;
const DESCRIPTION_CHARS_MAX: usize = 2_000;

/// The metadata of an upload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    /// Empty if absent.
    pub description: String,
    /// The JSON Schema of its settings.
    pub settings_schema: Option<Value>,
    /// Its exported hooks, in the order of a ticket's life.
    pub hooks: Vec<Hook>,
    /// The version of the WIT that they have: `0.2.0`.
    pub wit: String,
    /// Whether it checks its settings by itself.
    pub checks_settings: bool,
    /// Its imports that need a permission, without their versions: `repairops:plugin/log`.
    pub permissions: Vec<String>,
    /// Its imports that need no permission, without their versions: `wasi:cli/environment`.
    pub inert: Vec<String>,
}

/// The raw custom sections.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) settings_schema: Option<String>,
}

impl Metadata {
    /// The slot of a custom section, if its name is known.
    pub(super) fn field(&mut self, section: &str) -> Option<&mut Option<String>> {
        match section.strip_prefix("repairops:")? {
            "name" => Some(&mut self.name),
            "version" => Some(&mut self.version),
            "description" => Some(&mut self.description),
            "settings-schema" => Some(&mut self.settings_schema),
            _ => None,
        }
    }

    /// Validates the sections and builds the manifest.
    pub(super) fn into_manifest(
        self,
        hooks: Vec<Hook>,
        (wit, checks_settings): (String, bool),
        permissions: Vec<String>,
        inert: Vec<String>,
    ) -> Result<Manifest, InspectError> {
        let missing = |section| InspectError::NoMetadata { section };
        let name = self.name.ok_or_else(|| missing("name"))?;
        if !is_name(&name) {
            return Err(bad(
                "name",
                format!("{name:?} must be 1 to {NAME_CHARS_MAX} characters of a-z 0-9 -"),
            ));
        }
        let version = self.version.ok_or_else(|| missing("version"))?;
        if !is_version(&version) {
            return Err(bad(
                "version",
                format!(
                    "{version:?} is not a version; expected something like 1.0.0 or 1.0.0-rc.1"
                ),
            ));
        }
        let mut description = self.description.unwrap_or_default();
        maybe_empty("it", &mut description, DESCRIPTION_CHARS_MAX)
            .map_err(|reason| bad("description", reason))?;
        let settings_schema = self.settings_schema.map(|text| schema(&text)).transpose()?;
        Ok(Manifest {
            name,
            version,
            description,
            settings_schema,
            hooks,
            wit,
            checks_settings,
            permissions,
            inert,
        })
    }
}

fn schema(text: &str) -> Result<Value, InspectError> {
    let wrong = |reason: String| bad("settings-schema", reason);
    let value: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("it is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(wrong("it must be a JSON object that is a JSON Schema".into()));
    }
    if has_nul(&value) {
        return Err(wrong(format!("a text in it {NUL}")));
    }
    check_bounds(&value).map_err(InspectError::SettingsSchema)?;
    Ok(value)
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        _ => false,
    }
}

fn bad(section: &'static str, reason: impl Into<String>) -> InspectError {
    InspectError::Metadata { section, reason: reason.into() }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(fits)
}

fn is_version(text: &str) -> bool {
    text.len() <= VERSION_CHARS_MAX && semver::Version::parse(text).is_ok()
}
