//! `repairops compile-component`: the process that compiles an upload. Started by the server.

use std::process::ExitCode;

use clap::Args;

use crate::runtime::{JobLimits, compile_standard_input};

#[derive(Args)]
pub struct CompileComponent {
    #[arg(long)]
    memory_bytes: u64,

    #[arg(long)]
    cpu_s: u64,
}

impl CompileComponent {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let limits = JobLimits { memory_bytes: self.memory_bytes, cpu_s: self.cpu_s };
        compile_standard_input(limits)?;
        Ok(ExitCode::SUCCESS)
    }
}
