//! `repairops serve`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::cli::LogFormat;
use crate::config::Config;
use crate::listener::{Server, bind, open_files};
use crate::rate_limits::flush;
use crate::router::router;
use crate::shutdown::Shutdown;
use crate::{idempotency, metrics, plugins, tickets, webhooks};

/// The limit of each step of the shutdown: a guest has a deadline of a second at most, a client may be slow.
const SHUTDOWN_MAX: Duration = Duration::from_secs(15);

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
    #[arg(long, env = "REPAIROPS_DRAIN_MS", default_value_t = 1_000)]
    drain_ms: u64,
}

impl Serve {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        super::start_logging("info,sqlx=warn", self.log_format);
        open_files::raise_limit();
        let app = App::start(self.config).await?;
        let listener = listen(&app.config.listen).await?;
        if let Some(address) = &app.config.metrics_listen {
            let listener = listen(address).await?;
            tracing::info!(at = %listener.local_addr()?, "serving metrics");
            let server = Server::new(&app, listener, metrics::http::router(app.clone()))
                .with_connections_max(METRICS_CONNECTIONS_MAX);
            tokio::spawn(server.run(std::future::pending()));
        }
        tracing::info!(address = %listener.local_addr()?, "serving");
        serve(app, listener, Duration::from_millis(self.drain_ms)).await?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    bind(address).await.with_context(|| format!("listening on {address}"))
}

/// Serves until the process gets SIGTERM or SIGINT. While it drains, `/readyz` fails and requests are still served.
/// Then requests in progress are finished, guests by their deadline; unfinished post-create work stays marked for the
/// next start.
pub async fn serve(app: App, listener: TcpListener, drain: Duration) -> anyhow::Result<()> {
    let Shutdown { draining, stopping } = app.shutdown.clone();
    // The jobs also end if the caller drops this future.
    let _guard = stopping.clone().drop_guard();
    let jobs = TaskTracker::new();
    let retrying = plugins::compile::retry_forever(app.clone());
    jobs.spawn(stopping.clone().run_until_cancelled_owned(retrying));
    jobs.spawn(tickets::enrich::run_until(app.clone(), stopping.clone()));
    jobs.spawn(webhooks::dispatch::run_until(app.clone(), stopping.clone()));
    jobs.spawn(plugins::report_failures::run_until(app.clone(), stopping.clone()));
    jobs.spawn(flush::run_until(app.clone(), stopping.clone()));
    jobs.spawn(plugins::sweep::run_until(app.clone(), stopping.clone()));
    jobs.spawn(idempotency::sweep::run_until(app.clone(), stopping.clone()));
    jobs.close();
    let stop = stopping.clone();
    let server = Server::new(&app, listener, router(app.clone())).run(async move {
        terminated().await;
        draining.cancel();
        tracing::info!("shutdown requested; /readyz now returns 503");
        tokio::time::sleep(drain).await;
        tracing::info!("waiting for the requests in progress");
        stop.cancel();
    });
    tokio::select! {
        () = server => {}
        () = too_long_after(&stopping) => {
            tracing::warn!("some requests did not finish within {} s; closing their \
                            connections", SHUTDOWN_MAX.as_secs());
        }
    }
    let _ = tokio::time::timeout(SHUTDOWN_MAX, jobs.wait()).await;
    let _ = tokio::time::timeout(SHUTDOWN_MAX, close(&app)).await;
    Ok(())
}

async fn close(app: &App) {
    if let Err(error) = flush::flush(app).await {
        tracing::error!(?error, "the usage of API keys could not be saved");
    }
    app.rate_limits.close().await;
    app.db.close().await;
}

async fn too_long_after(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(SHUTDOWN_MAX).await;
}

async fn terminated() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut sigterm) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = sigterm.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}
