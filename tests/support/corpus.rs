//! Hostile guests: each is a folder with the guest and, in `expect.json`, the expected outcome.
//!
//! Those in `tests/guests` are crates. One in `tests/guests/by-hand` is one of
//! - `guest.wat`: the body of a core module that becomes a component with the hook pre-transition; with a
//!   `world.wit` if it imports more than plugins do, and a `beside.wat` if it needs a second core module;
//! - `upload.wat`: a text that is uploaded unchanged;
//! - `"made"` in its `expect.json`: bytes that are generated.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use repairops::toolchain::{build_components, ensure_wasm_target};
use serde::Deserialize;
use serde_json::{Map, Value};
use wasmparser::Payload;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::tell;

/// One hostile plugin, or an upload that pretends to be one.
pub struct Guest {
    /// Its folder; the plugin is called `guest-<name>`.
    pub name: String,
    pub bytes: Vec<u8>,
    pub expect: Expect,
}

/// An `expect.json`. Each says in `why` what it shows.
#[derive(Deserialize)]
#[serde(tag = "upload", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expect {
    /// It runs, with these results of a transition.
    Accepted {
        why: String,
        #[serde(default)]
        settings: Map<String, Value>,
        #[serde(default)]
        limits: Map<String, Value>,
        outcome: String,
        /// The limit that the error names.
        limit: Option<u64>,
        /// The minimum usage that the error names; `null`: it names none.
        used_at_least: Option<u64>,
        /// A part of the error's message.
        message: Option<String>,
        /// All violations, by code.
        #[serde(default)]
        violations: BTreeMap<String, String>,
    },
    /// It is accepted, but cannot be compiled.
    Unusable { why: String, message: String },
    /// It is rejected.
    Refused {
        why: String,
        status: u16,
        reason: Option<String>,
        message: String,
        made: Option<Made>,
    },
}

/// Uploads that are generated here.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    NativeCode,
    Truncated,
    Garbage,
    GarbageAfterHeader,
    OverSize,
    DeepSchema,
}

impl Expect {
    pub fn why(&self) -> &str {
        match self {
            Expect::Accepted { why, .. }
            | Expect::Unusable { why, .. }
            | Expect::Refused { why, .. } => why,
        }
    }

    fn made(&self) -> Option<Made> {
        match self {
            Expect::Refused { made, .. } => *made,
            Expect::Accepted { .. } | Expect::Unusable { .. } => None,
        }
    }
}

/// All guests, by name. A folder without its guest or its `expect.json` fails every caller.
pub fn guests() -> &'static [Guest] {
    static GUESTS: LazyLock<Vec<Guest>> =
        LazyLock::new(|| read_all().unwrap_or_else(|error| panic!("{error:#}")));
    &GUESTS
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read_all() -> Result<Vec<Guest>> {
    let mut folders = Vec::new();
    for kind in ["guests", "guests/by-hand"] {
        for entry in fs::read_dir(workspace().join("tests").join(kind))? {
            folders.extend(Some(entry?.path()).filter(|folder| !folder.ends_with("by-hand")));
        }
    }
    folders.sort();
    let crates = build_crates(&folders)?;
    folders
        .iter()
        .map(|folder| read_one(folder, &crates).with_context(|| folder.display().to_string()))
        .collect()
}

