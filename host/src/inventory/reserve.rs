//! Moves stock for a ticket inside the operation's transaction: releases, holds, consumes.
//!
//! Invariants: unavailable stock is never held, whatever the plan says; the number of statements does not depend on
//! the number of lines.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::db::Conn;
use crate::inventory::store::{self, ItemMove, MoveContext, Moves, Use};
use crate::model::ids::{ItemId, OrgId, TicketId};
use crate::model::outbox::{InventoryUpdated, OutboxEvent};
use crate::model::stock::{Item, Plan, Reservation, ReservationState};
use crate::model::time::Time;

/// The change of a ticket's stock.
#[derive(Clone, Debug, Default)]
pub struct StockChange {
    /// The quantities to release from held reservations.
    pub release: Vec<(Reservation, i64)>,
    pub hold: Plan,
    /// The held reservations to consume; none of them is in `release`.
    pub consume: Vec<Reservation>,
    /// Whether to also consume what this change leaves held: new holds, and the rest of partly released reservations.
    pub consumes: bool,
}

/// The ticket and actor for whom stock moves.
pub struct Context<'a> {
    pub clock: &'a Clock,
    pub org: OrgId,
    pub ticket: TicketId,
    pub actor: &'a str,
    pub now: Time,
}

#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// The stock changed since it was read; the plan must be made again.
    #[error("the stock changed after it was read for the plan")]
    Stale,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The change of one item.
#[derive(Debug, Default)]
struct Sums {
    released: i64,
    held: i64,
    used: i64,
}

impl Sums {
    /// The reason in the event: the last change of the item.
    fn reason(&self) -> &'static str {
        match self {
            Sums { used: 1.., .. } => "consumed",
            Sums { held: 1.., .. } => "reserved",
            _ => "released",
        }
    }
}

/// Writes the change. Returns the data of one `inventory.updated` for each changed item, in the order of the ids.
pub async fn apply(
    conn: &mut Conn,
    context: &Context<'_>,
    change: StockChange,
) -> Result<Vec<OutboxEvent>, ReserveError> {
    let (sums, moves) = moves(context.clock, change);
    let move_context = MoveContext {
        org: context.org,
        ticket: context.ticket,
        actor: context.actor,
        now: context.now,
    };
    let moved = store::write_moves(conn, &move_context, &moves).await?;
    if moved.items.len() < moves.items.len() || moved.reservations < moves.reservations.len() {
        return Err(ReserveError::Stale);
    }
    let mut items: Vec<(Item, &Sums)> = moved
        .items
        .into_iter()
        .filter_map(|item| sums.get(&item.id).map(|sums| (item, sums)))
        .collect();
    items.sort_by_key(|(item, _)| item.id);
    let events = items
        .iter()
        .map(|(item, sums)| InventoryUpdated::of(item, sums.reason(), Some(context.ticket)));
    Ok(events.collect())
}

/// The rows to write. A reservation ends as a whole; the rest of a partly released one gets a new row.
fn moves(clock: &Clock, change: StockChange) -> (BTreeMap<ItemId, Sums>, Moves) {
    let mut sums: BTreeMap<ItemId, Sums> = BTreeMap::new();
    let StockChange { release, hold, consume, consumes } = change;
    let state = if consumes { ReservationState::Consumed } else { ReservationState::Held };
    // If this change consumes, what it holds and leaves held is consumed as a whole.
    let mut kept: Vec<Reservation> = Vec::new();
    for allocation in hold.allocations {
        sums.entry(allocation.item_id).or_default().held += allocation.quantity;
        kept.push(Reservation {
            id: clock.new_id(),
            part_id: allocation.part_id,
            item_id: allocation.item_id,
            quantity: allocation.quantity,
            state,
            plugin: hold.plugin.clone(),
        });
    }
    let mut reservations: Vec<Reservation> = Vec::new();
    for (row, quantity) in release {
        sums.entry(row.item_id).or_default().released += quantity;
        if row.quantity > quantity {
            let (id, quantity) = (clock.new_id(), row.quantity - quantity);
            kept.push(Reservation { id, quantity, state, ..row.clone() });
        }
        reservations.push(Reservation { state: ReservationState::Released, ..row });
    }
    reservations.extend(kept);
    let consumed =
        consume.into_iter().map(|row| Reservation { state: ReservationState::Consumed, ..row });
    reservations.extend(consumed);
    let uses = uses(clock, &reservations, &mut sums);
    let items = sums
        .iter()
        .map(|(id, sums)| ItemMove {
            id: *id,
            reserved: sums.held - sums.released - sums.used,
            used: sums.used,
            needed: sums.held - sums.released,
        })
        .collect();
    (sums, Moves { items, reservations, uses })
}

