//! Real Python against our server: `run` gives a script Python 3, and the packages pinned in `tests/python`.
//!
//!     let said = python::run(r#"
//!     import os, sys, json, requests
//!     response = requests.get(os.environ["BASE"] + "/healthz")
//!     print(json.dumps({"status": response.status_code, "first": sys.argv[1]}))
//!     "#, &["argument"], &[("BASE", &base)]).await.json();

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::tools::{self, Ran};
use super::{debian, tell};

const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// Runs a script with arguments (from `sys.argv[1]` on) and with environment variables.
pub async fn run(script: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let folder = tokio::task::spawn_blocking(folder).await.expect("no panic");
    let mut command = Command::new(folder.join("bin/python"));
    command.arg(tools::script(&folder, script, "py")).args(arguments);
    // Requests to this machine must not use its proxy.
    command.env("NO_PROXY", "127.0.0.1,localhost").env("PYTHONDONTWRITEBYTECODE", "1");
    command.current_dir(&folder).envs(environment.iter().copied());
    tools::run(command).await
}

fn folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| install().expect("packages for Python")).clone()
}

fn install() -> Result<PathBuf> {
    tools::folder("python", &[REQUIREMENTS], |folder| {
        tell(&format!("installing Python packages with pip into {}", folder.display()));
        make_environment(folder)?;
        let requirements = folder.join("requirements.txt");
        std::fs::write(&requirements, REQUIREMENTS)?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--no-input", "--quiet", "--requirement"]);
        debian::run(pip.arg(requirements))
    })
}

/// Debian's python3 cannot create one without `python3-venv`.
fn make_environment(folder: &Path) -> Result<()> {
    let make = || {
        let mut python = Command::new("python3");
        debian::run(python.args(["-m", "venv", "--clear"]).arg(folder))
    };
    make().or_else(|_| {
        debian::install(&["python3", "python3-venv"])
            .context("no Python to run scripts: install python3 with venv")?;
        make()
    })
}
