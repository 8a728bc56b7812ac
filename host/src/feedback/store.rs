//! All SQL of the table `feedback`.

use crate::db::Conn;
use crate::model::ids::{OrgId, TicketId};
use crate::model::ticket::Feedback;
use crate::{execute, fetch_optional};

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Option<Feedback>, sqlx::Error> {
    fetch_optional!(
        conn,
        Feedback,
        "select score, comment, created_at from feedback where org_id = $1 and ticket_id = $2",
        org,
        ticket
    )
}

/// Returns false if the ticket has feedback already.
pub async fn insert(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    feedback: &Feedback,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "insert into feedback (org_id, ticket_id, score, comment, created_at) values ($1, $2, $3, $4, $5)
         on conflict (org_id, ticket_id) do nothing",
        org,
        ticket,
        feedback.score,
        feedback.comment.as_deref(),
        feedback.created_at
    )?;
    Ok(rows == 1)
}
