//! A job that writes the event `plugin.failed` for failures collected in memory.
//!
//! Invariant: a failure is written at most once. It is lost only if the node is killed within a second after it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::Fault;
use crate::jobs;
use crate::webhooks;

const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Writes the queued failures. Failed writes are retried in the next round, unless they would fail again.
pub async fn write(app: &App) {
    let waiting = app.plugin_failures.take();
    if waiting.is_empty() {
        return;
    }
    let written = async {
        let mut tx = app.db.begin().await?;
        for (org, event, at) in &waiting {
            let id = app.clock.new_id();
            webhooks::store::enqueue(&mut tx, *org, id, event, *at).await?;
        }
        tx.commit().await
    };
    match written.await {
        Ok(()) => app.webhooks.wake(),
        Err(error) => {
            tracing::error!(?error, "plugin.failed events could not be written");
            if Fault::of(&error) != Fault::Internal {
                app.plugin_failures.put_back(waiting);
            }
        }
    }
}

/// Writes every second, and once more when `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(WRITE_EVERY, stop, || write(&app)).await;
    write(&app).await;
}