fn read_one(folder: &Path, crates: &BTreeMap<String, Vec<u8>>) -> Result<Guest> {
    let expect = fs::read(folder.join("expect.json")).context("it has no expect.json")?;
    let expect: Expect = serde_json::from_slice(&expect).context("its expect.json")?;
    let name = name_of(folder);
    let text = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let package = package_of(folder);
    let bytes = match (crates.get(&package), text("guest.wat"), text("upload.wat"), expect.made()) {
        (Some(built), None, None, None) => built.clone(),
        (None, Some(fields), None, None) => {
            let component = componentize(&package, &fields, text("world.wit").as_deref())?;
            match text("beside.wat") {
                Some(module) => instantiate_beside(component, &wat::parse_str(module)?)?,
                None => component,
            }
        }
        (None, None, Some(upload), None) => wat::parse_str(upload)?,
        (None, None, None, Some(made)) => make(made)?,
        _ => bail!("it needs one of Cargo.toml, guest.wat, upload.wat and `made`, no more"),
    };
    Ok(Guest { name, bytes, expect })
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn package_of(folder: &Path) -> String {
    format!("guest-{}", name_of(folder))
}

fn build_crates(folders: &[PathBuf]) -> Result<BTreeMap<String, Vec<u8>>> {
    let crates = folders.iter().filter(|folder| folder.join("Cargo.toml").exists());
    let packages: Vec<String> = crates.map(|folder| package_of(folder)).collect();
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    let target = ensure_wasm_target(&mut tell)?;
    let built = build_components(&target, &workspace(), &packages, &mut tell)?;
    built.into_iter().map(|built| Ok((built.package, fs::read(built.path)?))).collect()
}

/// The part that every `guest.wat` has: memory of 4 MiB, whose upper half is for the host's arguments, and a name.
const STANDARD: &str = r#"
    (memory (export "memory") 64)
    (global $next (mut i32) (i32.const 2097152))
    (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
        (local $here i32)
        (local.set $here (global.get $next))
        (global.set $next (i32.and (i32.const -8)
            (i32.add (i32.const 7) (i32.add (local.get $here) (local.get $size)))))
        (local.get $here))
    (@custom "repairops:version" "1.0.0")"#;

fn componentize(package: &str, fields: &str, world: Option<&str>) -> Result<Vec<u8>> {
    let name = format!(r#"(@custom "repairops:name" "{package}")"#);
    let mut module = wat::parse_str(format!("(module\n{fields}\n{STANDARD}\n{name})"))?;
    let mut resolve = Resolve::default();
    let (plugin, _) = resolve.push_dir(workspace().join("wit/0.1.0"))?;
    let world = match world {
        None => resolve.select_world(&[plugin], Some("pre-transition-plugin"))?,
        Some(text) => {
            let guest = resolve.push_str("world.wit", text)?;
            resolve.select_world(&[guest], Some("guest"))?
        }
    };
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.validate(true).encode()
}

/// The number of instances of `beside.wat`.
const BESIDE: u8 = 3;

/// Appends a section with the module and one with its instances.
fn instantiate_beside(mut component: Vec<u8>, module: &[u8]) -> Result<Vec<u8>> {
    let (mut modules, mut open) = (0, 0);
    for payload in wasmparser::Parser::new(0).parse_all(&component) {
        match payload? {
            Payload::Version { .. } => open += 1,
            Payload::End(_) => open -= 1,
            Payload::ModuleSection { .. } if open == 1 => modules += 1,
            _ => {}
        }
    }
    // One byte each: the numbers are below 128, or the component is invalid.
    component.extend([1, u8::try_from(module.len())?]);
    component.extend(module);
    component.extend([2, 1 + 3 * BESIDE, BESIDE]);
    component.extend([0, modules, 0].repeat(BESIDE.into()));
    Ok(component)
}

/// The header of a component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

fn make(made: Made) -> Result<Vec<u8>> {
    Ok(match made {
        Made::NativeCode => fs::read("/proc/self/exe")?.into_iter().take(64 << 10).collect(),
        Made::Truncated => {
            let hook = "(func (export \"repairops:plugin/pre-transition@0.1.0#check\") \
                        (param i32) (result i32) unreachable)";
            let whole = componentize("guest-truncated", hook, None)?;
            whole[..whole.len() / 2].to_vec()
        }
        Made::Garbage => noise().take(10_000).collect(),
        Made::GarbageAfterHeader => HEADER.iter().copied().chain(noise().take(10_000)).collect(),
        Made::OverSize => {
            let max = repairops::Config::new(PathBuf::new()).component_max_bytes;
            HEADER.iter().copied().chain(std::iter::repeat(0)).take(max + 1).collect()
        }
        Made::DeepSchema => {
            let schema = format!("{}{}", r#"{\"not\":"#.repeat(5_000), "}".repeat(5_000));
            wat::parse_str(format!(
                r#"(component
                    (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")
                    (@custom "repairops:settings-schema" "{schema}")
                    (instance $hook)
                    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook)))"#
            ))?
        }
    })
}

/// Pseudo-random bytes, the same in every run.
fn noise() -> impl Iterator<Item = u8> {
    std::iter::successors(Some(2_463_534_242_u32), |state| {
        let state = state ^ (state << 13);
        let state = state ^ (state >> 17);
        Some(state ^ (state << 5))
    })
    .map(|state| (state >> 24) as u8)
}
