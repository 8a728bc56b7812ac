//! Reads a ticket with all that belongs to it.

use crate::db::Conn;
use crate::model::ids::{OrgId, TicketId};
use crate::model::ticket::Detail;
use crate::tickets::store::{self, EnrichmentRow};
use crate::{customers, feedback, inventory, shops, users};

pub async fn load(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
) -> Result<Option<Detail>, sqlx::Error> {
    let Some(ticket) = store::get(conn, org, id).await? else { return Ok(None) };
    // Foreign keys promise both.
    let customer = customers::store::get_plain(conn, org, ticket.customer_id)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    let shop =
        shops::store::get(conn, org, ticket.shop_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let technician = match ticket.assigned_to {
        Some(user) => users::store::get(conn, org, user).await?,
        None => None,
    };
    // Nobody rates a repair before the pickup.
    let feedback = match ticket.picked_up_at {
        Some(_) => feedback::store::get(conn, org, id).await?,
        None => None,
    };
    Ok(Some(Detail {
        customer,
        shop,
        technician,
        parts: store::parts(conn, org, id).await?,
        timeline: store::timeline(conn, org, id).await?,
        reservations: inventory::store::reservations(conn, org, id).await?,
        field_sources: store::field_sources(conn, org, id).await?,
        feedback,
        enrichment: summarize(&store::enrichments(conn, org, id).await?),
        ticket,
    }))
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
