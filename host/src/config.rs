//! The configuration of a server: flags, environment variables, defaults.

mod bounds;
mod database;
mod journal;
mod metrics_listen;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use ipnet::IpNet;

use crate::cors::origins::CorsOrigins;
use crate::model::limits::Limits;
use crate::rate_limits::rates::{OrganizationRates, RatesOption};
use crate::runtime::{Caps, CompilerConfig, CompilerProgram};
use crate::secrets::SecretConfig;

pub use bounds::BoundConfig;
pub use database::DatabaseConfig;
pub use journal::JournalConfig;
pub use metrics_listen::{METRICS_LISTEN, MetricsListen};

/// How `repairops serve` runs.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    #[arg(long, env = "REPAIROPS_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// Where /metrics is served: an address of its own, `public` for the address of --listen, or `off`.
    #[arg(long, env = "REPAIROPS_METRICS_LISTEN", default_value = METRICS_LISTEN)]
    pub metrics_listen: MetricsListen,

    #[command(flatten)]
    pub database: DatabaseConfig,

    /// This node's own folder for compiled plugins.
    #[arg(long, env = "REPAIROPS_DATA", default_value = "repairops-data")]
    pub data: PathBuf,

    #[command(flatten)]
    pub secrets: SecretConfig,

    #[command(flatten)]
    pub guests: GuestConfig,

    /// Processor time for the plugins of one request, all together, in milliseconds.
    #[arg(long, env = "REPAIROPS_REQUEST_BUDGET_MS", default_value_t = 150)]
    pub request_budget_ms: u32,

    /// How long all plugins of one request may take, in milliseconds.
    #[arg(long, env = "REPAIROPS_REQUEST_WALL_MS", default_value_t = 5_000)]
    pub request_wall_ms: u32,

    /// Upper bounds for the limits of installations: JSON with the limits to lower, for example
    /// {"fuel": 50000000}.
    #[arg(long, env = "REPAIROPS_LIMITS_MAX", default_value = "{}", value_parser = parse_limits_max)]
    pub limits_max: Limits,

    /// The largest component that may be uploaded, in bytes.
    #[arg(long, env = "REPAIROPS_COMPONENT_MAX_BYTES", default_value_t = 32 * 1024 * 1024)]
    pub component_max_bytes: usize,

    #[command(flatten)]
    pub compile: CompileConfig,

    #[command(flatten)]
    pub limits: LimitConfig,

    #[command(flatten)]
    pub bounds: BoundConfig,

    #[command(flatten)]
    pub journal: JournalConfig,

    /// Origins whose web pages may call the API from a browser, for example
    /// https://app.example.com,http://localhost:5173, or * for all; empty for none.
    #[arg(long, env = "REPAIROPS_CORS_ORIGINS", default_value = "")]
    pub cors_origins: CorsOrigins,

    #[command(flatten)]
    pub connections: ConnectionConfig,

    #[command(flatten)]
    pub webhooks: WebhookConfig,
}

/// Timeouts of clients, and how many connections may be open.
#[derive(Args, Clone, Debug)]
pub struct ConnectionConfig {
    /// How long a client may take to send the head of a request, in milliseconds; a new connection that has sent
    /// nothing is closed after as long.
    #[arg(long, env = "REPAIROPS_HEAD_TIMEOUT_MS", default_value_t = 10_000, value_parser = timeout_ms())]
    pub head_timeout_ms: u64,

    /// How long the body of a request may pause, in milliseconds, before the request fails with 408.
    #[arg(long, env = "REPAIROPS_BODY_TIMEOUT_MS", default_value_t = 10_000, value_parser = timeout_ms())]
    pub body_timeout_ms: u64,

    /// How long a client may read nothing of its response, in milliseconds, before the connection is closed.
    #[arg(long, env = "REPAIROPS_WRITE_TIMEOUT_MS", default_value_t = 10_000, value_parser = timeout_ms())]
    pub write_timeout_ms: u64,

