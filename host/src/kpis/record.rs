//! Records the figures of a picked-up ticket in the transaction that changes it.

use crate::db::Conn;
use crate::kpis::figures::{Figures, first_review, local_day};
use crate::kpis::store::{self, TicketFigures};
use crate::model::ids::OrgId;
use crate::model::ticket::TicketContext;

/// Call it at the end of the transaction with the changed ticket. Time zone, technician and hourly cost are those at
/// the pickup, whatever changes later.
pub async fn record(
    conn: &mut Conn,
    org: OrgId,
    ticket: &TicketContext,
) -> Result<(), sqlx::Error> {
    let Some(picked_up_at) = ticket.ticket.picked_up_at else { return Ok(()) };
    let id = ticket.ticket.id;
    let before = store::get(conn, org, id).await?;
    let (day, hourly_cost) = match &before {
        Some(before) => (before.day, before.hourly_cost),
        None => (
            local_day(&ticket.shop.time_zone, picked_up_at),
            ticket.technician.as_ref().and_then(|user| user.hourly_cost),
        ),
    };
    let review = first_review(&ticket.timeline.entries);
    let after = TicketFigures {
        shop_id: ticket.ticket.shop_id,
        day,
        hourly_cost,
        figures: Figures::of(&ticket.ticket, &ticket.parts, hourly_cost, review),
    };
    let known = before.map_or(Figures::default(), |before| before.figures);
    if known == after.figures {
        return Ok(());
    }
    store::put(conn, org, id, &after).await?;
    store::add_to_day(conn, org, after.shop_id, day, &(after.figures - known)).await
}
