//! Checks that the counters match the rows.

use crate::counters::store;
use crate::db::Conn;
use crate::model::problem::Problem;

pub async fn examine(conn: &mut Conn) -> Result<Vec<Problem>, sqlx::Error> {
    let wrong = store::find_wrong(conn).await?;
    let mut problems: Vec<Problem> = wrong
        .into_iter()
        .map(|(organization_id, list, id, status, day, by)| Problem {
            organization_id,
            id,
            problem: format!(
                "the counter of {list} (status {status:?}, day {day}) is off by {by} from the rows"
            ),
        })
        .collect();
    for (organization_id, customer, shop) in store::find_misplaced_customers(conn).await? {
        let problem = format!(
            "the customer is in the list of shop {shop} without a ticket there, or the other way round"
        );
        problems.push(Problem { organization_id, id: customer.0, problem });
    }
    Ok(problems)
}
