//! `repairops serve`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::cli::LogFormat;
use crate::config::Config;
use crate::listener::{Server, bind, open_files};
use crate::rate_limits::flush;
use crate::router::router;
use crate::{idempotency, metrics, plugins, tickets, webhooks};

/// How long the end may take: a guest has a deadline of a second at most, a client may be slow.
const SHUTDOWN_MAX: Duration = Duration::from_secs(15);

/// For the collectors of metrics, beside the connections of clients: an attack on those must be visible.
const METRICS_CONNECTIONS_MAX: usize = 64;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    config: Config,

    /// How the log is written: for people, or one JSON object a line.
    #[arg(long, env = "REPAIROPS_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,

    /// How long a server that is asked to end still takes requests, in milliseconds, while /readyz says that it
    /// ends: as long as a load balancer needs to see it.
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

/// Serves until the process is asked to end. For the time of `drain` it says so and still serves; then requests under way are finished first, guests by their
/// deadline; post-create work that is not finished stays marked and is taken up by the next start.
pub async fn serve(app: App, listener: TcpListener, drain: Duration) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let resuming = tokio::spawn(plugins::compile::retake_forever(app.clone()));
    let enriching = tokio::spawn(tickets::enrich::run_until(app.clone(), stopped.clone()));
    let delivering = tokio::spawn(webhooks::dispatch::run_until(app.clone(), stopped.clone()));
    let telling = tokio::spawn(plugins::report_failures::run_until(app.clone(), stopped.clone()));
    let flushing = tokio::spawn(flush::run_until(app.clone(), stopped.clone()));
    let sweeping = tokio::spawn(idempotency::sweep::run_until(app.clone(), stopped.clone()));
    let ending = app.ending.clone();
    let server = Server::new(&app, listener, router(app.clone())).run(async move {
        asked_to_end().await;
        ending.begin();
        tracing::info!("asked to end: not ready any more");
        tokio::time::sleep(drain).await;
        tracing::info!("finishing the requests under way");
        let _ = stop.send(true);
    });
    tokio::select! {
        () = server => {}
        () = too_long_after(stopped) => {
            tracing::warn!("some requests did not end within {} s; they are cut off", SHUTDOWN_MAX.as_secs());
        }
    }
    resuming.abort();
    let jobs = async {
        (enriching.await, telling.await, delivering.await, flushing.await, sweeping.await)
    };
    let _ = tokio::time::timeout(SHUTDOWN_MAX, jobs).await;
    let _ = tokio::time::timeout(SHUTDOWN_MAX, close(&app)).await;
    Ok(())
}

async fn close(app: &App) {
    if let Err(error) = flush::flush(app).await {
        tracing::error!(?error, "what keys used could not be written back");
    }
    app.rate_limits.close().await;
    app.db.close().await;
}

async fn too_long_after(mut stopped: watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        // Only when the server is gone already.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(SHUTDOWN_MAX).await;
}

async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}
