//! Records the daily figures of tickets that were picked up before the server had such figures.
//!
//! Runs at every start and finds nothing to do, except at the first start after the update that added the figures.

use crate::db::Db;
use crate::kpis::{record, store};
use crate::tickets::context;

/// Tickets in one transaction.
const BATCH: i64 = 200;

pub async fn record_missing(db: &Db) -> Result<(), sqlx::Error> {
    loop {
        let mut tx = db.begin().await?;
        let tickets = store::take_missing(&mut tx, BATCH).await?;
        for (org, ticket) in &tickets {
            if let Some(context) = context::load(&mut tx, *org, *ticket).await? {
                record::record(&mut tx, *org, &context).await?;
            }
        }
        tx.commit().await?;
        if tickets.is_empty() {
            return Ok(());
        }
    }
}
