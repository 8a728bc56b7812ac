//! `repairops openapi`: the OpenAPI document, without a server.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use crate::router;

#[derive(Args)]
pub struct OpenApi {
    /// All in one line.
    #[arg(long)]
    compact: bool,
}

impl OpenApi {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let document = router::document();
        let mut text = if self.compact { document.to_string() } else { format!("{document:#}") };
        text.push('\n');
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
