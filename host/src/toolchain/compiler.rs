//! The installed Rust compiler: where its target's standard library is, and how its cargo is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::running::Running;

pub(super) const TARGET: &str = "wasm32-wasip2";

/// Receives one line per step, for people.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// A compiler that can build for `wasm32-wasip2`; created by [`ensure_wasm_target`].
#[derive(Debug, Clone)]
pub struct WasmTarget {
    /// The compiler that the target's std belongs to; a plugin's folder must not select another.
    pub(super) rustc: PathBuf,
    /// The folder of the target's std, unless the toolchain has it.
    pub(super) private_sysroot: Option<PathBuf>,
}

pub(super) struct Compiler {
    pub rustc: PathBuf,
    pub sysroot: PathBuf,
    pub version: String,
    pub verbose_version: String,
}

impl Compiler {
    pub fn detect() -> Result<Self> {
        let named = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let verbose_version = run(Command::new(&named).arg("-vV"))
            .context("Rust is needed to build plugins (rustup.rs)")?;
        let sysroot = PathBuf::from(run(Command::new(&named).args(["--print", "sysroot"]))?.trim());
        let version = verbose_version.lines().find_map(|line| line.strip_prefix("release: "));
        let version = version.context("`rustc -vV` does not print a release")?.to_owned();
        // The compiler itself, because rustup's proxy would select a toolchain again in each folder.
        let own = sysroot.join("bin").join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
        let rustc = if own.is_file() { own } else { named.into() };
        Ok(Self { rustc, sysroot, version, verbose_version })
    }

    pub fn private_sysroot(&self) -> Result<PathBuf> {
        let cache =
            std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")));
        let cache = cache.context("set HOME or XDG_CACHE_HOME: the target needs a folder")?;
        let hash = hash_short(&self.verbose_version);
        Ok(cache.join("repairops").join(format!("{TARGET}-{}-{hash:08x}", self.version)))
    }

    pub fn find_target(&self, private: &Path) -> Option<WasmTarget> {
        let at = |private_sysroot| WasmTarget { rustc: self.rustc.clone(), private_sysroot };
        if has_std(&self.sysroot) {
            Some(at(None))
        } else {
            has_std(private).then(|| at(Some(private.to_owned())))
        }
    }
}

/// The inner cargo. Removes variables of an outer `cargo run` or `cargo test`, and flags for the host.
pub(super) fn cargo(subcommand: &str, target: &WasmTarget, dir: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).current_dir(dir).env("RUSTC", &target.rustc);
    let foreign = [
        "CARGO_PKG_",
        "CARGO_BIN_",
        "CARGO_MANIFEST_",
        "CARGO_CRATE_NAME",
        "CARGO_MAKEFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if foreign.iter().any(|prefix| text.starts_with(prefix))
            || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].contains(&&*text)
        {
            command.env_remove(&name);
        }
    }
    if let Some(sysroot) = &target.private_sysroot {
        // Placed after the subcommand, because its other `--config` arguments would replace this one. A list, since
        // CARGO_TARGET_…_RUSTFLAGS is split at blanks. A JSON string is a TOML string.
        let flag = Value::from(format!("--sysroot={}", sysroot.display()));
        command.args(["--config", &format!("target.{TARGET}.rustflags = [{flag}]")]);
    }
    command
}

/// Runs to the end; an error carries the last lines of output.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = started.with_context(|| format!("cannot run {program}"))?;
    let running = Running::new(&child);
    let output = child.wait_with_output().with_context(|| format!("running {program}"))?;
    drop(running);
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stderr.trim().lines().collect();
        bail!("{program} failed: {}", lines[lines.len().saturating_sub(12)..].join("\n"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// FNV-1a: the folder's name must be stable across builds of this program, unlike std's hasher.
fn hash_short(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

pub(super) fn target_lib(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

pub(super) fn has_std(sysroot: &Path) -> bool {
    let Ok(files) = fs::read_dir(target_lib(sysroot)) else { return false };
    files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}
