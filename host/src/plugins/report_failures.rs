//! A job that writes the event `plugin.failed` for failures collected in memory.
//!
//! Invariant: a failure is written at most once. It is lost only if the node is killed within a second after it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::Fault;
use crate::jobs;
use crate::model::ids::OrgId;
use crate::model::outbox::OutboxEvent;
use crate::model::time::Time;
use crate::webhooks;

const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Writes the queued failures: together, or, if the database refuses one of them, each by itself, so that it takes no
/// other organization's with it. Those that could not be written for want of the database are written in the next round.
pub async fn write(app: &App) {
    let waiting = app.plugin_failures.take();
    if waiting.is_empty() {
        return;
    }
    let Err(error) = write_set(app, &waiting).await else {
        app.webhooks.wake();
        return;
    };
    tracing::error!(?error, "plugin.failed events could not be written at once");
    if Fault::of(&error) != Fault::Internal {
        app.plugin_failures.put_back(waiting);
        return;
    }
    let mut unwritten = Vec::new();
    for failure in waiting {
        if let Err(error) = write_set(app, std::slice::from_ref(&failure)).await {
            tracing::error!(org = %failure.0, ?error, "a plugin.failed event could not be written");
            if Fault::of(&error) != Fault::Internal {
                unwritten.push(failure);
            }
        }
    }
    app.plugin_failures.put_back(unwritten);
    app.webhooks.wake();
}

async fn write_set(app: &App, failures: &[(OrgId, OutboxEvent, Time)]) -> Result<(), sqlx::Error> {
    let mut tx = app.db.begin().await?;
    for (org, event, at) in failures {
        let id = app.clock.new_id();
        webhooks::store::enqueue(&mut tx, *org, id, event, *at).await?;
    }
    tx.commit().await
}

/// Writes every second, and once more when `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(WRITE_EVERY, stop, || write(&app)).await;
    write(&app).await;
}
