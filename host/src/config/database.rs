//! Which database a node uses, and how many connections it takes.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::db::CONNECTIONS;

#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// sqlite:PATH or postgres://USER@HOST/NAME.
    #[arg(long = "database", env = "REPAIROPS_DATABASE", default_value = SQLITE_URL)]
    pub url: String,

    /// A file with the URL instead, for one with a password.
    #[arg(long = "database-file", env = "REPAIROPS_DATABASE_FILE", conflicts_with = "url")]
    pub file: Option<PathBuf>,

    /// Connections to PostgreSQL of this node, all its pools together.
    #[arg(
        long = "database-connections", env = "REPAIROPS_DATABASE_CONNECTIONS", default_value_t = CONNECTIONS,
        value_parser = clap::value_parser!(u32).range(4..=10_000)
    )]
    pub connections: u32,
}

/// The default database: a file in the working directory.
const SQLITE_URL: &str = "sqlite:repairops.db";

impl Default for DatabaseConfig {
    fn default() -> Self {
        DatabaseConfig { url: SQLITE_URL.to_owned(), file: None, connections: CONNECTIONS }
    }
}

impl DatabaseConfig {
    /// Reads the URL from the file, if one was given.
    pub fn read_file(&mut self) -> anyhow::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading the URL of the database in {}", path.display()))?;
        let url = text.trim();
        anyhow::ensure!(
            !url.is_empty() && url.lines().count() == 1,
            "{} must have one line, the URL of the database",
            path.display()
        );
        self.url = url.to_owned();
        Ok(())
    }
}
