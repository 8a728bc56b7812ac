//! The command line: one file for each command.

mod admin;
mod check_settings;
mod compile;
mod demo;
mod openapi;
mod plugin;
mod serve;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    /// Serve the REST API.
    Serve(Box<serve::Serve>),
    /// Work on the database: schema, organizations, keys, a check of its invariants.
    Admin(admin::Admin),
    /// Build plugins.
    Plugin(plugin::Plugin),
    /// Run a demo: sample plugins, a database with some weeks of history, a server.
    Demo(demo::Demo),
    /// Print the OpenAPI document of the API.
    Openapi(openapi::OpenApi),
    /// Compile one component from standard input; the server starts this.
    #[command(hide = true)]
    CompileComponent(compile::CompileComponent),
    /// Check settings by a schema from standard input; the server starts this.
    #[command(hide = true)]
    CheckSettings(check_settings::CheckSettings),
}

impl Command {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Serve(command) => block_on(command.run())?,
            Command::Admin(command) => block_on(command.run())?,
            Command::Plugin(command) => command.run(),
            Command::Demo(command) => block_on(command.run())?,
            Command::Openapi(command) => command.run(),
            Command::CompileComponent(command) => command.run(),
            Command::CheckSettings(command) => command.run(),
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future))
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Logs to standard error; `RUST_LOG` selects the level.
fn start_logging(default: &str, format: LogFormat) {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process fails harmlessly.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
