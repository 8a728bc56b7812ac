//! `repairops serve`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::app::{App, router};
use crate::config::Config;
use crate::{plugins, tickets};

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

/// Serves until the process is asked to end; requests under way are finished first.
pub async fn serve(app: App, listener: TcpListener) -> anyhow::Result<()> {
    tokio::spawn(plugins::compile::retake_forever(app.clone()));
    tokio::spawn(tickets::enrich::run_forever(app.clone()));
    let db = app.db.clone();
    axum::serve(listener, router(app)).with_graceful_shutdown(asked_to_end()).await?;
    db.close().await;
    Ok(())
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
