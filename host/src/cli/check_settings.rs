//! `repairops check-settings`: the process that checks settings against a plugin's schema. Started by the server.

use std::process::ExitCode;

use clap::Args;

use crate::runtime::{JobLimits, check_settings_of_standard_input};

#[derive(Args)]
pub struct CheckSettings {
    #[arg(long)]
    memory_bytes: u64,

    #[arg(long)]
    cpu_s: u64,
}

impl CheckSettings {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let limits = JobLimits { memory_bytes: self.memory_bytes, cpu_s: self.cpu_s };
        check_settings_of_standard_input(limits)?;
        Ok(ExitCode::SUCCESS)
    }
}
