//! Writes what one operation does to the stock of a ticket: items, reservations and movements, all in one set.
//!
//! Invariants: the update itself checks that an item has the held quantity available; items are locked in the order
//! of their ids, so that two operations cannot deadlock.

use std::collections::HashMap;

use sqlx::FromRow;

use crate::db::Conn;
use crate::model::ids::{ItemId, MovementId, OrgId, PartId, ReservationId, TicketId};
use crate::model::stock::{Item, Reservation, ReservationState};
use crate::model::time::Time;
use crate::{fetch_all_postgres, insert_all, update_all};

/// The rows to write; each item occurs once.
#[derive(Debug, Default)]
pub struct Moves {
    pub items: Vec<ItemMove>,
    /// The state after the change: new reservations, and held ones that end.
    pub reservations: Vec<Reservation>,
    pub uses: Vec<Use>,
}

#[derive(Debug)]
pub struct ItemMove {
    pub id: ItemId,
    /// Added to `reserved`; negative for released and consumed pieces.
    pub reserved: i64,
    /// Subtracted from `on_hand`.
    pub used: i64,
    /// The quantity that must be available before: held minus released pieces.
    pub needed: i64,
}

/// A movement: a consumed quantity.
#[derive(Debug)]
pub struct Use {
    pub id: MovementId,
    pub item_id: ItemId,
    pub quantity: i64,
    /// The quantity of the same item that is consumed after this movement, for its `quantity_after`.
    pub later: i64,
}

/// The ticket, the actor and the time of the change.
pub struct MoveContext<'a> {
    pub org: OrgId,
    pub ticket: TicketId,
    pub actor: &'a str,
    pub now: Time,
}

/// The written rows.
#[derive(Debug)]
pub struct Moved {
    /// The items after the change. An item with too little available is missing; the transaction must then not be
    /// committed.
    pub items: Vec<Item>,
    /// The number of written reservations. One that is not held any more is not written; the transaction must then
    /// not be committed.
    pub reservations: usize,
}

/// The reason of the movements.
const USED: &str = "used";

/// One statement on PostgreSQL, three on SQLite.
pub async fn write_moves(
    conn: &mut Conn,
    context: &MoveContext<'_>,
    moves: &Moves,
) -> Result<Moved, sqlx::Error> {
    if moves.items.is_empty() {
        return Ok(Moved { items: Vec::new(), reservations: 0 });
    }
    if conn.is_postgres() {
        write_postgres(conn, context, moves).await
    } else {
        write_sqlite(conn, context, moves).await
    }
}

fn ended_at(row: &Reservation, now: Time) -> Option<Time> {
    (row.state != ReservationState::Held).then_some(now)
}

#[derive(FromRow)]
struct MovedRow {
    #[sqlx(flatten)]
    item: Item,
    kept: i64,
}

