//! Reads a ticket with everything that plugins see and that changes depend on.
//!
//! Invariant: four statements, however many lines, entries and reservations the ticket has.

use crate::db::Conn;
use crate::model::ids::{OrgId, TicketId};
use crate::model::stock::Item;
use crate::model::ticket::{Extras, Part, Ticket, TicketContext};
use crate::tickets::store::{self, Head};
use crate::{inventory, payments};

pub async fn load(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
) -> Result<Option<TicketContext>, sqlx::Error> {
    let Some(head) = store::head(conn, org, id).await? else { return Ok(None) };
    let parts = store::parts(conn, org, id).await?;
    complete(conn, org, head, parts).await.map(Some)
}

/// The context for a change, with the stock items that the part lines name, in the order of their ids.
pub async fn load_with_items(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
) -> Result<Option<(TicketContext, Vec<Item>)>, sqlx::Error> {
    let Some(head) = store::head(conn, org, id).await? else { return Ok(None) };
    let (parts, items) = store::parts_with_items(conn, org, id).await?;
    Ok(Some((complete(conn, org, head, parts).await?, items)))
}

async fn complete(
    conn: &mut Conn,
    org: OrgId,
    head: Head,
    parts: Vec<Part>,
) -> Result<TicketContext, sqlx::Error> {
    let id = head.ticket.id;
    Ok(TicketContext {
        ticket: head.ticket,
        customer: head.customer,
        shop: head.shop,
        technician: head.technician,
        parts,
        timeline: store::timeline(conn, org, id).await?,
        reservations: inventory::store::reservations(conn, org, id).await?,
        extras: None,
    })
}

/// What plugins of WIT 0.2 see in addition.
pub async fn extras(conn: &mut Conn, org: OrgId, ticket: &Ticket) -> Result<Extras, sqlx::Error> {
    let payments = match ticket.amount_paid {
        Some(_) => payments::store::latest(conn, org, ticket.id).await?,
        None => Vec::new(), // there was never one
    };
    Ok(Extras { payments, field_sources: store::field_sources(conn, org, ticket.id).await? })
}
