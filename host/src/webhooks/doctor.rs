//! Finds the endpoints whose secret opens with no key at hand.

use crate::db::Conn;
use crate::model::problem::Problem;
use crate::secrets::Secrets;
use crate::webhooks::{secret, store::sealed};

pub async fn examine(conn: &mut Conn, secrets: &Secrets) -> Result<Vec<Problem>, sqlx::Error> {
    let mut problems = Vec::new();
    let mut after = None;
    loop {
        let page = sealed::page(conn, after).await?;
        let Some(last) = page.last() else { return Ok(problems) };
        after = Some((last.org_id, last.webhook.id));
        for row in page {
            if let Err(error) = secret::try_open(secrets, row.org_id, &row.webhook) {
                let problem = format!(
                    "nothing can be delivered to this webhook: {error}; give that key or rotate"
                );
                problems.push(Problem {
                    organization_id: row.org_id,
                    problem,
                    id: row.webhook.id.0,
                });
            }
        }
    }
}
