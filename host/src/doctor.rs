//! Checks the invariants of the data across all organizations.

use crate::db::Db;
use crate::model::problem::Problem;
use crate::{counters, inventory, kpis, payments};

/// Returns nothing on a healthy database.
pub async fn examine(db: &Db) -> Result<Vec<Problem>, sqlx::Error> {
    let mut conn = db.read().await?;
    let mut problems = inventory::doctor::examine(&mut conn).await?;
    problems.extend(counters::doctor::examine(&mut conn).await?);
    problems.extend(payments::doctor::examine(&mut conn).await?);
    problems.extend(kpis::doctor::examine(&mut conn).await?);
    Ok(problems)
}
