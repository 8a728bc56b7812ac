//! `repairops openapi`: the OpenAPI document, without a server.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::openapi::v3_0;
use crate::router;

#[derive(Args)]
pub struct OpenApi {
    /// All in one line.
    #[arg(long)]
    compact: bool,

    /// The version of the OpenAPI specification; 3.0 is for generators that do not know 3.1, and says less.
    #[arg(long, default_value = "3.1")]
    spec: Spec,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Spec {
    #[value(name = "3.1")]
    V3_1,
    #[value(name = "3.0")]
    V3_0,
}

impl OpenApi {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let document = match self.spec {
            Spec::V3_1 => router::document(),
            Spec::V3_0 => v3_0::convert(router::document()),
        };
        let mut text = if self.compact { document.to_string() } else { format!("{document:#}") };
        text.push('\n');
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
