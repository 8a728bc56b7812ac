//! Writes the terms of tickets and customers that have none: those of before the migration, and those that a node of
//! the previous version wrote.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::store;
use crate::app::App;
use crate::jobs;

const EVERY: Duration = Duration::from_secs(60);

/// Rows of one transaction: a few milliseconds, so that other writers do not wait long.
const BATCH: i64 = 100;

/// Ends between two batches when `stop` is cancelled. Returns the number of rows.
pub async fn fill(app: &App, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
    let mut filled = 0;
    while !stop.is_cancelled() {
        if !store::lacks_terms(&mut app.db.read().await?).await? {
            break;
        }
        let mut tx = app.db.begin().await?;
        let customers = store::fill_customers(&mut tx, BATCH).await?;
        let tickets = store::fill_tickets(&mut tx, BATCH).await?;
        tx.commit().await?;
        filled += customers + tickets;
        if customers + tickets == 0 {
            // Another node has locked what is left.
            break;
        }
    }
    Ok(filled)
}

/// Looks every minute, until `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(EVERY, stop.clone(), || async {
        match fill(&app, &stop).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "tickets and customers can be searched now"),
            Err(error) => tracing::error!(?error, "terms for the search could not be written"),
        }
    })
    .await;
}
