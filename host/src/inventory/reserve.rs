//! Moves stock for a ticket inside the operation's transaction: gives back, holds, consumes.
//!
//! Items are touched in the order of their ids, so that two tickets never wait for each other; every hold
//! is one guarded update, so that what is not there cannot be held.

use crate::clock::Clock;
use crate::db::Conn;
use crate::inventory::store::{self, Movement};
use crate::model::ids::{ItemId, OrgId, TicketId};
use crate::model::outbox::InventoryUpdated;
use crate::model::stock::{Item, Plan, Reservation, ReservationState};
use crate::model::time::Time;
use crate::webhooks;

/// What shall happen to a ticket's stock.
#[derive(Debug, Default)]
pub struct StockChange {
    /// So many of a held reservation go back.
    pub release: Vec<(Reservation, i64)>,
    pub hold: Plan,
    /// What is held after that is taken off the shelf.
    pub consume: Vec<Reservation>,
    pub consume_new_holds: bool,
}

/// For whom stock moves.
pub struct Context<'a> {
    pub clock: &'a Clock,
    pub org: OrgId,
    pub ticket: TicketId,
    pub actor: &'a str,
    pub now: Time,
}

#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Someone else took it since the plan was made: plan again.
    #[error("item {0} has less available than was planned")]
    Taken(ItemId),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

enum Step {
    Release(Reservation, i64),
    Hold(Reservation),
    Consume(Reservation),
}

impl Step {
    /// The item, then the order within it: what goes back may be held again, what is held may be consumed.
    fn rank(&self) -> (ItemId, u8) {
        match self {
            Step::Release(row, _) => (row.item_id, 0),
            Step::Hold(row) => (row.item_id, 1),
            Step::Consume(row) => (row.item_id, 2),
        }
    }
}

/// Writes the rows, and one `inventory.updated` for each item that changed.
pub async fn apply(
    conn: &mut Conn,
    context: &Context<'_>,
    change: StockChange,
) -> Result<(), ReserveError> {
    let mut steps = steps(context.clock, change);
    steps.sort_by_key(Step::rank);
    let mut touched: Vec<(Item, &'static str)> = Vec::new();
    for step in steps {
        let (item, reason) = match step {
            Step::Release(row, quantity) => {
                (release(conn, context, row, quantity).await?, "released")
            }
            Step::Hold(row) => (hold(conn, context, row).await?, "reserved"),
            Step::Consume(row) => (consume(conn, context, row).await?, "consumed"),
        };
        let Some(item) = item else { continue };
        // The steps of one item follow each other: the last of them has the figures as they are then.
        match touched.last_mut() {
            Some(last) if last.0.id == item.id => *last = (item, reason),
            _ => touched.push((item, reason)),
        }
    }
    let events: Vec<_> = touched
        .into_iter()
        .map(|(item, reason)| {
            let event = InventoryUpdated::of(&item, reason, Some(context.ticket));
            (context.clock.new_id(), event)
        })
        .collect();
    let (org, now) = (context.org, context.now);
    webhooks::store::enqueue_all(conn, org, &events, now).await?;
    Ok(())
}

fn steps(clock: &Clock, change: StockChange) -> Vec<Step> {
    let holds: Vec<Reservation> = change
        .hold
        .allocations
        .iter()
        .map(|allocation| Reservation {
            id: clock.new_id(),
            part_id: allocation.part_id,
            item_id: allocation.item_id,
            quantity: allocation.quantity,
            state: ReservationState::Held,
            plugin: change.hold.plugin.clone(),
        })
        .collect();
    let mut steps: Vec<Step> =
        change.release.into_iter().map(|(row, quantity)| Step::Release(row, quantity)).collect();
    if change.consume_new_holds {
        steps.extend(holds.iter().cloned().map(Step::Consume));
    }
    steps.extend(holds.into_iter().map(Step::Hold));
    steps.extend(change.consume.into_iter().map(Step::Consume));
    steps
}

async fn hold(
    conn: &mut Conn,
    context: &Context<'_>,
    row: Reservation,
) -> Result<Option<Item>, ReserveError> {
    let item = store::hold(conn, context.org, row.item_id, row.quantity, context.now).await?;
    let Some(item) = item else { return Err(ReserveError::Taken(row.item_id)) };
    store::insert_reservation(conn, context.org, context.ticket, &row, context.now).await?;
    Ok(Some(item))
}

/// A row ends as a whole; what stays held of it gets a row of its own.
async fn release(
    conn: &mut Conn,
    context: &Context<'_>,
    row: Reservation,
    quantity: i64,
) -> Result<Option<Item>, ReserveError> {
    if !store::end_reservation(conn, context.org, row.id, ReservationState::Released, context.now)
        .await?
    {
        return Ok(None);
    }
    let item = store::release(conn, context.org, row.item_id, quantity, context.now).await?;
    if row.quantity > quantity {
        let rest =
            Reservation { id: context.clock.new_id(), quantity: row.quantity - quantity, ..row };
        store::insert_reservation(conn, context.org, context.ticket, &rest, context.now).await?;
    }
    Ok(item)
}

async fn consume(
    conn: &mut Conn,
    context: &Context<'_>,
    row: Reservation,
) -> Result<Option<Item>, ReserveError> {
    if !store::end_reservation(conn, context.org, row.id, ReservationState::Consumed, context.now)
        .await?
    {
        return Ok(None);
    }
    let item = store::consume(conn, context.org, row.item_id, row.quantity, context.now).await?;
    let item = item.ok_or(sqlx::Error::RowNotFound)?; // a foreign key promises it
    let movement = Movement {
        id: context.clock.new_id(),
        item_id: row.item_id,
        delta: -row.quantity,
        reason: "used",
        actor: context.actor,
        ticket_id: Some(context.ticket),
        quantity_after: item.on_hand,
        created_at: context.now,
    };
    store::insert_movement(conn, context.org, &movement).await?;
    Ok(Some(item))
}
