//! A job that finishes erasures.
//!
//! Invariant: what was looked for is forgotten only after a pass that came after the last request that may have held a
//! copy.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pass::{self, PassError};
use super::store;
use crate::app::App;
use crate::jobs;

const EVERY: Duration = Duration::from_secs(10);

/// When another node takes up what this one has not finished.
const AGAIN_AFTER: Duration = Duration::from_secs(300);

/// Erasures of one round.
const BATCH: i64 = 10;

/// Finishes what is due. Returns the number of erasures.
pub async fn finish(app: &App, stop: &CancellationToken) -> Result<usize, PassError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let due = store::take_due(&mut tx, now, now + AGAIN_AFTER, BATCH).await?;
    tx.commit().await?;
    let mut finished = 0;
    for erasure in due {
        if stop.is_cancelled() {
            break;
        }
        pass::run(app, &erasure).await?;
        let mut tx = app.db.begin().await?;
        store::finish(&mut tx, erasure.org_id, erasure.customer_id, app.clock.now()).await?;
        tx.commit().await?;
        finished += 1;
    }
    Ok(finished)
}

/// Looks every few seconds, until `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(EVERY, stop.clone(), || async {
        match finish(&app, &stop).await {
            Ok(0) => {}
            Ok(erasures) => tracing::info!(erasures, "erasures of customers were finished"),
            Err(error) => tracing::error!(?error, "erasures of customers could not be finished"),
        }
    })
    .await;
}