/// `locked` locks the items in the order of their ids, and a row is updated only after it is locked. If another
/// transaction changed a row meanwhile, its new state is checked.
async fn write_postgres(
    conn: &mut Conn,
    context: &MoveContext<'_>,
    moves: &Moves,
) -> Result<Moved, sqlx::Error> {
    let (items, rows, uses) = (&moves.items, &moves.reservations, &moves.uses);
    let moved: Vec<MovedRow> = fetch_all_postgres!(
        conn,
        MovedRow,
        "with locked as materialized (
             select id from inventory_items where org_id = $1 and id = any($5) order by id for no key update
         ), changed as (
             update inventory_items i
             set version = i.version + 1, reserved = i.reserved + m.reserved, on_hand = i.on_hand - m.used, updated_at = $4
             from unnest($5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[]) as m (id, reserved, used, needed)
             join locked on locked.id = m.id
             where i.org_id = $1 and i.id = m.id and i.on_hand - i.reserved >= m.needed
             returning i.id, i.version, i.shop_id, i.sku, i.name, i.category, i.on_hand, i.reserved, i.cost, i.selling_price,
                       i.reorder_level, i.supplier, i.created_at, i.updated_at
         ), kept as (
             insert into reservations (org_id, id, ticket_id, part_id, item_id, quantity, state, plugin, created_at,
                 ended_at)
             select $1, r.id, $2, r.part_id, r.item_id, r.quantity, r.state, r.plugin, $4, r.ended_at
             from unnest($9::uuid[], $10::uuid[], $11::uuid[], $12::bigint[], $13::text[], $14::text[],
                         $15::timestamptz[]) as r (id, part_id, item_id, quantity, state, plugin, ended_at)
             on conflict (org_id, id) do update set state = excluded.state, ended_at = excluded.ended_at
             where reservations.state = 'held'
             returning id
         ), moved as (
             insert into stock_movements (org_id, id, item_id, delta, reason, actor, ticket_id, quantity_after,
                 created_at)
             select $1, u.id, u.item_id, -u.quantity, $20, $3, $2, changed.on_hand + u.later, $4
             from unnest($16::uuid[], $17::uuid[], $18::bigint[], $19::bigint[]) as u (id, item_id, quantity, later)
             join changed on changed.id = u.item_id
         )
         select changed.*, (select count(*) from kept) as kept from changed",
        context.org,
        context.ticket,
        context.actor,
        context.now,
        items.iter().map(|item| item.id).collect::<Vec<ItemId>>(),
        items.iter().map(|item| item.reserved).collect::<Vec<i64>>(),
        items.iter().map(|item| item.used).collect::<Vec<i64>>(),
        items.iter().map(|item| item.needed).collect::<Vec<i64>>(),
        rows.iter().map(|row| row.id).collect::<Vec<ReservationId>>(),
        rows.iter().map(|row| row.part_id).collect::<Vec<PartId>>(),
        rows.iter().map(|row| row.item_id).collect::<Vec<ItemId>>(),
        rows.iter().map(|row| row.quantity).collect::<Vec<i64>>(),
        rows.iter().map(|row| row.state.as_str()).collect::<Vec<&str>>(),
        rows.iter().map(|row| row.plugin.as_deref()).collect::<Vec<Option<&str>>>(),
        rows.iter().map(|row| ended_at(row, context.now)).collect::<Vec<Option<Time>>>(),
        uses.iter().map(|used| used.id).collect::<Vec<MovementId>>(),
        uses.iter().map(|used| used.item_id).collect::<Vec<ItemId>>(),
        uses.iter().map(|used| used.quantity).collect::<Vec<i64>>(),
        uses.iter().map(|used| used.later).collect::<Vec<i64>>(),
        USED
    )?;
    let reservations = moved.first().map_or(0, |row| usize::try_from(row.kept).unwrap_or(0));
    Ok(Moved { items: moved.into_iter().map(|row| row.item).collect(), reservations })
}

/// SQLite has one writer at a time, so no locks are needed.
async fn write_sqlite(
    conn: &mut Conn,
    context: &MoveContext<'_>,
    moves: &Moves,
) -> Result<Moved, sqlx::Error> {
    let items: Vec<Item> = update_all!(
        conn,
        Item,
        "update inventory_items
         set version = version + 1, reserved = reserved + m.column2, on_hand = on_hand - m.column3, updated_at = m.column5
         from (",
        &moves.items,
        |item| item.id,
        item.reserved,
        item.used,
        item.needed,
        context.now;
        [") as m where org_id = " => context.org],
        " and id = m.column1 and on_hand - reserved >= m.column4
          returning id, version, shop_id, sku, name, category, on_hand, reserved, cost, selling_price, reorder_level,
              supplier, created_at, updated_at"
    )?;
    let kept: Vec<(ReservationId,)> = update_all!(
        conn,
        (ReservationId,),
        "insert into reservations
             (org_id, id, ticket_id, part_id, item_id, quantity, state, plugin, created_at, ended_at) ",
        &moves.reservations,
        |row| context.org,
        row.id,
        context.ticket,
        row.part_id,
        row.item_id,
        row.quantity,
        row.state.as_str(),
        row.plugin.as_deref(),
        context.now,
        ended_at(row, context.now);
        [],
        " on conflict (org_id, id) do update set state = excluded.state, ended_at = excluded.ended_at
          where reservations.state = 'held' returning id"
    )?;
    let on_hand: HashMap<ItemId, i64> = items.iter().map(|item| (item.id, item.on_hand)).collect();
    let uses: Vec<(&Use, i64)> = moves
        .uses
        .iter()
        .filter_map(|used| Some((used, on_hand.get(&used.item_id)? + used.later)))
        .collect();
    insert_all!(
        conn,
        "insert into stock_movements
             (org_id, id, item_id, delta, reason, actor, ticket_id, quantity_after, created_at) ",
        &uses,
        |row| context.org,
        row.0.id,
        row.0.item_id,
        -row.0.quantity,
        USED,
        context.actor,
        context.ticket,
        row.1,
        context.now
    )?;
    Ok(Moved { items, reservations: kept.len() })
}
