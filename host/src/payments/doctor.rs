//! Checks for `doctor` that the paid amounts of tickets are the sums of their payments.

use crate::db::Conn;
use crate::model::problem::Problem;
use crate::payments::store;

pub async fn examine(conn: &mut Conn) -> Result<Vec<Problem>, sqlx::Error> {
    let found = store::find_wrong_paid(conn).await?;
    let problem = |(organization_id, id, has, sum)| Problem {
        organization_id,
        id,
        problem: format!(
            "the ticket has {has} cents paid, but its payments add up to {sum} (-1: not found)"
        ),
    };
    Ok(found.into_iter().map(problem).collect())
}
