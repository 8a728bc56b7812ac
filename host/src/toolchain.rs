//! Gets a `wasm32-wasip2` target for the Rust compiler at hand, and builds plugins with it.
//!
//! The target is looked for in the toolchain, then in a private sysroot of ours; if neither has it, `rustup` is asked
//! for it; where rustup's server cannot be reached, the target's std is built from Debian's source packages, into
//! `${XDG_CACHE_HOME:-~/.cache}/repairops/wasm32-wasip2-<rustc version>-<hash>`. Nothing is written into the toolchain
//! or the system but by rustup itself, and that folder appears by one rename, so it is whole or not there. To undo:
//! `rustup target remove wasm32-wasip2`, and delete that folder.

mod build;
mod debian;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

pub use build::{Component, build_components};
use debian::build_with_debian;

const TARGET: &str = "wasm32-wasip2";
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// How progress is told: one line a step, for a person.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// A compiler that can build for `wasm32-wasip2`; made by [`ensure_wasm_target`].
#[derive(Debug, Clone)]
pub struct WasmTarget {
    /// The compiler that the target's std belongs to; a plugin's folder must not choose another.
    rustc: PathBuf,
    /// Where the target's std is, unless the toolchain has it.
    private_sysroot: Option<PathBuf>,
}

/// Finds the target, or installs it; the first run may download 90 MB and compile for a minute.
pub fn ensure_wasm_target(progress: Progress<'_>) -> Result<WasmTarget> {
    let compiler = Compiler::detect()?;
    let private = compiler.private_sysroot()?;
    if let Some(target) = compiler.find_target(&private) {
        return Ok(target);
    }
    let _lock = lock_sysroot(&private, progress)?;
    // Another process may have installed it while this one waited.
    if let Some(target) = compiler.find_target(&private) {
        return Ok(target);
    }
    let started = Instant::now();
    progress(&format!(
        "rustc {} has no {TARGET} target yet; trying `rustup target add {TARGET}`",
        compiler.version
    ));
    let rustup_says = match add_with_rustup() {
        Ok(()) => "rustup added it to another toolchain than the one of `rustc`".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    if let Some(target) = compiler.find_target(&private) {
        progress(&format!("rustup installed {TARGET} in {} s", started.elapsed().as_secs()));
        return Ok(target);
    }
    progress(&format!(
        "rustup could not ({rustup_says}); building the target's std from Debian's sources instead"
    ));
    let staging = Staging::create(private.with_added_extension("building"))?;
    let built = build_with_debian(&compiler, &staging.0, progress).and_then(|sysroot| {
        fs::rename(&sysroot, &private).context("cannot move the built target to its place")
    });
    if let Err(error) = built {
        bail!(
            "rustc {version} has no {TARGET} target, and it could not be installed.\n\
             rustup: {rustup_says}\nDebian's sources: {error:#}\n\
             Run `rustup target add {TARGET}` where rustup's server can be reached. Or, on Debian, install one version of \
             rustc-web, cargo-web, rust-web-src and lld (`wasm-ld-<n>` on the PATH as `wasm-ld`, and a `wasm-component-ld`) \
             with wasi-libc, and build with that cargo and `-Zbuild-std=std,panic_abort`.",
            version = compiler.version,
        );
    }
    progress(&format!(
        "built {TARGET} in {} s, into {}",
        started.elapsed().as_secs(),
        private.display()
    ));
    compiler.find_target(&private).context("the target that was just built cannot be found")
}

struct Compiler {
    rustc: PathBuf,
    sysroot: PathBuf,
    version: String,
    verbose_version: String,
}

impl Compiler {
    fn detect() -> Result<Self> {
        let named = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let verbose_version = run(Command::new(&named).arg("-vV"))
            .context("Rust is needed to build plugins (rustup.rs)")?;
        let sysroot = PathBuf::from(run(Command::new(&named).args(["--print", "sysroot"]))?.trim());
        let version = verbose_version.lines().find_map(|line| line.strip_prefix("release: "));
        let version = version.context("`rustc -vV` names no release")?.to_owned();
        // The compiler itself, not rustup's proxy, which would choose anew in each folder.
        let own = sysroot.join("bin").join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
        let rustc = if own.is_file() { own } else { named.into() };
        Ok(Self { rustc, sysroot, version, verbose_version })
    }

    fn private_sysroot(&self) -> Result<PathBuf> {
        let cache =
            std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")));
        let cache = cache.context("set HOME or XDG_CACHE_HOME: the target needs a folder")?;
        let hash = hash_short(&self.verbose_version);
        Ok(cache.join("repairops").join(format!("{TARGET}-{}-{hash:08x}", self.version)))
    }

    fn find_target(&self, private: &Path) -> Option<WasmTarget> {
        let at = |private_sysroot| WasmTarget { rustc: self.rustc.clone(), private_sysroot };
        if has_std(&self.sysroot) {
            Some(at(None))
        } else {
            has_std(private).then(|| at(Some(private.to_owned())))
        }
    }
}

/// FNV-1a: the folder's name must be the same for every build of this program, which std's hasher does not promise.
fn hash_short(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn target_lib(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

fn has_std(sysroot: &Path) -> bool {
    let Ok(files) = fs::read_dir(target_lib(sysroot)) else { return false };
    files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// Held while installing; the file stays, since deleting a lock file would let two processes hold two of them.
fn lock_sysroot(private: &Path, progress: Progress<'_>) -> Result<File> {
    let path = private.with_added_extension("lock");
    let parent = path.parent().context("the cache folder has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        progress(&format!("another process is installing {TARGET}; waiting for it"));
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

fn add_with_rustup() -> Result<()> {
    let mut command = Command::new("rustup");
    command
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("no rustup")?;
    let started = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => bail!("{}", read_last_line(&mut child)),
            None if started.elapsed() > RUSTUP_LIMIT => {
                child.kill()?;
                child.wait()?;
                bail!("no end after {} s", RUSTUP_LIMIT.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn read_last_line(child: &mut Child) -> String {
    let mut bytes = Vec::new();
    if let Some(stderr) = &mut child.stderr {
        // What it says is only for the message: part of it is better than another error.
        let _ = stderr.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it failed without a word")
        .trim()
        .to_owned()
}

/// A folder that is gone when this value is; what an interrupted run left there is deleted first.
struct Staging(PathBuf);

impl Staging {
    fn create(path: PathBuf) -> Result<Self> {
        if path.exists() {
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot delete {}", path.display()))?;
        }
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next run deletes what could not be deleted now.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The inner cargo. What an outer `cargo run` or `cargo test` told its child is not for it, nor are flags for the host.
fn cargo(subcommand: &str, target: &WasmTarget, dir: &Path) -> Command {
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
        // After the subcommand, or its other `--config` arguments would replace this one. A list, since
        // CARGO_TARGET_…_RUSTFLAGS is cut at blanks. A JSON string is a TOML string.
        let flag = Value::from(format!("--sysroot={}", sysroot.display()));
        command.args(["--config", &format!("target.{TARGET}.rustflags = [{flag}]")]);
    }
    command
}

/// Runs to the end; an error carries the last lines that the program wrote.
fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stderr.trim().lines().collect();
        bail!("{program} failed: {}", lines[lines.len().saturating_sub(12)..].join("\n"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
