//! Installs Debian packages that a test needs and the machine lacks.
//!
//! Invariant: it prints a line first, and installs nothing if `REPAIROPS_NO_INSTALL` is set.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use repairops::toolchain::{NO_INSTALL, check_may_install};

use super::tell;

pub fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    check_may_install(&names, &format!("apt-get install {names}"))?;
    let user = Command::new("id").arg("-u").output().context("cannot run id")?;
    ensure!(user.stdout.trim_ascii() == b"0", "only root can install {names} here");
    tell(&format!("installing {names} with `apt-get install` ({NO_INSTALL}=1 forbids it)"));
    apt_get(&["update"])?;
    apt_get(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    // Waits for another process that installs packages. RUNLEVEL=1: services must not start.
    command.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    run(&mut command)
}

/// Runs a program that must succeed; the error contains its stderr.
pub fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
