//! Components of this checkout, for benches.

use std::path::Path;

use anyhow::Context;
use repairops::toolchain::{build_components, ensure_wasm_target};

/// Builds a component.
pub fn build(package: &str) -> anyhow::Result<Vec<u8>> {
    let mut progress = |line: &str| eprintln!("{line}");
    let target = ensure_wasm_target(&mut progress)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = build_components(&target, &root, &[package], &mut progress)?;
    Ok(std::fs::read(&built.first().context("no component")?.path)?)
}

/// The component with one more custom section.
pub fn with_section(component: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let mut section = leb128(name.len());
    section.extend(name.as_bytes());
    section.extend(data);
    [component, &[0], &leb128(section.len()), &section].concat()
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
