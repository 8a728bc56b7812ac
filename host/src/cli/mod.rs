//! The command line: one file for each command.

mod admin;
mod check_settings;
mod compile;
mod demo;
mod log;
mod openapi;
mod plugin;
mod serve;

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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // A thread that still hangs, for example in a file system or a name server, does not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    Ok(result)
}
