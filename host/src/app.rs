//! The state shared by all requests, and its startup.
//!
//! Invariant: it imports no route.

use std::sync::Arc;

use anyhow::Context;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, STATEMENT_MAX, Schema};
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::nodes::Node;
use crate::plugins::active::ActivePlugins;
use crate::plugins::failures::Failures;
use crate::plugins::node_health::NodeHealth;
use crate::rate_limits::RateLimits;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::secrets::{self, Secrets};
use crate::shutdown::Shutdown;
use crate::webhooks::Webhooks;
use crate::{idempotency, tickets};

#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub runtime: Runtime,
    pub active: Arc<ActivePlugins>,
    pub plugin_failures: Arc<Failures>,
    pub journal: Arc<Journal>,
    pub node_health: Arc<NodeHealth>,
    /// Seal and open the secrets of webhooks.
    pub secrets: Secrets,
    pub webhooks: Arc<Webhooks>,
    pub metrics: Arc<Metrics>,
    pub rate_limits: Arc<RateLimits>,
    pub node: Node,
    pub config: Arc<Config>,
    pub shutdown: Shutdown,
}

impl App {
    /// Opens the database, migrates its schema and starts the plugin runtime.
    pub async fn start(config: Config) -> anyhow::Result<App> {
        // For this process's HTTPS clients. It fails harmlessly if it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let db = Db::open_with(&config.database.url, config.database.connections).await?;
        let secrets =
            secrets::load(&config.secrets, &config.data, matches!(db, Db::Sqlite { .. }))?;
        db.set_commit_hook(Box::new(idempotency::MarkClaims));
        db.prepare(Schema::Migrate).await?;
        tickets::backlog::record_missing(&db)
            .await
            .context("giving figures to picked-up tickets")?;
        let journal = Journal::open(&db, &config.database.url, config.journal.is_on()).await?;
        db.limit_statements(STATEMENT_MAX);
        let runtime = Runtime::new(RuntimeConfig {
            guest_threads: config.guests.threads(),
            caps: config.guests.caps(),
            cache_dir: config.data.join("compiled"),
            cache_max_bytes: config.compile.cache_max_bytes,
            compiler: config.compile.compiler().context("finding this program's file")?,
        })
        .context("starting the plugin runtime")?;
        let rate_limits = RateLimits::new(&config.limits, &db, &config.database)?;
        let clock = Clock::default();
        Ok(App {
            db,
            node: Node::new(clock.new_id()),
            clock,
            runtime,
            active: Arc::default(),
            plugin_failures: Arc::default(),
            journal: Arc::new(journal),
            node_health: Arc::default(),
            secrets,
            webhooks: Arc::new(Webhooks::new(&config.webhooks)),
            metrics: Arc::default(),
            rate_limits: Arc::new(rate_limits),
            config: Arc::new(config),
            shutdown: Shutdown::default(),
        })
    }
}
