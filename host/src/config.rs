//! What a server can be told: flags, environment variables, defaults.

use std::path::PathBuf;

use clap::Args;

/// How `repairops serve` runs.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    #[arg(long, env = "REPAIROPS_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: String,

    #[command(flatten)]
    pub database: DatabaseConfig,

    /// A folder of this node's own, for compiled plugins.
    #[arg(long, env = "REPAIROPS_DATA", default_value = "repairops-data")]
    pub data: PathBuf,

    /// Threads that run plugins; 0 means one for each core, at least 2.
    #[arg(long, env = "REPAIROPS_GUEST_THREADS", default_value_t = 0)]
    pub guest_threads: usize,

    /// How many requests may wait for such a thread before a 503 is answered.
    #[arg(long, env = "REPAIROPS_GUEST_QUEUE", default_value_t = 1024)]
    pub guest_queue: usize,

    /// Plugin time that one request may take in all, in milliseconds.
    #[arg(long, env = "REPAIROPS_REQUEST_BUDGET_MS", default_value_t = 150)]
    pub request_budget_ms: u32,

    /// The largest component that may be uploaded, in bytes.
    #[arg(long, env = "REPAIROPS_COMPONENT_MAX_BYTES", default_value_t = 32 * 1024 * 1024)]
    pub component_max_bytes: usize,
}

#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// sqlite:PATH or postgres://USER@HOST/NAME.
    #[arg(long = "database", env = "REPAIROPS_DATABASE", default_value = "sqlite:repairops.db")]
    pub url: String,
}

impl Config {
    /// The defaults, without a look at the command line or the environment.
    pub fn new(data: PathBuf) -> Config {
        Config {
            listen: "127.0.0.1:8080".to_owned(),
            database: DatabaseConfig { url: "sqlite:repairops.db".to_owned() },
            data,
            guest_threads: 0,
            guest_queue: 1024,
            request_budget_ms: 150,
            component_max_bytes: 32 * 1024 * 1024,
        }
    }

    pub fn guest_threads(&self) -> usize {
        match self.guest_threads {
            0 => std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
            threads => threads,
        }
    }
}
