//! Checks that the figures of each day are the sums of its tickets' figures, and that these match the tickets.

use crate::db::Conn;
use crate::kpis::store;
use crate::model::problem::Problem;

pub async fn examine(conn: &mut Conn) -> Result<Vec<Problem>, sqlx::Error> {
    let mut problems = Vec::new();
    for (organization_id, shop, day) in store::find_wrong_days(conn).await? {
        let problem =
            format!("the shop's figures of {day} are not the sum of its tickets' figures");
        problems.push(Problem { organization_id, id: shop.0, problem });
    }
    for (organization_id, ticket) in store::find_wrong_figures(conn).await? {
        let problem = "the ticket's figures do not match the ticket".to_owned();
        problems.push(Problem { organization_id, id: ticket.0, problem });
    }
    for (organization_id, shop) in store::find_wrong_scores(conn).await? {
        let problem = "the shop's daily scores do not match its feedback".to_owned();
        problems.push(Problem { organization_id, id: shop.0, problem });
    }
    Ok(problems)
}
