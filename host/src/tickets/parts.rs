//! The part lines of a ticket: what a client's list means, and what stock that gives back.

use serde::Serialize;

use crate::clock::Clock;
use crate::db::Conn;
use crate::inventory;
use crate::model::ids::{ItemId, OrgId, PartId};
use crate::model::invalid::{Invalid, check_optional};
use crate::model::money::Money;
use crate::model::stock::{Item, Reservation, ReservationState};
use crate::model::ticket::{Detail, Part};
use crate::tickets::change::ChangeError;

const LINES_MAX: usize = 200;
const QUANTITY_MAX: i64 = 1_000_000;

/// A line as a client gives it: an item of stock by its id or sku, or a special order by name.
#[derive(Clone, Debug)]
pub struct NewPart {
    pub inventory_id: Option<ItemId>,
    pub sku: Option<String>,
    pub name: Option<String>,
    pub quantity: i64,
    pub unit_cost: Option<Money>,
}

/// A line that stock does not cover.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShortLine {
    pub part_id: PartId,
    pub inventory_id: ItemId,
    pub name: String,
    pub sku: Option<String>,
    pub missing: i64,
}

/// Turns the client's list into lines. A line that was there before (same item, or the same special order)
/// keeps its id, and with it what is held for it.
pub async fn resolve(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    before: &Detail,
    wanted: &[NewPart],
) -> Result<Vec<Part>, ChangeError> {
    if wanted.len() > LINES_MAX {
        let message = format!("parts has {} lines; at most {LINES_MAX} are allowed", wanted.len());
        return Err(Invalid::new("parts", wanted.len(), message).into());
    }
    let mut old: Vec<&Part> = before.parts.iter().collect();
    let mut parts = Vec::with_capacity(wanted.len());
    for (index, new) in wanted.iter().enumerate() {
        let field = |name: &str| format!("parts[{index}].{name}");
        if !(1..=QUANTITY_MAX).contains(&new.quantity) {
            let message = format!("{} must be from 1 to {QUANTITY_MAX}", field("quantity"));
            return Err(Invalid::new(field("quantity"), new.quantity, message).into());
        }
        let name = check_optional(&field("name"), new.name.as_deref(), 200)?;
        let sku = check_optional(&field("sku"), new.sku.as_deref(), 64)?;
        let item =
            find_item(conn, org, before, new, sku.as_deref(), &field("inventory_id")).await?;
        let title = match (&name, &item, &sku) {
            (Some(name), _, _) => name.clone(),
            (None, Some(item), _) => item.name.clone(),
            (None, None, Some(sku)) => sku.clone(),
            (None, None, None) => {
                let message = format!("parts[{index}] needs an inventory_id, a sku or a name");
                return Err(Invalid::new(
                    format!("parts[{index}]"),
                    serde_json::Value::Null,
                    message,
                )
                .into());
            }
        };
        let same = |part: &&Part| match &item {
            Some(item) => part.inventory_id == Some(item.id),
            None => part.inventory_id.is_none() && part.name == title && part.sku == sku,
        };
        let kept = old.iter().position(same).map(|position| old.remove(position));
        let default =
            kept.map(|part| part.unit_cost).or(item.as_ref().map(|item| item.selling_price));
        let Some(unit_cost) = new.unit_cost.or(default) else {
            let message = format!(
                "{} is needed: {title} is not in stock, so it has no price",
                field("unit_cost")
            );
            return Err(Invalid::new(field("unit_cost"), serde_json::Value::Null, message).into());
        };
        parts.push(Part {
            id: kept.map_or_else(|| clock.new_id(), |part| part.id),
            inventory_id: item.as_ref().map(|item| item.id),
            sku: item.as_ref().map(|item| item.sku.clone()).or(sku),
            name: title,
            quantity: new.quantity,
            unit_cost: unit_cost.at_most(Money::UNIT_COST_MAX, &field("unit_cost"))?,
            cost_basis: kept
                .and_then(|part| part.cost_basis)
                .or(item.as_ref().map(|item| item.cost)),
        });
    }
    Ok(parts)
}

async fn find_item(
    conn: &mut Conn,
    org: OrgId,
    before: &Detail,
    new: &NewPart,
    sku: Option<&str>,
    field: &str,
) -> Result<Option<Item>, ChangeError> {
    let Some(id) = new.inventory_id else {
        return Ok(match sku {
            Some(sku) => {
                inventory::store::find_by_sku(conn, org, before.ticket.shop_id, sku).await?
            }
            None => None,
        });
    };
    match inventory::store::get(conn, org, id).await? {
        None => Err(Invalid::new(
            field,
            id,
            format!("{field} is no inventory item of this organization"),
        )
        .into()),
        Some(item) if sku.is_some_and(|sku| sku != item.sku) => {
            let message = format!(
                "{field} has the sku {}, but the line says {}",
                item.sku,
                sku.unwrap_or_default()
            );
            Err(Invalid::new(field, id, message).into())
        }
        Some(item) => Ok(Some(item)),
    }
}

/// What is held for lines that are gone or smaller. Consumed pieces cannot be taken off a ticket.
pub fn released(before: &Detail, after: &[Part]) -> Result<Vec<(Reservation, i64)>, ChangeError> {
    let mut released = Vec::new();
    for part in &before.parts {
        let wanted = after.iter().find(|line| line.id == part.id).map_or(0, |line| line.quantity);
        let consumed = before.reserved(part.id, ReservationState::Consumed);
        if wanted < consumed {
            return Err(ChangeError::Consumed { part: part.name.clone(), consumed });
        }
        let mut excess = before.reserved(part.id, ReservationState::Held) + consumed - wanted;
        for row in held(before).filter(|row| row.part_id == part.id) {
            if excess <= 0 {
                break;
            }
            let quantity = row.quantity.min(excess);
            excess -= quantity;
            released.push((row.clone(), quantity));
        }
    }
    Ok(released)
}

/// The reservations that are held, the latest first.
pub fn held(detail: &Detail) -> impl Iterator<Item = &Reservation> {
    detail.reservations.iter().rev().filter(|row| row.state == ReservationState::Held)
}
