//! Gets a `wasm32-wasip2` target for the Rust compiler at hand, and builds plugins with it.
//!
//! The target is looked for in the toolchain, then in a private sysroot of ours; if neither has it, `rustup` is asked
//! for it; where rustup's server cannot be reached, the target's std is built from Debian's source packages, into
//! `${XDG_CACHE_HOME:-~/.cache}/repairops/wasm32-wasip2-<rustc version>-<hash>`. Nothing is written into the toolchain
//! or the system but by rustup itself, and that folder appears by one rename, so it is whole or not there. To undo:
//! `rustup target remove wasm32-wasip2`, and delete that folder.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

const TARGET: &str = "wasm32-wasip2";
/// "Found possibly newer version of crate" and "can't find crate".
const STD_REPLACED: [&str; 2] = ["E0460", "E0463"];
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

/// One built plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub package: String,
    pub path: PathBuf,
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

/// Builds the packages in `dir` (empty `packages` = the package of that folder) for wasm32-wasip2; answers the component
/// file of each cdylib, in no particular order.
pub fn build_components(
    target: &WasmTarget,
    dir: &Path,
    packages: &[&str],
    progress: Progress<'_>,
) -> Result<Vec<Component>> {
    let dir = dir.canonicalize().with_context(|| format!("cannot open {}", dir.display()))?;
    let what = if packages.is_empty() { dir.display().to_string() } else { packages.join(", ") };
    progress(&format!("building {what} for {TARGET}"));
    let mut build = run_build(target, &dir, packages)?;
    if build.std_replaced {
        // Artifacts of a std that has been replaced look fresh to cargo, but rustc cannot use them.
        progress("cleaning artifacts that do not fit this compiler's std, then building again");
        delete_artifacts(target, &dir)?;
        build = run_build(target, &dir, packages)?;
    }
    ensure!(
        build.succeeded,
        "{what} did not compile for {TARGET}: see the compiler's messages above"
    );
    build.components.retain(|(manifest, component)| match packages {
        [] => manifest.starts_with(&dir),
        named => named.contains(&component.package.as_str()),
    });
    let components: Vec<Component> =
        build.components.into_iter().map(|(_, component)| component).collect();
    let without = packages
        .iter()
        .find(|package| components.iter().all(|component| component.package != **package));
    if let Some(package) = without.copied().or(components.is_empty().then_some(what.as_str())) {
        bail!("{package} is no plugin: its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`");
    }
    Ok(components)
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

/// Builds the target's std of exactly this rustc inside `staging`; answers the new sysroot there.
fn build_with_debian(
    compiler: &Compiler,
    staging: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf> {
    let sysroot = staging.join("sysroot");
    let lib = target_lib(&sysroot);
    fs::create_dir_all(lib.join("self-contained"))?;

    progress("downloading rust-src and wasi-libc from the Debian mirror of this machine");
    let apt = Apt::open(staging)?;
    apt.download("rust-src", &format!("{}+", compiler.version))?;
    apt.download("wasi-libc", "")?;
    let library = format!("usr/src/rustc-{}/library", compiler.version);
    apt.unpack("rust-src", &library)?;
    let libc = format!("usr/lib/{TARGET}");
    apt.unpack("wasi-libc", &libc)?;
    for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
        fs::copy(staging.join(&libc).join(file), lib.join("self-contained").join(file))
            .with_context(|| format!("wasi-libc has no {file}"))?;
    }

    progress("compiling the target's std, one to two minutes");
    let seed = staging.join("seed");
    fs::create_dir_all(seed.join("src"))?;
    fs::write(seed.join("src/lib.rs"), "")?;
    fs::write(
        seed.join("Cargo.toml"),
        "[package]\nname = \"seed\"\nedition = \"2021\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n",
    )?;
    let target =
        WasmTarget { rustc: compiler.rustc.clone(), private_sysroot: Some(sysroot.clone()) };
    run(cargo("build", &target, &seed)
        .args(["--release", "--target", TARGET, "-Zbuild-std=std,panic_abort", "--target-dir"])
        .arg(seed.join("target"))
        // Without bitcode in std, plugins cannot use LTO.
        .args(["--config", &format!("target.{TARGET}.rustflags = [\"-Cembed-bitcode=yes\"]")])
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS")
        // Cargo looks for std's sources in the toolchain; this is its one way to be told otherwise.
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", staging.join(&library)))?;
    for file in fs::read_dir(seed.join("target").join(TARGET).join("release/deps"))? {
        let file = file?.path();
        if let Some(name) = file
            .file_name()
            .filter(|_| file.extension().is_some_and(|extension| extension == "rlib"))
        {
            fs::copy(&file, lib.join(name))?;
        }
    }
    ensure!(has_std(&sysroot), "the build made no std");
    Ok(sysroot)
}

/// apt with a sources list and folders of its own: the system's are neither changed nor locked, and no root is needed.
struct Apt {
    folder: PathBuf,
    options: Vec<OsString>,
}

impl Apt {
    fn open(folder: &Path) -> Result<Self> {
        let machine = read_apt_sources();
        let mirror = find_mirror(&machine).context("apt's sources name no mirror")?;
        let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
        let signed = match keyring.is_file() {
            true => format!("[signed-by={}] ", keyring.display()),
            false => String::new(),
        };
        let suites = ["bookworm-backports", "trixie", "trixie-backports", "forky", "sid"];
        let list: String =
            suites.iter().map(|suite| format!("deb {signed}{mirror} {suite} main\n")).collect();
        let sources = folder.join("sources.list");
        fs::write(&sources, list)?;
        let mut options: Vec<OsString> = Vec::new();
        for (key, folder) in
            [("Dir::State::Lists", folder.join("lists")), ("Dir::Cache", folder.join("cache"))]
        {
            fs::create_dir_all(folder.join("partial"))?;
            fs::create_dir_all(folder.join("archives/partial"))?;
            options.push(setting(key, &folder));
        }
        options.push(setting("Dir::Etc::SourceList", &sources));
        options.push(setting("Dir::Etc::SourceParts", Path::new("-")));
        options.push(setting("Acquire::Languages", Path::new("none")));
        options.push(setting(
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
            Path::new("false"),
        ));
        // apt's own download user cannot write in a home folder.
        options.push(setting("APT::Sandbox::User", Path::new("root")));
        let apt = Self { folder: folder.to_owned(), options };
        // A suite that this mirror does not carry is an error to apt, and none to us.
        let updated = run(apt.command("apt-get").arg("update"));
        if let Err(error) = updated {
            let nothing = apt.list_versions("wasi-libc").unwrap_or_default().is_empty();
            ensure!(!nothing, error.context("apt-get update failed"));
        }
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).current_dir(&self.folder).env("LC_ALL", "C");
        command
    }

    /// The newest first.
    fn list_versions(&self, package: &str) -> Result<Vec<String>> {
        let table = run(self.command("apt-cache").args(["madison", package]))?;
        Ok(table
            .lines()
            .filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned()))
            .collect())
    }

    fn download(&self, package: &str, version_starts: &str) -> Result<()> {
        let versions = self.list_versions(package)?;
        let version = versions.iter().find(|version| version.starts_with(version_starts));
        let version = version.with_context(|| {
            format!("no suite has {package} {version_starts}, only {versions:?}")
        })?;
        run(self.command("apt-get").arg("download").arg(format!("{package}={version}")))?;
        Ok(())
    }

    /// Unpacks one folder of a downloaded package, below our own.
    fn unpack(&self, package: &str, folder: &str) -> Result<()> {
        let mut files = fs::read_dir(&self.folder)?.flatten();
        let archive = files
            .find(|file| file.file_name().to_string_lossy().starts_with(&format!("{package}_")));
        let archive = archive.with_context(|| format!("apt-get downloaded no {package}"))?.path();
        let mut reader = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(&archive)
            .stdout(Stdio::piped())
            .spawn()?;
        let tar = reader.stdout.take().context("dpkg-deb has no output")?;
        let unpacked = run(Command::new("tar")
            .arg("-xC")
            .arg(&self.folder)
            .arg(format!("./{folder}"))
            .stdin(tar));
        reader.wait()?;
        unpacked.map(|_| ()).with_context(|| format!("cannot unpack {folder} of {package}"))
    }
}

