//! Checks what must always be true of stock, over all organizations.

use serde::Serialize;
use uuid::Uuid;

use crate::db::Db;
use crate::inventory::store::{self, Finding};
use crate::model::ids::OrgId;

/// Something that should not be.
#[derive(Debug, Serialize)]
pub struct Problem {
    pub organization_id: OrgId,
    /// What is wrong, in words with the figures.
    pub problem: String,
    /// The item, ticket or part line.
    pub id: Uuid,
}

/// Finds nothing on a healthy database.
pub async fn examine(db: &Db) -> Result<Vec<Problem>, sqlx::Error> {
    let mut conn = db.read().await?;
    let mut problems = Vec::new();
    note(&mut problems, store::find_wrong_reserved(&mut conn).await?, |has, sum| {
        format!("the item says {has} reserved, but {sum} are held")
    });
    note(&mut problems, store::find_wrong_on_hand(&mut conn).await?, |has, sum| {
        format!("the item says {has} on hand, but its movements add up to {sum}")
    });
    note(
        &mut problems,
        store::find_held_by_ended(&mut conn, "CLOSED", "VOIDED").await?,
        |held, _| format!("the ticket has ended, but still holds {held}"),
    );
    note(&mut problems, store::find_overreserved_parts(&mut conn).await?, |reserved, wanted| {
        format!("the part line asks for {wanted}, but {reserved} are held or consumed for it")
    });
    Ok(problems)
}

fn note(problems: &mut Vec<Problem>, found: Vec<Finding>, words: impl Fn(i64, i64) -> String) {
    problems.extend(found.into_iter().map(|(organization_id, id, is, should)| Problem {
        organization_id,
        id,
        problem: words(is, should),
    }));
}
