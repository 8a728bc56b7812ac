//! Checks what must always be true of the data, over all organizations.

use serde::Serialize;
use uuid::Uuid;

use crate::db::Db;
use crate::model::ids::OrgId;
use crate::{counters, inventory, kpis, payments};

/// Something that should not be.
#[derive(Debug, Serialize)]
pub struct Problem {
    pub organization_id: OrgId,
    /// What is wrong, in words with the figures.
    pub problem: String,
    /// The item, ticket, part line, customer, shop …
    pub id: Uuid,
}

/// Finds nothing on a healthy database.
pub async fn examine(db: &Db) -> Result<Vec<Problem>, sqlx::Error> {
    let mut conn = db.read().await?;
    let mut problems = inventory::doctor::examine(&mut conn).await?;
    problems.extend(counters::doctor::examine(&mut conn).await?);
    problems.extend(payments::doctor::examine(&mut conn).await?);
    problems.extend(kpis::doctor::examine(&mut conn).await?);
    Ok(problems)
}
