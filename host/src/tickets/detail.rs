//! Reads a ticket with everything that `GET /v1/tickets/{ticket_id}` shows.
//!
//! Invariant: what only this response shows is read only here.

use crate::db::Conn;
use crate::feedback;
use crate::model::ids::{OrgId, TicketId};
use crate::model::ticket::{Feedback, FieldSource, TicketContext};
use crate::tickets::context;
use crate::tickets::store::{self, EnrichmentRow};

pub struct Detail {
    pub context: TicketContext,
    pub field_sources: Vec<FieldSource>,
    pub feedback: Option<Feedback>,
    /// The state of the post-create plugins: `none`, `pending`, `done` or `failed`.
    pub enrichment: &'static str,
}

pub async fn load(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
) -> Result<Option<Detail>, sqlx::Error> {
    let Some(context) = context::load(conn, org, id).await? else { return Ok(None) };
    complete(conn, org, context).await.map(Some)
}

/// Adds what the context of a ticket lacks.
pub async fn complete(
    conn: &mut Conn,
    org: OrgId,
    context: TicketContext,
) -> Result<Detail, sqlx::Error> {
    let id = context.ticket.id;
    // Feedback exists only after the pickup.
    let feedback = match context.ticket.picked_up_at {
        Some(_) => feedback::store::get(conn, org, id).await?,
        None => None,
    };
    Ok(Detail {
        field_sources: store::field_sources(conn, org, id).await?,
        feedback,
        enrichment: summarize(&store::enrichments(conn, org, id).await?),
        context,
    })
}

fn summarize(rows: &[EnrichmentRow]) -> &'static str {
    let any = |state: &str| rows.iter().any(|row| row.state == state);
    match () {
        () if rows.is_empty() => "none",
        () if any("pending") => "pending",
        () if any("failed") => "failed",
        () => "done",
    }
}
