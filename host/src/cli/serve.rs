//! `repairops serve`.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::cli::log::{self, LogFormat};
use crate::config::{Config, METRICS_LISTEN, MetricsListen};
use crate::db::Db;
use crate::listener::{Server, bind, open_files};
use crate::nodes::heartbeat::Heartbeat;
use crate::rate_limits::flush;
use crate::router::router;
use crate::shutdown::{Deadline, Shutdown, Signals};
use crate::{
    db, erasure, idempotency, journal, metrics, nodes, plugins, search, tickets, webhooks,
};

/// What is left of the time for the end when requests in progress, and then the jobs, are given up.
const SPARE_AFTER_REQUESTS: Duration = Duration::from_secs(8);
const SPARE_AFTER_JOBS: Duration = Duration::from_secs(4);
const SPARE_AFTER_CLOSING: Duration = Duration::from_secs(1);

/// A separate limit for metrics collectors, so that an attack on the client connections stays visible.
const METRICS_CONNECTIONS_MAX: usize = 64;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    config: Config,

    /// How the log is written: for people, or one JSON object a line.
    #[arg(long, env = "REPAIROPS_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,

    /// How long a server that got SIGTERM still takes requests, in milliseconds, while /readyz is 503: as long as a
    /// load balancer needs to see it.
    #[arg(long, env = "REPAIROPS_DRAIN_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..=15_000))]
    drain_ms: u64,
}

impl Serve {
    pub async fn run(mut self) -> anyhow::Result<ExitCode> {
        log::start("info,sqlx=warn", self.log_format);
        self.config.database.read_file()?;
        open_files::raise_limit();
        let mut signals = Signals::listen().context("listening for signals")?;
        let lock = db::lock(&self.config.database.url)?;
        let drain = Duration::from_millis(self.drain_ms);
        let starting = start(self.config);
        let (app, listener) = tokio::select! {
            started = starting => started?,
            () = signals.next() => {
                tracing::info!("shutdown requested before the server had started");
                return Ok(ExitCode::SUCCESS);
            }
        };
        serve(app, listener, drain, signals).await?;
        drop(lock);
        Ok(ExitCode::SUCCESS)
    }
}

async fn start(config: Config) -> anyhow::Result<(App, TcpListener)> {
    let app = App::start(config).await?;
    let listener = listen(&app.config.listen).await?;
    if let MetricsListen::Address(address) = &app.config.metrics_listen {
        serve_metrics(&app, address).await?;
    }
    Ok((app, listener))
}

