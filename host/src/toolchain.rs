//! Provides a `wasm32-wasip2` target for the installed Rust compiler, and builds plugins with it.
//!
//! It looks for the target in the toolchain, then in a private sysroot. If neither has it, it runs `rustup target
//! add`; if rustup cannot reach its server, it builds the target's std from Debian's source packages into
//! `${XDG_CACHE_HOME:-~/.cache}/repairops/wasm32-wasip2-<rustc version>-<hash>`. To undo: `rustup target remove
//! wasm32-wasip2`, and delete that folder.
//!
//! Invariants: only rustup writes into the toolchain; that folder appears by one rename, so it is complete or absent;
//! with `REPAIROPS_NO_INSTALL=1` nothing is installed.

mod build;
mod compiler;
mod consent;
mod debian;
mod running;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub use build::{Component, build_components};
use compiler::{Compiler, TARGET};
pub use compiler::{Progress, WasmTarget};
pub use consent::{NO_INSTALL, check_may_install};
use debian::build_with_debian;
pub use running::end_builds;

const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Finds the target, or installs it unless `REPAIROPS_NO_INSTALL` forbids that. The first run may download 90 MB and
/// compile for a minute.
pub fn ensure_wasm_target(progress: Progress<'_>) -> Result<WasmTarget> {
    let compiler = Compiler::detect()?;
    let private = compiler.private_sysroot()?;
    if let Some(target) = compiler.find_target(&private) {
        return Ok(target);
    }
    check_may_install(
        &format!("the {TARGET} target of rustc {}", compiler.version),
        &format!("rustup target add {TARGET}"),
    )?;
    let _lock = lock_sysroot(&private, progress)?;
    // Another process may have installed it while this one waited.
    if let Some(target) = compiler.find_target(&private) {
        return Ok(target);
    }
    let started = Instant::now();
    progress(&format!(
        "installing the {TARGET} target of rustc {} with `rustup target add {TARGET}` ({NO_INSTALL}=1 forbids it)",
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

/// Locks the sysroot while installing. The file stays, because deleting it would let two processes lock two files.
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
                bail!("not finished after {} s", RUSTUP_LIMIT.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn read_last_line(child: &mut Child) -> String {
    let mut bytes = Vec::new();
    if let Some(stderr) = &mut child.stderr {
        // The output is only for the error message, so a part of it is enough.
        let _ = stderr.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it failed without an error message")
        .trim()
        .to_owned()
}

/// A folder that is deleted when this value is dropped. Leftovers of an interrupted run are deleted first.
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
        // The next run deletes leftovers.
        let _ = fs::remove_dir_all(&self.0);
    }
}
