//! Why an upload was rejected: what is wrong, and what is valid.

use wasmparser::BinaryReaderError;

use super::settings::SchemaError;

/// Why an upload was rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    #[error("the upload is empty; it must be a WebAssembly component")]
    Empty,
    #[error(
        "the upload is {found}; it must be a WebAssembly component (build one with `repairops plugin build`)"
    )]
    NotWasm { found: &'static str },
    #[error(
        "the upload is a core WebAssembly module; it must be a component: \
         build it for wasm32-wasip2, as `repairops plugin build` does"
    )]
    CoreModule,
    #[error("the component is incomplete: the file ends after {size} bytes")]
    Truncated { size: usize },
    #[error("the component is invalid at byte {offset}: {reason}")]
    Invalid { offset: usize, reason: String },
    #[error("the component is too complex to inspect: {what}")]
    TooComplex { what: String },
    #[error("the component imports {name}, which this host does not provide; it provides {known}")]
    UnknownImport { name: String, known: String },
    #[error("the component exports {name}, which this host does not support; it supports {known}")]
    UnknownHook { name: String, known: String },
    #[error(
        "the component exports {name}, whose version this host does not know; it knows {known}: \
         build the plugin with an SDK for one of these"
    )]
    UnknownVersion { name: String, known: String },
    #[error(
        "the component exports {first} and {second}, which are of two versions; all its hooks must be of one"
    )]
    TwoVersions { first: String, second: String },
    #[error("the component exports no hook; it must export at least one of {known}")]
    NoHooks { known: String },
    #[error(
        "the component has no custom section repairops:{section}, which a plugin needs: write `repairops_plugin::metadata!();` \
         once in a Rust crate; for other languages, see \"Metadata\" in docs/plugins.md"
    )]
    NoMetadata { section: &'static str },
    #[error("the component's custom section repairops:{section} is invalid: {reason}")]
    Metadata { section: &'static str, reason: String },
    #[error("the component's settings schema is invalid {0}")]
    SettingsSchema(SchemaError),
}

impl InspectError {
    /// A short code for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            InspectError::Empty => "empty",
            InspectError::NotWasm { .. } => "not_wasm",
            InspectError::CoreModule => "core_module",
            InspectError::Truncated { .. } => "truncated",
            InspectError::Invalid { .. } => "invalid",
            InspectError::TooComplex { .. } => "too_complex",
            InspectError::UnknownImport { .. } => "unknown_import",
            InspectError::UnknownHook { .. } => "unknown_hook",
            InspectError::UnknownVersion { .. } => "unknown_version",
            InspectError::TwoVersions { .. } => "two_versions",
            InspectError::NoHooks { .. } => "no_hooks",
            InspectError::NoMetadata { .. } | InspectError::Metadata { .. } => "metadata",
            InspectError::SettingsSchema(_) => "settings_schema",
        }
    }
}

pub(super) fn invalid(error: &BinaryReaderError) -> InspectError {
    InspectError::Invalid { offset: error.offset(), reason: error.message().to_owned() }
}

pub(super) fn too_complex(what: String) -> InspectError {
    InspectError::TooComplex { what }
}
