//! Checks that the figures of each day are the sums of its tickets' figures, and that these match the tickets.

use crate::db::Conn;
use crate::kpis::store;
use crate::model::problem::Problem;

pub async fn examine(conn: &mut Conn) -> Result<Vec<Problem>, sqlx::Error> {
    let mut problems = Vec::new();
    for (organization_id, shop, day) in store::find_wrong_days(conn).await? {
        let problem = format!("the figures of the shop's {day} are not the sum of its tickets'");
        problems.push(Problem { organization_id, id: shop.0, problem });
    }
    for (organization_id, ticket) in store::find_wrong_figures(conn).await? {
        let problem = "the ticket's figures are not what the ticket says".to_owned();
        problems.push(Problem { organization_id, id: ticket.0, problem });
    }
    for (organization_id, shop) in store::find_wrong_scores(conn).await? {
        let problem = "the scores of the shop's days are not those of its feedback".to_owned();
        problems.push(Problem { organization_id, id: shop.0, problem });
    }
    Ok(problems)
}