/// One movement for each consumed reservation, the oldest of an item first, and the consumed quantity of each item.
fn uses(
    clock: &Clock,
    reservations: &[Reservation],
    sums: &mut BTreeMap<ItemId, Sums>,
) -> Vec<Use> {
    let mut used: Vec<&Reservation> =
        reservations.iter().filter(|row| row.state == ReservationState::Consumed).collect();
    used.sort_by_key(|row| (row.item_id, row.id));
    let mut uses: Vec<Use> = Vec::with_capacity(used.len());
    for row in used {
        let id = clock.new_id();
        uses.push(Use { id, item_id: row.item_id, quantity: row.quantity, later: 0 });
    }
    for used in uses.iter_mut().rev() {
        let sums = sums.entry(used.item_id).or_default();
        used.later = sums.used;
        sums.used += used.quantity;
    }
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stock::Allocation;

    fn held(clock: &Clock, item_id: ItemId, quantity: i64) -> Reservation {
        let (id, part_id) = (clock.new_id(), clock.new_id());
        Reservation { id, part_id, item_id, quantity, state: ReservationState::Held, plugin: None }
    }

    #[test]
    fn an_item_is_changed_once_by_the_sum_of_its_lines() {
        let clock = Clock::default();
        let (item, other): (ItemId, ItemId) = (clock.new_id(), clock.new_id());
        let allocation =
            |item_id, quantity| Allocation { part_id: clock.new_id(), item_id, quantity };
        let change = StockChange {
            release: vec![(held(&clock, item, 5), 2)],
            hold: Plan {
                allocations: vec![allocation(other, 3), allocation(item, 4), allocation(item, 1)],
                plugin: None,
            },
            ..StockChange::default()
        };
        let (sums, moves) = moves(&clock, change);
        assert_eq!(sums[&item].reason(), "reserved");
        let items: Vec<_> =
            moves.items.iter().map(|m| (m.id, m.reserved, m.used, m.needed)).collect();
        assert_eq!(items, [(item, 3, 0, 3), (other, 3, 0, 3)]);
        // Three holds, the row that ends, and the row of its rest.
        assert_eq!(moves.reservations.len(), 5);
        assert!(moves.uses.is_empty());
    }

    #[test]
    fn what_a_consuming_change_leaves_held_is_used() {
        let clock = Clock::default();
        let item: ItemId = clock.new_id();
        let change = StockChange {
            release: vec![(held(&clock, item, 5), 2)],
            consume: vec![held(&clock, item, 7)],
            consumes: true,
            ..StockChange::default()
        };
        let (sums, moves) = moves(&clock, change);
        assert_eq!(sums[&item].reason(), "consumed");
        let only = &moves.items[0];
        assert_eq!((only.reserved, only.used, only.needed), (-12, 10, -2));
        let uses: Vec<_> = moves.uses.iter().map(|used| (used.quantity, used.later)).collect();
        assert_eq!(uses, [(7, 3), (3, 0)]);
        let states: Vec<_> = moves.reservations.iter().map(|row| row.state.as_str()).collect();
        assert_eq!(states, ["released", "consumed", "consumed"]);
    }
}
