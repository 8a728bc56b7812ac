//! The plugin's metadata as custom sections, which a host reads without running any of its code.

/// The texts of the sections, with the defaults filled in by [`metadata!`](crate::metadata).
#[doc(hidden)]
pub struct Metadata {
    pub name: &'static str,
    pub version: &'static str,
    pub description: &'static str,
    pub settings_schema: &'static str,
}

/// The text as an array: only arrays of bytes become custom sections, a reference would not.
#[doc(hidden)]
pub const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    match text.as_bytes().first_chunk() {
        Some(bytes) => *bytes,
        None => panic!("N is the length of the text"),
    }
}

/// Embeds the plugin's name, version, description and settings schema; once in a crate.
///
/// `name`, `version` and `description` are those of `Cargo.toml` unless given here;
/// `settings_schema`, a JSON Schema (draft 2020-12) of an object, is left out unless given. All are string constants.
///
/// ```
/// repairops_plugin::metadata! {
///     description: "No ticket reaches QC without findings.",
///     settings_schema: r#"{"type": "object", "properties": {"strict": {"type": "boolean"}}}"#,
/// }
/// ```
///
/// A schema is more pleasant in a file of its own: `settings_schema: include_str!("../settings.schema.json")`.
///
/// The core module gets one custom section each, `repairops:name`, `repairops:version`,
/// `repairops:description` and `repairops:settings-schema`, whose content is the plain UTF-8 text.
#[macro_export]
macro_rules! metadata {
    ($($field:ident: $value:expr),* $(,)?) => {
        const _: () = {
            #[allow(dead_code, clippy::needless_update)]
            const METADATA: $crate::private::Metadata = $crate::private::Metadata {
                $($field: $value,)*
                ..$crate::private::Metadata {
                    name: ::core::env!("CARGO_PKG_NAME"),
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    description: ::core::env!("CARGO_PKG_DESCRIPTION"),
                    settings_schema: "",
                }
            };
            $crate::__metadata_section!("repairops:name", METADATA.name);
            $crate::__metadata_section!("repairops:version", METADATA.version);
            $crate::__metadata_section!("repairops:description", METADATA.description);
            $($crate::__metadata_schema!($field, METADATA);)*
        };
    };
}

/// The schema's section, when a schema is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __metadata_schema {
    (settings_schema, $metadata:ident) => {
        $crate::__metadata_section!("repairops:settings-schema", $metadata.settings_schema);
    };
    ($other:ident, $metadata:ident) => {};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __metadata_section {
    ($section:literal, $text:expr) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        const _: () = {
            #[used]
            #[unsafe(link_section = $section)]
            static SECTION: [u8; $text.len()] = $crate::private::bytes($text);
        };
    };
}
