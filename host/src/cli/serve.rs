//! `repairops serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::{App, router};
use crate::config::Config;
use crate::rate_limits::flush;
use crate::{plugins, tickets};

/// How long the end may take: a guest has a deadline of a second at most, a client may be slow.
const SHUTDOWN_MAX: Duration = Duration::from_secs(15);

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    config: Config,
}

impl Serve {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        super::start_logging("info,sqlx=warn");
        let listen = self.config.listen.clone();
        let app = App::start(self.config).await?;
        let listener =
            TcpListener::bind(&listen).await.with_context(|| format!("listening on {listen}"))?;
        tracing::info!(address = %listener.local_addr()?, "serving");
        serve(app, listener).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Serves until the process is asked to end. Requests under way are finished first, guests by their
/// deadline; post-create work that is not finished stays marked and is taken up by the next start.
pub async fn serve(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let resuming = tokio::spawn(plugins::compile::retake_forever(app.clone()));
    let enriching = tokio::spawn(tickets::enrich::run_until(app.clone(), stopped.clone()));
    let flushing = tokio::spawn(flush::run_until(app.clone(), stopped.clone()));
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        asked_to_end().await;
        tracing::info!("asked to end: finishing the requests under way");
        let _ = stop.send(true);
    });
    tokio::select! {
        result = server => result?,
        () = too_long_after(stopped) => {
            tracing::warn!("some requests did not end within {} s; they are cut off", SHUTDOWN_MAX.as_secs());
        }
    }
    resuming.abort();
    let _ = tokio::time::timeout(SHUTDOWN_MAX, enriching).await;
    let _ = tokio::time::timeout(SHUTDOWN_MAX, flushing).await;
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
