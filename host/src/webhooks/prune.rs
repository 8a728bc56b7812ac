//! Deletes old events with their deliveries.
//!
//! Invariant: an event with a pending delivery is not deleted. Organizations take turns, and between two batches other
//! writers write and the end of the node is seen.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs;
use crate::model::ids::OrgId;
use crate::model::time::Time;
use crate::organizations;
use crate::webhooks::store;

/// How many days events are kept and can be replayed.
pub const KEEP_DAYS: i64 = 30;

const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// Events in one transaction: few enough that other writers do not wait long.
const BATCH: i64 = 200;

/// Prunes every hour, until `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(PRUNE_EVERY, stop.clone(), || run(&app, &stop)).await;
}

/// One round over all organizations, until nothing old is left or `stop` is cancelled.
pub async fn run(app: &App, stop: &CancellationToken) {
    match try_run(app, stop).await {
        Ok(0) => {}
        Ok(events) => tracing::info!(events, "old webhook events were deleted"),
        Err(error) => tracing::error!(?error, "old webhook events could not be deleted"),
    }
}

async fn try_run(app: &App, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
    let before = app.clock.now() - TimeDelta::days(KEEP_DAYS);
    let mut conn = app.db.read().await?;
    let mut organizations = organizations::store::ids(&mut conn).await?;
    drop(conn);
    let mut total = 0;
    while !organizations.is_empty() {
        let mut unfinished = Vec::new();
        for org in organizations {
            if stop.is_cancelled() {
                return Ok(total);
            }
            match prune(app, org, before).await? {
                0 => {}
                pruned => {
                    total += pruned;
                    unfinished.push(org);
                }
            }
        }
        organizations = unfinished;
    }
    Ok(total)
}

/// One batch of one organization.
async fn prune(app: &App, org: OrgId, before: Time) -> Result<usize, sqlx::Error> {
    let mut conn = app.db.read().await?;
    let is_any = store::has_events_before(&mut conn, org, before).await?;
    drop(conn);
    if !is_any {
        return Ok(0);
    }
    let mut tx = app.db.begin().await?;
    let pruned = store::prune_events(&mut tx, org, before, BATCH).await?;
    tx.commit().await?;
    Ok(pruned)
}
