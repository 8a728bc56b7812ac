//! Builds plugins for the target: small components, whatever the profile of their crate.

use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::compiler::{Progress, TARGET, WasmTarget, cargo, run};
use super::running::Running;

/// "Found possibly newer version of crate" and "can't find crate".
const STD_REPLACED: [&str; 2] = ["E0460", "E0463"];

/// One built plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub package: String,
    pub path: PathBuf,
}

/// Builds the packages in `dir` (empty `packages` = the package of that folder) for wasm32-wasip2. Returns the
/// component of each cdylib, in no particular order.
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
        // After std was replaced, its old artifacts look fresh to cargo, but rustc cannot use them.
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
        bail!("{package} is not a plugin: its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`");
    }
    Ok(components)
}

struct Build {
    succeeded: bool,
    std_replaced: bool,
    /// Each component with the manifest of its package.
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
    let _running = Running::new(&child);
    let mut build = Build { succeeded: false, std_replaced: false, components: Vec::new() };
    for line in BufReader::new(child.stdout.take().context("cargo has no output")?).lines() {
        // A build script's output may be among the messages.
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

/// `cargo clean` without `-p` ignores `--target` and also deletes the host's artifacts.
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

/// Parses `path+file:///a/name#1.0.0`, `path+file:///a#name@1.0.0`, and the older `name 1.0.0 (path+file:///a)`.
fn read_package_name(package_id: &str) -> &str {
    match package_id.split_once('#') {
        Some((source, fragment)) => match fragment.split_once('@') {
            Some((name, _)) => name,
            None => source.rsplit('/').next().unwrap_or(source),
        },
        None => package_id.split(' ').next().unwrap_or(package_id),
    }
}

#[cfg(test)]
mod tests {
    use super::read_package_name;

    #[test]
    fn reads_a_package_name_from_every_form_of_its_id() {
        assert_eq!(read_package_name("path+file:///a/name#1.0.0"), "name");
        assert_eq!(read_package_name("path+file:///a/folder#name@1.0.0"), "name");
        assert_eq!(read_package_name("name 1.0.0 (path+file:///a/folder)"), "name");
    }
}
