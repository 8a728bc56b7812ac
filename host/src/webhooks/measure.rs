//! Measures the backlog of deliveries, and the endpoints that get none, for the metrics.
//!
//! Invariant: a task of its own, so that a slow count delays no delivery.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs;
use crate::webhooks::store::leases;

const MEASURE_EVERY: Duration = Duration::from_secs(10);

pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(MEASURE_EVERY, stop, || measure(&app)).await;
}

async fn measure(app: &App) {
    let now = app.clock.now();
    let read = async {
        let mut conn = app.db.read().await?;
        leases::backlog(&mut conn, now).await
    };
    match read.await {
        Ok(backlog) => {
            let late = backlog.oldest_due.map_or(0, |due| (now - due).num_seconds().max(0));
            app.metrics.set_webhook_backlog(backlog.pending, late, backlog.disabled);
        }
        Err(error) => tracing::warn!(?error, "the backlog of webhooks could not be read"),
    }
}