fn setting(key: &str, value: &Path) -> OsString {
    let mut option = OsString::from(format!("-o{key}="));
    option.push(value);
    option
}

fn read_apt_sources() -> String {
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    let mut files: Vec<PathBuf> = parts.collect();
    files.sort();
    files.insert(0, "/etc/apt/sources.list".into());
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect::<Vec<_>>().join("\n\n")
}

/// The Debian archive among apt's sources, in both of their formats: a path that ends in `debian`, else the first source.
fn find_mirror(sources: &str) -> Option<&str> {
    let mirrors = sources.lines().filter_map(|line| {
        if let Some(uris) = line.strip_prefix("URIs:") {
            return uris.split_whitespace().next();
        }
        let rest = line.trim_start().strip_prefix("deb ")?.trim_start();
        let rest = rest
            .strip_prefix('[')
            .and_then(|options| options.split_once(']'))
            .map_or(rest, |(_, rest)| rest);
        rest.split_whitespace().next()
    });
    let mirrors: Vec<&str> = mirrors.filter(|uri| !uri.starts_with("cdrom:")).collect();
    mirrors
        .iter()
        .find(|uri| uri.trim_end_matches('/').ends_with("/debian"))
        .or(mirrors.first())
        .copied()
}

struct Build {
    succeeded: bool,
    std_replaced: bool,
    /// Each with the manifest of its package.
    components: Vec<(PathBuf, Component)>,
}