    /// How long a connection is kept open for another request, in milliseconds.
    #[arg(long, env = "REPAIROPS_IDLE_TIMEOUT_MS", default_value_t = 75_000, value_parser = timeout_ms())]
    pub idle_timeout_ms: u64,

    /// How long a request may take, in milliseconds, from its head to its response: 408 if its body was not complete
    /// by then, otherwise 503. The client then has the same time again to read the response.
    #[arg(long, env = "REPAIROPS_REQUEST_TIMEOUT_MS", default_value_t = 60_000, value_parser = timeout_ms())]
    pub request_timeout_ms: u64,

    /// The same for uploads of plugins, which are larger.
    #[arg(long, env = "REPAIROPS_UPLOAD_TIMEOUT_MS", default_value_t = 300_000, value_parser = timeout_ms())]
    pub upload_timeout_ms: u64,

    /// How many connections may be open at the same time; beyond, the address with the most connections that wait for
    /// their client loses one for each new one. 0 means 10,000, or fewer if the limit on open files leaves
    /// fewer beside the 256 files that the server keeps for itself.
    #[arg(long, env = "REPAIROPS_CONNECTIONS_MAX", default_value_t = 0)]
    pub connections_max: usize,

    /// Of these, how many from one address (of IPv6: one /64); 0 means any number. Not applied to --trusted-proxies.
    #[arg(long, env = "REPAIROPS_CONNECTIONS_PER_ADDRESS", default_value_t = 256)]
    pub connections_per_address: usize,
}

/// From a millisecond to a day.
fn timeout_ms() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=86_400_000)
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        ConnectionConfig {
            head_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            write_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            request_timeout_ms: 60_000,
            upload_timeout_ms: 300_000,
            connections_max: 0,
            connections_per_address: 256,
        }
    }
}

/// How webhooks are delivered from this node.
#[derive(Args, Clone, Debug)]
pub struct WebhookConfig {
    /// Networks that webhooks may be sent to although they are not public, for example 10.1.0.0/16,127.0.0.0/8.
    #[arg(long, env = "REPAIROPS_WEBHOOK_ALLOW", value_delimiter = ',')]
    pub webhook_allow: Vec<IpNet>,

    /// The timeout of one delivery attempt, in milliseconds.
    #[arg(long, env = "REPAIROPS_WEBHOOK_TIMEOUT_MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(100..=120_000))]
    pub webhook_timeout_ms: u64,

    /// How many delivery attempts may run at the same time.
    #[arg(long, env = "REPAIROPS_WEBHOOK_CONCURRENCY", default_value_t = 256)]
    pub webhook_concurrency: usize,

    /// Of these, how many to one webhook. With more than one, events may arrive out of order.
    #[arg(long, env = "REPAIROPS_WEBHOOK_PER_ENDPOINT", default_value_t = 1)]
    pub webhook_per_endpoint: usize,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        WebhookConfig {
            webhook_allow: Vec::new(),
            webhook_timeout_ms: 15_000,
            webhook_concurrency: 256,
            webhook_per_endpoint: 1,
        }
    }
}

impl WebhookConfig {
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.webhook_timeout_ms)
    }
}

/// How uploads are compiled, each in a separate process, and how much compiled code is kept. A component that exceeds
/// the limits of memory and processor time is rejected.
#[derive(Args, Clone, Debug)]
pub struct CompileConfig {
    /// Components that are compiled at the same time; with 2 or more, one place is for components under 1 MiB only.
    #[arg(long, env = "REPAIROPS_COMPILE_SLOTS", default_value_t = 2)]
    pub compile_slots: usize,

    /// How many more requests, and how many more uploads, may wait for one, half of them of one organization; further
    /// uploads stay `compiling` and are retried later.
    #[arg(long, env = "REPAIROPS_COMPILE_QUEUE", default_value_t = 64)]
    pub compile_queue: usize,

