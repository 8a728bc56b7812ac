//! Writes the event `plugin.failed` for failures that were kept in memory, in a job of its own. Invariant: a node that
//! is killed loses the failures of the last second and no more.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::Fault;
use crate::jobs;
use crate::webhooks;

const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Writes the failures. Those that cannot be written now are kept for the next time, unless they would fail again.
pub async fn write(app: &App) {
    let waiting = app.plugin_failures.take();
    if waiting.is_empty() {
        return;
    }
    let written = async {
        let mut tx = app.db.begin().await?;
        for (org, data, at) in &waiting {
            let id = app.clock.new_id();
            webhooks::store::enqueue(&mut tx, *org, id, "plugin.failed", data, *at).await?;
        }
        tx.commit().await
    };
    match written.await {
        Ok(()) => app.webhooks.wake(),
        Err(error) => {
            tracing::error!(?error, "plugin.failed events could not be written");
            if Fault::of(&error) != Fault::Internal {
                app.plugin_failures.keep(waiting);
            }
        }
    }
}

/// Writes every second until `stop` is cancelled, and once more then.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(WRITE_EVERY, stop, || write(&app)).await;
    write(&app).await;
}
