//! Inspects an upload without compiling or running it: whether it is a component, its exports, imports and metadata.
//! A rejection says what is wrong and what is valid.
//!
//! Invariant: the work on untrusted bytes is bounded.

use wasmparser::{BinaryReaderError, Parser, Payload};

use super::imports::{self, Permission};
use super::inspect_error::{InspectError, invalid, too_complex};
use super::manifest::{Manifest, Metadata};
use super::validate::validate;
use super::versions::{self, PACKAGE};
use crate::event::Hook;

const DEPTH_MAX: usize = 8;
const SECTIONS_MAX: usize = 20_000;
const IMPORTS_MAX: usize = 200;
const METADATA_BYTES_MAX: usize = 64 << 10;

pub(super) fn inspect(bytes: &[u8]) -> Result<Manifest, InspectError> {
    check_header(bytes)?;
    let found = Found::read(bytes)?;
    validate(bytes)?;
    let (hooks, version) = found.hooks()?;
    let (permissions, inert) = found.imports()?;
    found.metadata.into_manifest(hooks, version, permissions, inert)
}

fn check_header(bytes: &[u8]) -> Result<(), InspectError> {
    match bytes {
        [] => Err(InspectError::Empty),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(InspectError::CoreModule),
        [0, b'a', b's', b'm', _, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', ..] if bytes.len() < 8 => {
            Err(InspectError::Truncated { size: bytes.len() })
        }
        _ => Err(InspectError::NotWasm { found: what_else(bytes) }),
    }
}

fn what_else(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => "a native Linux program or library, which is never run",
        [b'M', b'Z', ..] => "a native Windows program, which is never run",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => "a native macOS program, which is never run",
        [b'P', b'K', ..] => "a ZIP archive",
        [0x1f, 0x8b, ..] => "a gzip file",
        [0, b'a', b's', b'm', ..] => "WebAssembly of an unknown version",
        _ if bytes.trim_ascii_start().starts_with(b"(") => "WebAssembly in its text form",
        _ => "not WebAssembly",
    }
}

/// A section longer than the file was truncated; an early end inside of a section is malformed.
fn unreadable(error: &BinaryReaderError, bytes: &[u8]) -> InspectError {
    if error.message().contains("unexpected end-of-file") {
        return InspectError::Truncated { size: bytes.len() };
    }
    invalid(error)
}

/// Collected in one pass over the sections.
#[derive(Default)]
struct Found {
    imports: Vec<String>,
    exports: Vec<String>,
    metadata: Metadata,
}