    /// Memory of one compilation, in bytes.
    #[arg(long, env = "REPAIROPS_COMPILE_MEMORY_BYTES", default_value_t = 2 << 30)]
    pub compile_memory_bytes: u64,

    /// Processor time of one compilation, in seconds, all its threads together.
    #[arg(long, env = "REPAIROPS_COMPILE_CPU_S", default_value_t = 60)]
    pub compile_cpu_s: u64,

    /// Wall-clock time of one compilation, in seconds; beyond, it is retried.
    #[arg(long, env = "REPAIROPS_COMPILE_TIMEOUT_S", default_value_t = 120)]
    pub compile_timeout_s: u64,

    /// How long, in seconds, a starting server reports not ready at most while it prepares the installed plugins.
    #[arg(long, env = "REPAIROPS_WARM_UP_S", default_value_t = 60)]
    pub warm_up_s: u64,

    /// Total size of compiled components in the data folder, in bytes; the least recently used are deleted.
    #[arg(long, env = "REPAIROPS_CACHE_MAX_BYTES", default_value_t = 1 << 30)]
    pub cache_max_bytes: u64,

    /// For programs other than `repairops` that have the server inside: a `repairops` of the same build.
    #[arg(skip)]
    pub compiler: Option<PathBuf>,
}

impl Default for CompileConfig {
    fn default() -> Self {
        CompileConfig {
            compile_slots: 2,
            compile_queue: 64,
            compile_memory_bytes: 2 << 30,
            compile_cpu_s: 60,
            compile_timeout_s: 120,
            warm_up_s: 60,
            cache_max_bytes: 1 << 30,
            compiler: None,
        }
    }
}

impl CompileConfig {
    pub fn compiler(&self) -> std::io::Result<CompilerConfig> {
        let program = match &self.compiler {
            Some(program) => CompilerProgram::Child(program.clone()),
            None => CompilerProgram::current()?,
        };
        Ok(CompilerConfig {
            slots: self.compile_slots,
            waiting_max: self.compile_queue,
            memory_bytes: self.compile_memory_bytes,
            cpu_s: self.compile_cpu_s,
            timeout: Duration::from_secs(self.compile_timeout_s),
            ..CompilerConfig::new(program)
        })
    }
}

