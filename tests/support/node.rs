//! Real JavaScript against our server: `run` gives a script node, and the packages pinned in `tests/js`.
//!
//!     let said = node::run(r#"
//!         import { Webhook } from 'standardwebhooks'
//!         const response = await fetch(process.env.BASE + '/healthz')
//!         console.log(JSON.stringify({ status: response.status, first: process.argv[2] }))
//!     "#, &["argument"], &[("BASE", &base)]).await.json();
//!
//! A script is a module, so `import` and `await` work at its top level. It may be in a file of its own:
//! `include_str!`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

use super::tools::{self, Ran};
use super::{debian, tell};

const PACKAGE: &str = include_str!("../js/package.json");
const LOCK: &str = include_str!("../js/package-lock.json");
const MAJOR_MIN: u32 = 18;

/// Runs a script with arguments (from `process.argv[2]` on) and with environment variables.
pub async fn run(script: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let folder = tokio::task::spawn_blocking(folder).await.expect("no panic");
    run_in(&folder, script, arguments, environment).await
}

/// Runs a script with the packages of another folder.
pub async fn run_in(
    folder: &Path,
    script: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Ran {
    let mut command = Command::new("node");
    command.arg(tools::script(folder, script, "mjs")).args(arguments);
    command.current_dir(folder).envs(environment.iter().copied());
    tools::run(command).await
}

/// A folder with these packages, installed exactly as the lock file says; node is available afterwards.
pub fn install(name: &str, package: &str, lock: &str) -> Result<PathBuf> {
    ensure_node()?;
    tools::folder(name, &[package, lock], |folder| {
        std::fs::write(folder.join("package.json"), package)?;
        std::fs::write(folder.join("package-lock.json"), lock)?;
        tell(&format!("installing npm packages with `npm ci` into {}", folder.display()));
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        debian::run(&mut npm)
    })
}

fn folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| install("js", PACKAGE, LOCK).expect("packages for node")).clone()
}

fn ensure_node() -> Result<()> {
    static FOUND: OnceLock<Result<(), String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| find_or_install().map_err(|error| format!("{error:#}")));
    found.clone().map_err(anyhow::Error::msg)
}

fn find_or_install() -> Result<()> {
    if version().is_none() || Command::new("npm").arg("--version").output().is_err() {
        debian::install(&["nodejs", "npm"])
            .context("no node and npm to run JavaScript: install node 18 or later")?;
    }
    let version = version().context("node does not run")?;
    ensure!(version >= MAJOR_MIN, "node {version} is too old: install node {MAJOR_MIN} or later");
    Ok(())
}

fn version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}
