//! Deletes components that no plugin names any more, and what this node compiled of them.
//!
//! Invariant: a component goes only if it was released longer ago than the grace period and no plugin names it at that
//! moment; it is locked while that is found out, so that an upload of the same bytes waits and stores them again.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs;
use crate::plugins::store;

const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// So long a component stays after its last plugin was deleted: requests in progress may still read it.
pub const GRACE: Duration = Duration::from_secs(3_600);

/// Components of one transaction; each may have megabytes.
const BATCH: i64 = 8;

/// Returns the number of deleted components.
pub async fn sweep(app: &App) -> Result<u64, sqlx::Error> {
    let before = app.clock.now() - GRACE;
    let mut deleted = 0;
    loop {
        let mut tx = app.db.begin().await?;
        let digests = store::lock_released(&mut tx, before, BATCH).await?;
        for digest in &digests {
            if store::delete_component(&mut tx, digest).await? {
                deleted += 1;
            } else {
                store::keep_component(&mut tx, digest).await?;
            }
        }
        tx.commit().await?;
        if digests.len() < BATCH as usize {
            return Ok(deleted);
        }
    }
}

/// Forgets what this node compiled of components that are gone, whichever node deleted them, if it was not loaded for
/// `idle`. One that is uploaded again is compiled again.
pub async fn forget_compiled(app: &App, idle: Duration) -> Result<(), sqlx::Error> {
    for digest in app.runtime.compiled(idle).await {
        let mut conn = app.db.read().await?;
        let exists = store::component_exists(&mut conn, &digest).await?;
        drop(conn);
        if !exists {
            app.runtime.forget(digest).await;
        }
    }
    Ok(())
}

/// Sweeps every few minutes, until `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(SWEEP_EVERY, stop, || async {
        if let Err(error) = sweep(&app).await {
            tracing::error!(?error, "components that no plugin names could not be deleted");
        }
        if let Err(error) = forget_compiled(&app, GRACE).await {
            tracing::error!(?error, "components could not be looked up for the cache folder");
        }
    })
    .await;
}