/// Rate limits.
#[derive(Args, Clone, Debug)]
pub struct LimitConfig {
    /// Requests an hour of one key, by the class of the request: read=1000,write=100,admin=10,plugins=600,stock=600 (any of them), or off.
    #[arg(
        long,
        env = "REPAIROPS_RATE_LIMITS",
        default_value = "read=1000,write=100,admin=10,plugins=600,stock=600"
    )]
    pub rate_limits: RatesOption,

    /// Requests an hour of one organization, all its keys together: a multiple of --rate-limits, figures like there
    /// (those left out are ten times the key's), or off; off too if --rate-limits is.
    #[arg(long, env = "REPAIROPS_ORGANIZATION_RATE_LIMITS", default_value = "10x")]
    pub organization_rate_limits: OrganizationRates,

    /// Requests a minute from one address without a valid key, before it gets 429 for the rest of the minute;
    /// 0 means any number.
    #[arg(long, env = "REPAIROPS_AUTH_FAILURES_PER_MINUTE", default_value_t = 60)]
    pub auth_failures_per_minute: u32,

    /// Networks of proxies whose X-Forwarded-For is trusted, for example 10.0.0.0/8,127.0.0.1/32.
    #[arg(long, env = "REPAIROPS_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for LimitConfig {
    fn default() -> Self {
        LimitConfig {
            rate_limits: RatesOption::DEFAULT,
            organization_rate_limits: OrganizationRates::DEFAULT,
            auth_failures_per_minute: 60,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Config {
    /// The defaults; reads neither the command line nor the environment.
    pub fn new(data: PathBuf) -> Config {
        Config {
            listen: "127.0.0.1:8080".to_owned(),
            metrics_listen: MetricsListen::Address(METRICS_LISTEN.to_owned()),
            database: DatabaseConfig::default(),
            data,
            secrets: SecretConfig::default(),
            guests: GuestConfig::default(),
            request_budget_ms: 150,
            request_wall_ms: 5_000,
            limits_max: Limits::CEILING,
            component_max_bytes: 32 * 1024 * 1024,
            compile: CompileConfig::default(),
            limits: LimitConfig::default(),
            bounds: BoundConfig::default(),
            journal: JournalConfig::default(),
            cors_origins: CorsOrigins::None,
            connections: ConnectionConfig::default(),
            webhooks: WebhookConfig::default(),
        }
    }
}

/// How many plugin calls run and wait at the same time. Beyond that a request fails with 503 and
/// `Retry-After`, or continues without the plugin where it fails open.
#[derive(Args, Clone, Debug)]
pub struct GuestConfig {
    /// Threads that run plugins; 0 means two for each core, at least 4.
    #[arg(long, env = "REPAIROPS_GUEST_THREADS", default_value_t = 0)]
    pub guest_threads: usize,

    /// Of these, how many one organization may use at a time; 0 means a quarter, which is half of
    /// the cores.
    #[arg(long, env = "REPAIROPS_GUEST_THREADS_PER_ORG", default_value_t = 0)]
    pub guest_threads_per_org: usize,

    /// How many calls of one installation may run at a time; 0 means as many as of its organization.
    #[arg(long, env = "REPAIROPS_GUEST_THREADS_PER_INSTALLATION", default_value_t = 0)]
    pub guest_threads_per_installation: usize,

    /// How many requests may wait for a thread.
    #[arg(long, env = "REPAIROPS_GUEST_QUEUE", default_value_t = 2048)]
    pub guest_queue: usize,

    /// How many of them may be of one organization.
    #[arg(long, env = "REPAIROPS_GUEST_QUEUE_PER_ORG", default_value_t = 512)]
    pub guest_queue_per_org: usize,

    /// How many of them may be for one installation.
    #[arg(long, env = "REPAIROPS_GUEST_QUEUE_PER_INSTALLATION", default_value_t = 256)]
    pub guest_queue_per_installation: usize,
}

impl Default for GuestConfig {
    fn default() -> Self {
        GuestConfig {
            guest_threads: 0,
            guest_threads_per_org: 0,
            guest_threads_per_installation: 0,
            guest_queue: 2048,
            guest_queue_per_org: 512,
            guest_queue_per_installation: 256,
        }
    }
}

impl GuestConfig {
    pub fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        or_else(self.guest_threads, || (2 * cores()).max(4))
    }

    pub fn caps(&self) -> Caps {
        let organization = or_else(self.guest_threads_per_org, || (self.threads() / 4).max(1));
        Caps {
            running_per_organization: organization,
            running_per_installation: or_else(self.guest_threads_per_installation, || organization),
            waiting: self.guest_queue.max(1),
            waiting_per_organization: self.guest_queue_per_org.max(1),
            waiting_per_installation: self.guest_queue_per_installation.max(1),
        }
    }
}

/// Returns the given number; 0 means the default.
fn or_else(given: usize, default: impl FnOnce() -> usize) -> usize {
    if given == 0 { default() } else { given }
}

/// The engine is set up for the default ceilings, so they can only be lowered.
fn parse_limits_max(json: &str) -> Result<Limits, String> {
    let changes =
        serde_json::from_str(json).map_err(|error| format!("not a JSON object: {error}"))?;
    let limits = Limits::CEILING.changed(&changes).map_err(|invalid| invalid.to_string())?;
    limits.check(&Limits::CEILING).map_err(|invalid| invalid.to_string())?;
    Ok(limits)
}
