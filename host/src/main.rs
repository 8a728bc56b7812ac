//! Parses the arguments and runs one command.

use std::process::ExitCode;

use clap::Parser;
use repairops::cli::Command;

/// The RepairOps REST API and the host of its WebAssembly plugins.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
