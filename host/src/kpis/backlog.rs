//! Gives figures to the tickets that were picked up before there were any. A start finds nothing to do, except the first
//! one after the update that brought them.

use crate::db::Db;
use crate::kpis::{record, store};
use crate::tickets::detail;

/// Tickets in one transaction.
const BATCH: i64 = 200;

pub async fn work_off(db: &Db) -> Result<(), sqlx::Error> {
    loop {
        let mut tx = db.begin().await?;
        let tickets = store::take_missing(&mut tx, BATCH).await?;
        for (org, ticket) in &tickets {
            if let Some(detail) = detail::load(&mut tx, *org, *ticket).await? {
                record::record(&mut tx, *org, &detail).await?;
            }
        }
        tx.commit().await?;
        if tickets.is_empty() {
            return Ok(());
        }
    }
}
