//! Builds the target's std from Debian's source packages, for machines that cannot reach rustup's server.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::compiler::{Compiler, Progress, TARGET, WasmTarget, cargo, has_std, run, target_lib};

/// Builds the target's std for exactly this rustc inside `staging`. Returns the new sysroot there.
pub(super) fn build_with_debian(
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
        // Plugins can use LTO only if std has bitcode.
        .args(["--config", &format!("target.{TARGET}.rustflags = [\"-Cembed-bitcode=yes\"]")])
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS")
        // The only way to make cargo look for std's sources outside of the toolchain.
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
    ensure!(has_std(&sysroot), "the build produced no std");
    Ok(sysroot)
}

/// apt with its own sources list and folders: it does not change or lock the system's, and needs no root.
struct Apt {
    folder: PathBuf,
    options: Vec<OsString>,
}

impl Apt {
    fn open(folder: &Path) -> Result<Self> {
        let machine = read_apt_sources();
        let mirror = find_mirror(&machine).context("apt's sources contain no mirror")?;
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
        // apt's own download user cannot write into a home folder.
        options.push(setting("APT::Sandbox::User", Path::new("root")));
        let apt = Self { folder: folder.to_owned(), options };
        // A suite that this mirror lacks is an error to apt, but not here.
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

    /// Newest first.
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

    /// Unpacks one folder of a downloaded package into our own.
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

/// The Debian archive among apt's sources, in both formats: a path that ends in `debian`, else the first source.
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

#[cfg(test)]
mod tests {
    use super::find_mirror;

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
}
