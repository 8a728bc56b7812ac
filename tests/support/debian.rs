//! Installs Debian packages on a machine that lacks what a test needs.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::tell;

pub fn install(packages: &[&str]) -> Result<()> {
    let user = Command::new("id").arg("-u").output().context("cannot run id")?;
    ensure!(user.stdout.trim_ascii() == b"0", "only root can install {} here", packages.join(" "));
    tell(&format!("installing {} with apt-get", packages.join(" ")));
    apt_get(&["update"])?;
    apt_get(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    // Another process may be installing at this moment. RUNLEVEL=1: no service needs to start now.
    command.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    run(&mut command)
}

/// Runs a program that must succeed; an error has what it wrote to stderr.
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