impl Found {
    fn read(bytes: &[u8]) -> Result<Found, InspectError> {
        let mut found = Found::default();
        // Open modules and components, the upload itself included.
        let mut open = 0;
        let mut sections = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|error| unreadable(&error, bytes))?;
            sections += usize::from(!matches!(payload, Payload::CodeSectionEntry(_)));
            if sections > SECTIONS_MAX {
                return Err(too_complex(format!("it has more than {SECTIONS_MAX} sections")));
            }
            match payload {
                Payload::Version { .. } if open == DEPTH_MAX => {
                    return Err(too_complex(format!("it is nested more than {DEPTH_MAX} deep")));
                }
                Payload::Version { .. } => open += 1,
                // The parser has checked the header already.
                Payload::End(_) => open -= 1,
                Payload::ComponentImportSection(section) if open == 1 => {
                    for import in section {
                        found
                            .imports
                            .push(import.map_err(|error| invalid(&error))?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if open == 1 => {
                    for export in section {
                        found
                            .exports
                            .push(export.map_err(|error| invalid(&error))?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if open <= 2 => {
                    found.custom(section.name(), section.data())?
                }
                _ => {}
            }
            if found.imports.len() + found.exports.len() > IMPORTS_MAX {
                return Err(too_complex(format!(
                    "it has more than {IMPORTS_MAX} imports and exports"
                )));
            }
        }
        Ok(found)
    }

    fn custom(&mut self, name: &str, data: &[u8]) -> Result<(), InspectError> {
        let Some(field) = self.metadata.field(name) else { return Ok(()) };
        let section = section_name(name);
        let wrong = |reason: String| InspectError::Metadata { section, reason };
        if data.len() > METADATA_BYTES_MAX {
            return Err(wrong(format!(
                "it has {} bytes; at most {METADATA_BYTES_MAX} are allowed",
                data.len()
            )));
        }
        let text = std::str::from_utf8(data).map_err(|_| wrong("it is not valid UTF-8".into()))?;
        match field {
            Some(before) if before != text => {
                Err(wrong("it occurs twice, with different texts".into()))
            }
            _ => {
                *field = Some(text.to_owned());
                Ok(())
            }
        }
    }

    /// The hooks of the workflow; the version that they all have, and whether there is a `settings-check` beside them.
    fn hooks(&self) -> Result<(Vec<Hook>, (String, bool)), InspectError> {
        let mut hooks = Vec::new();
        let mut first: Option<(&str, &str)> = None;
        for (interface, version, name) in self.exports.iter().filter_map(|name| ours(name)) {
            if !versions::is_known(version) {
                let known = versions::known();
                return Err(InspectError::UnknownVersion { name: name.to_owned(), known });
            }
            let export =
                versions::find(interface, version).ok_or_else(|| InspectError::UnknownHook {
                    name: name.to_owned(),
                    known: versions::known_hooks(Some(version)),
                })?;
            match first {
                Some((other, first)) if other != version => {
                    return Err(InspectError::TwoVersions {
                        first: first.to_owned(),
                        second: name.to_owned(),
                    });
                }
                _ => first = first.or(Some((version, name))),
            }
            hooks.push(export.hook);
        }
        hooks.sort_unstable();
        let version = first.map(|(version, _)| version);
        let checks_settings = hooks.contains(&Hook::SettingsCheck);
        hooks.retain(|hook| Hook::ALL.contains(hook));
        match version {
            Some(version) if !hooks.is_empty() => {
                Ok((hooks, (version.to_owned(), checks_settings)))
            }
            _ => Err(InspectError::NoHooks { known: versions::known_hooks(version) }),
        }
    }

    /// The imports that need a permission, and those that need none.
    fn imports(&self) -> Result<(Vec<String>, Vec<String>), InspectError> {
        let (mut permissions, mut inert) = (Vec::new(), Vec::new());
        for name in &self.imports {
            let Some(import) = imports::find(name) else {
                let known = imports::known();
                return Err(InspectError::UnknownImport { name: name.clone(), known });
            };
            match import.permission {
                Permission::Granted => permissions.push(import.name.to_owned()),
                Permission::Inert => inert.push(import.name.to_owned()),
                Permission::Types => {}
            }
        }
        for list in [&mut permissions, &mut inert] {
            list.sort_unstable();
            list.dedup();
        }
        Ok((permissions, inert))
    }
}

/// Splits a name of our package into interface, version and the whole name.
fn ours(name: &str) -> Option<(&str, &str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
    Some((interface, version, name))
}

fn section_name(name: &str) -> &'static str {
    match name {
        "repairops:name" => "name",
        "repairops:version" => "version",
        "repairops:description" => "description",
        _ => "settings-schema",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(inner: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {inner})")).expect("the test's WAT is right")
    }

    fn refused(bytes: &[u8]) -> InspectError {
        inspect(bytes).expect_err("the upload is no plugin")
    }

    const HOOK: &str =
        r#"(instance $i) (export "repairops:plugin/post-create@0.1.0" (instance $i))"#;
    const META: &str = r#"(core module (@custom "repairops:name" "a-1") (@custom "repairops:version" "1.0.0-rc.1+b"))"#;

    #[test]
    fn a_small_plugin_is_read() {
        let schema = r#"(@custom "repairops:settings-schema" "{\"type\":\"object\"}")"#;
        let imports = r#"(import "repairops:plugin/log@0.1.0" (instance)) (import "wasi:cli/stdout@0.2.6" (instance))
            (import "repairops:plugin/types@0.1.0" (instance))"#;
        let manifest =
            inspect(&component(&format!("{schema}{imports}{HOOK}{META}"))).expect("a plugin");
        assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("a-1", "1.0.0-rc.1+b"));
        assert_eq!(
            (manifest.hooks.as_slice(), manifest.wit.as_str()),
            (&[Hook::PostCreate][..], "0.1.0")
        );
        assert_eq!(manifest.permissions, ["repairops:plugin/log"]);
        assert_eq!(manifest.inert, ["wasi:cli/stdout"]);
        assert_eq!(manifest.settings_schema, Some(serde_json::json!({"type": "object"})));
    }

    #[test]
    fn what_is_no_component_is_named() {
        assert_eq!(refused(b""), InspectError::Empty);
        assert_eq!(refused(&wat::parse_str("(module)").expect("WAT")), InspectError::CoreModule);
        for (bytes, found) in
            [(&b"\x7fELF\x02"[..], "native Linux"), (b"MZ\x90", "Windows"), (b"PK\x03\x04", "ZIP")]
        {
            assert!(refused(bytes).to_string().contains(found), "{found}");
        }
        assert_eq!(refused(b"garbage").kind(), "not_wasm");
        assert_eq!(refused(b"(component)").kind(), "not_wasm");
        assert_eq!(refused(b"\0asm\x0d").kind(), "truncated");
        assert_eq!(refused(b"\0asm\x0d\0\x02\0").kind(), "not_wasm");
    }

    #[test]
    fn damage_is_found_and_never_panics() {
        let bytes = component(&format!("{HOOK}{META}"));
        for end in 0..bytes.len() {
            // Cut between two sections, it may still be a complete plugin.
            let Err(error) = inspect(&bytes[..end]) else { continue };
            let kind = error.kind();
            assert!(
                ["empty", "not_wasm", "truncated", "no_hooks", "metadata"].contains(&kind),
                "{end}: {kind}"
            );
        }
        for index in 8..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 0x55;
            let _ = inspect(&damaged);
        }
    }

    #[test]
    fn imports_and_exports_are_checked_against_what_there_is() {
        let import = |name: &str| {
            refused(&component(&format!(r#"(import "{name}" (instance)) {HOOK} {META}"#)))
        };
        for name in [
            "wasi:http/types@0.2.0",
            "repairops:plugin/log@9.9.9",
            "wasi:cli/stdout@0.3.0",
            "other:thing/x",
        ] {
            assert_eq!(import(name).kind(), "unknown_import", "{name}");
        }
        let export = |name: &str| {
            refused(&component(&format!(r#"(instance $i) (export "{name}" (instance $i)) {META}"#)))
        };
        for name in ["repairops:plugin/post-create@9.9.9", "repairops:plugin/post-create"] {
            let error = export(name);
            assert_eq!(error.kind(), "unknown_version", "{name}");
            assert!(error.to_string().contains("it knows 0.1.0 and 0.2.0"), "{error}");
        }
        assert_eq!(export("repairops:plugin/pre-lunch@0.1.0").kind(), "unknown_hook");
        assert_eq!(export("repairops:plugin/pre-create@0.1.0").kind(), "unknown_hook");
        assert_eq!(export("repairops:plugin/settings-check@0.2.0").kind(), "no_hooks");
        assert_eq!(export("wasi:cli/run@0.2.0").kind(), "no_hooks");
    }

    #[test]
    fn all_hooks_have_one_version() {
        let of = |names: &[&str]| {
            let exports = names
                .iter()
                .map(|name| format!(r#"(export "repairops:plugin/{name}" (instance $i))"#));
            let exports: String = exports.collect();
            inspect(&component(&format!("(instance $i) {exports} {META}")))
        };
        let manifest = of(&["pre-update@0.2.0", "settings-check@0.2.0", "pre-create@0.2.0"]);
        let manifest = manifest.expect("a plugin");
        assert_eq!(manifest.hooks, [Hook::PreCreate, Hook::PreUpdate]);
        assert_eq!((manifest.wit.as_str(), manifest.checks_settings), ("0.2.0", true));
        for pair in [
            ["pre-transition@0.1.0", "post-create@0.2.0"],
            ["pre-transition@0.1.0", "pre-transition@0.2.0"],
            ["pre-transition@0.1.0", "settings-check@0.2.0"],
        ] {
            let error = of(&pair).expect_err("two versions");
            assert_eq!(error.kind(), "two_versions", "{error}");
        }
    }

    #[test]
    fn metadata_has_to_be_there_and_right() {
        let with = |sections: &str| {
            refused(&component(&format!("{HOOK} (core module {sections})"))).to_string()
        };
        let name = r#"(@custom "repairops:name" "a")"#;
        let version = r#"(@custom "repairops:version" "1.0.0")"#;
        assert!(with("").contains("no custom section repairops:name"));
        assert!(with("").contains("repairops_plugin::metadata!();"));
        assert!(with(name).contains("no custom section repairops:version"));
        let described = |text: &str| {
            with(&format!(r#"{name} {version} (@custom "repairops:description" "{text}")"#))
        };
        assert!(described("a\\00b").contains("it must not contain a NUL character"));
        assert!(described(&"d".repeat(2_001)).contains("it has 2001 characters"));
        assert!(
            with(&format!(r#"(@custom "repairops:name" "No Spaces") {version}"#))
                .contains("a-z 0-9 -")
        );
        assert!(with(&format!(r#"{name} (@custom "repairops:version" "1.0")"#)).contains("1.0.0"));
        assert!(
            with(&format!(r#"{name} {name} (@custom "repairops:name" "b") {version}"#))
                .contains("twice")
        );
        let schema = |text: &str| {
            with(&format!(r#"{name} {version} (@custom "repairops:settings-schema" "{text}")"#))
        };
        assert!(schema("{").contains("not valid JSON"));
        assert!(schema("[]").contains("JSON object"));
        assert!(schema("\\ff").contains("not valid UTF-8"));
        assert!(schema(r#"{\22title\22: \22a\5cu0000b\22}"#).contains("NUL character"));
        assert!(schema(r#"{\22a\5cu0000b\22: {}}"#).contains("NUL character"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = "(component ".repeat(20) + &")".repeat(20);
        assert_eq!(refused(&component(&nested)).kind(), "too_complex");
    }
}
