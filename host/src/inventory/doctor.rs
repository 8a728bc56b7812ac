//! Checks the invariants of stock for `doctor`.

use crate::db::Conn;
use crate::inventory::store::{self, Finding};
use crate::model::problem::Problem;

pub async fn examine(conn: &mut Conn) -> Result<Vec<Problem>, sqlx::Error> {
    let mut problems = Vec::new();
    note(&mut problems, store::find_wrong_reserved(conn).await?, |has, sum| {
        format!("the item has {has} reserved, but its reservations add up to {sum}")
    });
    note(&mut problems, store::find_wrong_on_hand(conn).await?, |has, sum| {
        format!("the item has {has} on hand, but its movements add up to {sum}")
    });
    note(&mut problems, store::find_held_by_ended(conn, "CLOSED", "VOIDED").await?, |held, _| {
        format!("the ticket has ended, but {held} are still reserved for it")
    });
    note(&mut problems, store::find_overreserved_parts(conn).await?, |reserved, wanted| {
        format!("the part line needs {wanted}, but {reserved} are reserved or consumed for it")
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
