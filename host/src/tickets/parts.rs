//! The part lines of a ticket: resolves a client's list into lines, and finds the stock that it releases.
//!
//! Invariant: two statements read the items of all lines.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::clock::Clock;
use crate::db::Conn;
use crate::inventory;
use crate::model::distinct::each_once;
use crate::model::ids::{ItemId, OrgId, PartId};
use crate::model::invalid::{Invalid, check_length, check_optional};
use crate::model::money::Money;
use crate::model::place::Place;
use crate::model::stock::{Item, Reservation, ReservationState};
use crate::model::ticket::{Part, PartStock, TicketContext};
use crate::tickets::outcome::ChangeError;

const LINES_MAX: usize = 500;
const QUANTITY_MAX: i64 = 1_000_000;

/// A line from a client: a stock item by id or sku, or a special order by name.
#[derive(Clone, Debug)]
pub struct NewPart {
    pub inventory_id: Option<ItemId>,
    pub sku: Option<String>,
    pub name: Option<String>,
    pub quantity: i64,
    pub unit_cost: Option<Money>,
}

/// Resolves the client's list into lines, and returns them with the items that they name, in the order of the ids. A
/// line that already exists (same item, or same special order) keeps its id, and with it its reservations.
pub async fn resolve(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    before: &TicketContext,
    wanted: &[NewPart],
) -> Result<(Vec<Part>, Vec<Item>), ChangeError> {
    let list = Place::of("parts");
    check_length(list, wanted.len(), "lines", LINES_MAX)?;
    let mut lines = Vec::with_capacity(wanted.len());
    for (index, new) in wanted.iter().enumerate() {
        lines.push(check(&list.at(index), new)?);
    }
    let stock = Stock::load(conn, org, before, &lines).await?;
    let mut old = OldLines::of(&before.parts);
    let lines = lines.iter().enumerate();
    let parts = lines
        .map(|(index, line)| part(clock, &list.at(index), line, &stock, &mut old))
        .collect::<Result<Vec<Part>, ChangeError>>()?;
    Ok((parts, stock.into_items()))
}

/// A line whose own fields are valid.
struct Line {
    inventory_id: Option<ItemId>,
    sku: Option<String>,
    name: Option<String>,
    quantity: i64,
    unit_cost: Option<Money>,
}

fn check(place: &Place<'_>, new: &NewPart) -> Result<Line, Invalid> {
    if !(1..=QUANTITY_MAX).contains(&new.quantity) {
        let place = place.field("quantity");
        let message = format!("{place} must be from 1 to {QUANTITY_MAX}");
        return Err(Invalid::new(place, new.quantity, message));
    }
    Ok(Line {
        inventory_id: new.inventory_id,
        sku: check_optional(place.field("sku"), new.sku.as_deref(), 64)?,
        name: check_optional(place.field("name"), new.name.as_deref(), 200)?,
        quantity: new.quantity,
        unit_cost: new.unit_cost,
    })
}

/// The items that the lines name by id and sku, read with one statement each.
struct Stock {
    by_id: HashMap<ItemId, Item>,
    by_sku: HashMap<String, Item>,
}

impl Stock {
    async fn load(
        conn: &mut Conn,
        org: OrgId,
        before: &TicketContext,
        lines: &[Line],
    ) -> Result<Stock, sqlx::Error> {
        let ids = each_once(lines.iter().filter_map(|line| line.inventory_id).collect());
        let by_sku_alone = lines.iter().filter(|line| line.inventory_id.is_none());
        let skus = each_once(by_sku_alone.filter_map(|line| line.sku.as_deref()).collect());
        let named = inventory::store::get_many(conn, org, &ids).await?;
        let shop = before.ticket.shop_id;
        let found = inventory::store::find_by_skus(conn, org, shop, &skus).await?;
        Ok(Stock {
            by_id: named.into_iter().map(|item| (item.id, item)).collect(),
            by_sku: found.into_iter().map(|item| (item.sku.clone(), item)).collect(),
        })
    }

    fn into_items(self) -> Vec<Item> {
        let mut items: Vec<Item> =
            self.by_id.into_values().chain(self.by_sku.into_values()).collect();
        items.sort_by_key(|item| item.id);
        items.dedup_by_key(|item| item.id);
        items
    }

