//! Checks the invariants of the data across all organizations.

use crate::db::Db;
use crate::model::problem::Problem;
use crate::secrets::Secrets;
use crate::{counters, installations, inventory, kpis, payments, webhooks};

/// Returns nothing on a healthy database. Without a key, sealed secrets are not examined.
pub async fn examine(db: &Db, secrets: &Secrets) -> Result<Vec<Problem>, sqlx::Error> {
    let mut conn = db.read().await?;
    let mut problems = inventory::doctor::examine(&mut conn).await?;
    problems.extend(counters::doctor::examine(&mut conn).await?);
    problems.extend(payments::doctor::examine(&mut conn).await?);
    problems.extend(kpis::doctor::examine(&mut conn).await?);
    problems.extend(installations::twins::examine(&mut conn).await?);
    if secrets.has_key() {
        problems.extend(webhooks::doctor::examine(&mut conn, secrets).await?);
    }
    Ok(problems)
}