fn run_build(target: &WasmTarget, dir: &Path, packages: &[&str]) -> Result<Build> {
    let format =
        if std::io::stderr().is_terminal() { "json-diagnostic-rendered-ansi" } else { "json" };
    let mut command = cargo("build", target, dir);
    command.args(["--release", "--target", TARGET, "--message-format", format]);
    for setting in
        ["lto=true", "codegen-units=1", "panic=\"abort\"", "strip=\"debuginfo\"", "opt-level=3"]
    {
        command.args(["--config", &format!("profile.release.{setting}")]);
    }
    command.args(packages.iter().flat_map(|package| ["-p", package]));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut build = Build { succeeded: false, std_replaced: false, components: Vec::new() };
    for line in BufReader::new(child.stdout.take().context("cargo has no output")?).lines() {
        // A build script's own words may be among the messages.
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        if let Some(rendered) = message["message"]["rendered"].as_str() {
            std::io::stderr().write_all(rendered.as_bytes())?;
            build.std_replaced |=
                STD_REPLACED.iter().any(|code| message["message"]["code"]["code"] == *code);
        }
        build.components.extend(read_component(&message));
    }
    build.succeeded = child.wait()?.success();
    Ok(build)
}

/// Not with `cargo clean`: without `-p` it heeds no `--target`, and deletes what was built for the host as well.
fn delete_artifacts(target: &WasmTarget, dir: &Path) -> Result<()> {
    let metadata =
        run(cargo("metadata", target, dir).args(["--no-deps", "--format-version", "1"]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).context("cannot read cargo's metadata")?;
    for folder in
        ["target_directory", "build_directory"].iter().filter_map(|key| metadata[*key].as_str())
    {
        let artifacts = Path::new(folder).join(TARGET).join("release");
        if artifacts.exists() {
            fs::remove_dir_all(&artifacts)
                .with_context(|| format!("cannot delete {}", artifacts.display()))?;
        }
    }
    Ok(())
}

fn read_component(message: &Value) -> Option<(PathBuf, Component)> {
    let is_cdylib = message["target"]["kind"].as_array()?.iter().any(|kind| kind == "cdylib");
    let mut files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    let path = files.find(|file| file.ends_with(".wasm")).filter(|_| is_cdylib)?.into();
    let package = read_package_name(message["package_id"].as_str()?).to_owned();
    Some((message["manifest_path"].as_str()?.into(), Component { package, path }))
}

/// Of `path+file:///a/name#1.0.0`, of `path+file:///a#name@1.0.0`, and of the older `name 1.0.0 (path+file:///a)`.
fn read_package_name(package_id: &str) -> &str {
    match package_id.split_once('#') {
        Some((source, fragment)) => match fragment.split_once('@') {
            Some((name, _)) => name,
            None => source.rsplit('/').next().unwrap_or(source),
        },
        None => package_id.split(' ').next().unwrap_or(package_id),
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

#[cfg(test)]
mod tests {
    use super::{find_mirror, read_package_name};

    #[test]
    fn finds_the_debian_mirror_in_both_formats() {
        let deb822 = "Types: deb\nURIs: https://a.test/tool\nSuites: s\n\nTypes: deb\nURIs: http://b.test/debian\n";
        assert_eq!(find_mirror(deb822), Some("http://b.test/debian"));
        let one_line = "# deb http://no.test/debian x\ndeb-src http://no.test/debian x main\n\
            deb cdrom:[disc]/ x main\ndeb [arch=amd64 signed-by=/k.gpg] http://c.test/mirror/debian/ trixie main\n";
        assert_eq!(find_mirror(one_line), Some("http://c.test/mirror/debian/"));
        assert_eq!(find_mirror("deb http://d.test/other x main"), Some("http://d.test/other"));
        assert_eq!(find_mirror(""), None);
    }

    #[test]
    fn reads_a_package_name_from_every_form_of_its_id() {
        assert_eq!(read_package_name("path+file:///a/name#1.0.0"), "name");
        assert_eq!(read_package_name("path+file:///a/folder#name@1.0.0"), "name");
        assert_eq!(read_package_name("name 1.0.0 (path+file:///a/folder)"), "name");
    }
}