/// Another program, such as a second node on this machine, may have the default address: then there are no metrics.
async fn serve_metrics(app: &App, address: &str) -> anyhow::Result<()> {
    let listener = match listen(address).await {
        Ok(listener) => listener,
        Err(error) if address == METRICS_LISTEN => {
            tracing::warn!(
                error = format!("{error:#}"),
                "/metrics is not served; choose another address with --metrics-listen, or `off`"
            );
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    tracing::info!(at = %listener.local_addr()?, "serving metrics");
    let server = Server::new(app, listener, metrics::http::router(app.clone()))
        .with_connections_max(METRICS_CONNECTIONS_MAX);
    tokio::spawn(server.run(std::future::pending()));
    Ok(())
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    bind(address).await.with_context(|| format!("listening on {address}"))
}

/// Serves until the process gets SIGTERM or SIGINT. While it drains, `/readyz` fails and requests are still served.
/// Then requests in progress are finished, guests by their deadline; unfinished post-create work stays marked for the
/// next start.
///
/// All of it ends within [`shutdown::END_MAX`] of the signal.
pub async fn serve(
    app: App,
    listener: TcpListener,
    drain: Duration,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let Shutdown { draining, stopping } = app.shutdown.clone();
    // The jobs also end if the caller drops this future.
    let _guard = stopping.clone().drop_guard();
    let ended = CancellationToken::new();
    let _ended = ended.clone().drop_guard();
    let heartbeat = tokio::select! {
        started = start_heartbeat(&app, &ended) => started?,
        () = signals.next() => return Ok(()),
    };
    plugins::warm_up::begin(&app);
    tracing::info!(node = %app.node.id, address = %listener.local_addr()?, "serving");
    let jobs = TaskTracker::new();
    jobs.spawn(app.db.clone().checkpoint_until(stopping.clone()));
    jobs.spawn(app.journal.db.clone().checkpoint_until(stopping.clone()));
    let webhooks = app.webhooks.clone();
    tokio::task::spawn_blocking(move || webhooks.prepare());
    let retrying = plugins::compile::retry_forever(app.clone());
    jobs.spawn(stopping.clone().run_until_cancelled_owned(retrying));
    let warming = plugins::warm_up::run_forever(app.clone());
    jobs.spawn(stopping.clone().run_until_cancelled_owned(warming));
    jobs.spawn(tickets::enrich_due::run_until(app.clone(), stopping.clone()));
    jobs.spawn(webhooks::dispatch::run_until(app.clone(), stopping.clone()));
    jobs.spawn(webhooks::measure::run_until(app.clone(), stopping.clone()));
    jobs.spawn(webhooks::prune::run_until(app.clone(), stopping.clone()));
    jobs.spawn(plugins::report_failures::run_until(app.clone(), stopping.clone()));
    jobs.spawn(journal::write::run_until(app.clone(), stopping.clone()));
    jobs.spawn(journal::prune::run_until(app.clone(), stopping.clone()));
    jobs.spawn(flush::run_until(app.clone(), stopping.clone()));
    jobs.spawn(plugins::sweep::run_until(app.clone(), stopping.clone()));
    jobs.spawn(search::backfill::run_until(app.clone(), stopping.clone()));
    jobs.spawn(erasure::due::run_until(app.clone(), stopping.clone()));
    jobs.spawn(idempotency::sweep::run_until(app.clone(), stopping.clone()));
    let (db, secrets) = (app.db.clone(), app.secrets.clone());
    jobs.spawn(webhooks::reseal::at_start(db, secrets, stopping.clone()));
    jobs.close();
    let deadline = Arc::new(OnceLock::new());
    let (stop, begun) = (stopping.clone(), deadline.clone());
    let server = Server::new(&app, listener, router(app.clone())).run(async move {
        signals.next().await;
        let _ = begun.set(Deadline::begin(signals));
        draining.cancel();
        tracing::info!("shutdown requested; /readyz now returns 503");
        tokio::time::sleep(drain).await;
        tracing::info!("waiting for the requests in progress");
        stop.cancel();
    });
    let too_long = async {
        stopping.cancelled().await;
        if let Some(deadline) = deadline.get() {
            tokio::time::sleep_until(deadline.before(SPARE_AFTER_REQUESTS)).await;
        }
    };
    tokio::select! {
        () = server => {}
        () = too_long => tracing::warn!("some requests did not finish in time; closing their connections"),
    }
    // Without a signal, as when a test drops the server, nothing is waited for.
    let Some(deadline) = deadline.get() else { return Ok(()) };
    if tokio::time::timeout_at(deadline.before(SPARE_AFTER_JOBS), jobs.wait()).await.is_err() {
        tracing::warn!(
            jobs = jobs.len(),
            "some jobs did not end in time; their leases will expire"
        );
    }
    ended.cancel();
    let closing = async {
        let _ = heartbeat.await;
        close(&app).await;
    };
    if tokio::time::timeout_at(deadline.before(SPARE_AFTER_CLOSING), closing).await.is_err() {
        tracing::warn!("the database did not answer in time; its connections are left to it");
    }
    Ok(())
}

/// The leases of nodes that are gone are released: on SQLite at once, since this node is alone; on PostgreSQL by
/// whichever node sees that their heartbeats have ended.
async fn start_heartbeat(
    app: &App,
    ended: &CancellationToken,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    if matches!(app.db, Db::Sqlite { .. }) {
        let mut tx = app.db.begin().await?;
        nodes::store::release_all(&mut tx, app.clock.now()).await?;
        tx.commit().await?;
        return Ok(tokio::spawn(std::future::ready(())));
    }
    let apart = app.db.open_apart(&app.config.database.url)?;
    let heartbeat = Heartbeat::start(apart, app.node.clone(), app.clock.clone());
    let heartbeat = heartbeat.await.context("signing on among the nodes of the database")?;
    Ok(tokio::spawn(heartbeat.run_until(ended.clone())))
}

async fn close(app: &App) {
    if let Err(error) = flush::flush(app).await {
        tracing::error!(?error, "the usage of API keys could not be saved");
    }
    app.rate_limits.close().await;
    app.journal.db.close().await;
    app.db.close().await;
}
