//! `repairops plugin`: tools for plugin developers.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::runtime::Runtime;
use crate::toolchain::{Component, build_components, ensure_wasm_target};

#[derive(Args)]
pub struct Plugin {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Build the plugin in a folder for wasm32-wasip2 (installs the target if it is missing), and print its hooks
    /// and permissions.
    Build {
        /// The plugin's folder.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Plugin {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let PluginCommand::Build { dir, json } = self.command;
        let mut progress = |line: &str| eprintln!("{line}");
        let target = ensure_wasm_target(&mut progress)?;
        let components = build_components(&target, &dir, &[], &mut progress)?;
        if components.is_empty() {
            bail!(
                "{} does not build a component; set crate-type = [\"cdylib\"] under [lib]",
                dir.display()
            );
        }
        for component in components {
            describe(&component, json)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(component: &Component, as_json: bool) -> anyhow::Result<()> {
    let path = component.path.display();
    let bytes = std::fs::read(&component.path).with_context(|| format!("reading {path}"))?;
    let manifest =
        Runtime::inspect(&bytes).with_context(|| format!("{path} is not a valid plugin"))?;
    let hooks: Vec<&str> = manifest.hooks.iter().map(|hook| hook.as_str()).collect();
    if as_json {
        let body = json!({
            "path": component.path, "name": manifest.name, "version": manifest.version, "hooks": hooks,
            "wit": manifest.wit, "checks_settings": manifest.checks_settings,
            "permissions": manifest.permissions, "inert_imports": manifest.inert, "size_bytes": bytes.len(),
        });
        println!("{body}");
        return Ok(());
    }
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let permissions: Vec<&str> = manifest.permissions.iter().map(String::as_str).collect();
    println!("{} {}", manifest.name, manifest.version);
    println!("  file         {path}");
    println!("  size         {} KiB", bytes.len().div_ceil(1024));
    let checks = if manifest.checks_settings { "; checks its settings" } else { "" };
    println!("  hooks        {} (WIT {}{checks})", list(&hooks), manifest.wit);
    println!("  permissions  {}", list(&permissions));
    println!(
        "  inert        {} WASI interfaces without files, network or environment",
        manifest.inert.len()
    );
    Ok(())
}
