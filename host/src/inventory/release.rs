//! Ends reservations that an owner's new quantity does not cover: the reservation, a note on its ticket, and the events.
//!
//! Invariant: the tickets are locked in the order of their ids, before the item.

use std::collections::{BTreeSet, HashMap};

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::inventory::store::{self, Hold};
use crate::model::ids::{EventId, OrgId, TicketId};
use crate::model::outbox::{OutboxEvent, TicketUpdated};
use crate::model::stock::Item;
use crate::model::ticket::{Visibility, number_text};
use crate::model::time::Time;
use crate::tickets;
use crate::tickets::store::{NewEvent, TouchedTicket};

/// Increments the versions of the tickets and locks them.
pub async fn touch(
    conn: &mut Conn,
    org: OrgId,
    ids: BTreeSet<TicketId>,
    now: Time,
) -> Result<HashMap<TicketId, TouchedTicket>, sqlx::Error> {
    let ids: Vec<TicketId> = ids.into_iter().collect();
    let touched = tickets::store::touch_many(conn, org, &ids, now).await?;
    Ok(touched.into_iter().map(|ticket| (ticket.id, ticket)).collect())
}

/// Returns an event for each ticket.
pub async fn end(
    app: &App,
    caller: &Caller,
    conn: &mut Conn,
    item: &Item,
    ended: &[Hold],
    touched: &HashMap<TicketId, TouchedTicket>,
    now: Time,
) -> Result<Vec<(EventId, OutboxEvent)>, sqlx::Error> {
    if ended.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = ended.iter().map(|hold| hold.id).collect();
    store::end_holds(conn, caller.org, &ids, now).await?;
    let notes: Vec<(TicketId, String)> = ended
        .iter()
        .map(|hold| {
            let text = format!(
                "{} of {} ({}) are no longer reserved, because only {} are on hand",
                hold.quantity, item.name, item.sku, item.on_hand
            );
            (hold.ticket_id, text)
        })
        .collect();
    let entries: Vec<(TicketId, NewEvent<'_>)> = notes
        .iter()
        .filter_map(|(ticket, text)| {
            let entry = NewEvent {
                id: app.clock.new_id(),
                kind: "note",
                status: &touched.get(ticket)?.status,
                from_status: None,
                actor: &caller.actor.name,
                notes: Some(text),
                visibility: Visibility::Internal,
                created_at: now,
            };
            Some((*ticket, entry))
        })
        .collect();
    tickets::store::add_events_of_many(conn, caller.org, &entries).await?;
    let mut tickets: Vec<&TouchedTicket> = touched.values().collect();
    tickets.sort_by_key(|ticket| ticket.id);
    let event = |ticket: &TouchedTicket| {
        OutboxEvent::TicketUpdated(TicketUpdated {
            ticket_id: ticket.id,
            ticket_number: number_text(ticket.number),
            shop_id: ticket.shop_id,
            customer_id: None,
            changed: vec!["reservations".to_owned()],
            version: ticket.version,
        })
    };
    Ok(tickets.into_iter().map(|ticket| (app.clock.new_id(), event(ticket))).collect())
}
