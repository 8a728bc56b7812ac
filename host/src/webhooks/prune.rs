//! Deletes old events with their deliveries.
//!
//! Invariant: an event with a pending delivery is not deleted.

use chrono::TimeDelta;

use crate::app::App;
use crate::organizations;
use crate::webhooks::store;

/// How many days events are kept and can be replayed.
pub const KEEP_DAYS: i64 = 30;

/// Events in one transaction: few enough that other writers do not wait long.
const BATCH: i64 = 200;

/// Transactions for one organization in one round; the next round continues.
const BATCHES_MAX: usize = 500;

pub async fn run(app: &App) {
    match try_run(app).await {
        Ok(0) => {}
        Ok(events) => tracing::info!(events, "old webhook events were deleted"),
        Err(error) => tracing::error!(?error, "old webhook events could not be deleted"),
    }
}

async fn try_run(app: &App) -> Result<usize, sqlx::Error> {
    let before = app.clock.now() - TimeDelta::days(KEEP_DAYS);
    let mut conn = app.db.read().await?;
    let organizations = organizations::store::ids(&mut conn).await?;
    drop(conn);
    let mut total = 0;
    for org in organizations {
        for _ in 0..BATCHES_MAX {
            let mut conn = app.db.read().await?;
            let any = store::has_events_before(&mut conn, org, before).await?;
            drop(conn);
            if !any {
                break;
            }
            let mut tx = app.db.begin().await?;
            let pruned = store::prune_events(&mut tx, org, before, BATCH).await?;
            tx.commit().await?;
            total += pruned;
            if pruned == 0 {
                break;
            }
        }
    }
    Ok(total)
}