    /// The item of a line, if it names one. A sku that no item has belongs to a special order.
    fn item(&self, place: &Place<'_>, line: &Line) -> Result<Option<&Item>, Invalid> {
        let Some(id) = line.inventory_id else {
            return Ok(line.sku.as_ref().and_then(|sku| self.by_sku.get(sku)));
        };
        let place = place.field("inventory_id");
        match (self.by_id.get(&id), &line.sku) {
            (None, _) => {
                let message = format!("{place} is not an inventory item of this organization");
                Err(Invalid::new(place, id, message))
            }
            (Some(item), Some(sku)) if *sku != item.sku => {
                let message = format!("{place} has the sku {}, but the line says {sku}", item.sku);
                Err(Invalid::new(place, id, message))
            }
            (Some(item), _) => Ok(Some(item)),
        }
    }
}

/// The identity of a line.
#[derive(PartialEq, Eq, Hash)]
enum Same<'a> {
    Item(ItemId),
    Special(&'a str, Option<&'a str>),
}

/// The existing lines by identity; each is used once, in order.
struct OldLines<'a>(HashMap<Same<'a>, VecDeque<&'a Part>>);

impl<'a> OldLines<'a> {
    fn of(parts: &'a [Part]) -> OldLines<'a> {
        let mut lines: HashMap<_, VecDeque<_>> = HashMap::new();
        for part in parts {
            let same = match part.inventory_id {
                Some(id) => Same::Item(id),
                None => Same::Special(&part.name, part.sku.as_deref()),
            };
            lines.entry(same).or_default().push_back(part);
        }
        OldLines(lines)
    }

    fn take(&mut self, same: &Same<'a>) -> Option<&'a Part> {
        self.0.get_mut(same)?.pop_front()
    }
}

fn part<'a>(
    clock: &Clock,
    place: &Place<'_>,
    line: &'a Line,
    stock: &'a Stock,
    old: &mut OldLines<'a>,
) -> Result<Part, ChangeError> {
    let item = stock.item(place, line)?;
    let name = line.name.as_ref().or(item.map(|item| &item.name)).or(line.sku.as_ref());
    let Some(name) = name else {
        let message = format!("{place} needs an inventory_id, a sku or a name");
        return Err(Invalid::new(place, Value::Null, message).into());
    };
    let kept = old.take(&match item {
        Some(item) => Same::Item(item.id),
        None => Same::Special(name, line.sku.as_deref()),
    });
    let default = kept.map(|part| part.unit_cost).or(item.map(|item| item.selling_price));
    let place = place.field("unit_cost");
    let Some(unit_cost) = line.unit_cost.or(default) else {
        let message = format!("{place} is needed: {name} is not in stock, so it has no price");
        return Err(Invalid::new(place, Value::Null, message).into());
    };
    Ok(Part {
        id: kept.map_or_else(|| clock.new_id(), |part| part.id),
        inventory_id: item.map(|item| item.id),
        sku: item.map(|item| item.sku.clone()).or_else(|| line.sku.clone()),
        name: name.clone(),
        quantity: line.quantity,
        unit_cost: unit_cost.at_most(Money::UNIT_COST_MAX, place)?,
        cost_basis: kept.and_then(|part| part.cost_basis).or(item.map(|item| item.cost)),
    })
}

/// The stock held for lines that are removed or reduced. Consumed pieces cannot be removed from a ticket.
pub fn released(
    before: &TicketContext,
    after: &[Part],
) -> Result<Vec<(Reservation, i64)>, ChangeError> {
    let wanted: HashMap<PartId, i64> = after.iter().map(|line| (line.id, line.quantity)).collect();
    let stock = before.stock_by_part();
    let mut excess = HashMap::with_capacity(before.parts.len());
    for part in &before.parts {
        let wanted = wanted.get(&part.id).copied().unwrap_or_default();
        let PartStock { held, consumed } = stock.of(part.id);
        if wanted < consumed {
            return Err(ChangeError::Consumed { part: part.name.clone(), consumed });
        }
        excess.insert(part.id, held + consumed - wanted);
    }
    let mut released = Vec::new();
    for row in held(before) {
        let Some(excess) = excess.get_mut(&row.part_id).filter(|excess| **excess > 0) else {
            continue;
        };
        let quantity = row.quantity.min(*excess);
        *excess -= quantity;
        released.push((row.clone(), quantity));
    }
    Ok(released)
}

/// The held reservations, the latest first.
pub fn held(detail: &TicketContext) -> impl Iterator<Item = &Reservation> {
    detail.reservations.iter().rev().filter(|row| row.state == ReservationState::Held)
}
