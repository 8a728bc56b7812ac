//! Stock: items, reservations, and the plan of which items a ticket's lines use.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::ids::{ItemId, PartId, ReservationId, ShopId};
use super::invalid::Invalid;
use super::money::Money;
use super::time::Time;

/// Limit on the pieces of one item.
const QUANTITY_MAX: i64 = 1_000_000_000;

/// One article in the stock of one shop.
///
/// Invariant: `0 <= reserved <= on_hand`.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Item {
    pub id: ItemId,
    /// Grows with each change.
    pub version: i64,
    pub shop_id: ShopId,
    pub sku: String,
    pub name: String,
    pub category: String,
    pub on_hand: i64,
    pub reserved: i64,
    pub cost: Money,
    pub selling_price: Money,
    pub reorder_level: i64,
    pub supplier: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Item {
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

/// Validates a number of pieces of one item.
pub fn check_quantity(field: &str, quantity: i64) -> Result<i64, Invalid> {
    if (0..=QUANTITY_MAX).contains(&quantity) {
        return Ok(quantity);
    }
    Err(Invalid::new(field, quantity, format!("{field} must be from 0 to {QUANTITY_MAX}")))
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

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ReservationState {
    Held,
    Consumed,
    Released,
}

impl ReservationState {
    pub fn as_str(self) -> &'static str {
        match self {
            ReservationState::Held => "held",
            ReservationState::Consumed => "consumed",
            ReservationState::Released => "released",
        }
    }
}

/// Pieces of an item reserved for a line of a ticket.
#[derive(Clone, Debug, FromRow)]
pub struct Reservation {
    pub id: ReservationId,
    pub part_id: PartId,
    pub item_id: ItemId,
    pub quantity: i64,
    pub state: ReservationState,
    /// The plugin that planned it; `None` for the built-in plan.
    pub plugin: Option<String>,
}

/// A line with pieces that are neither held nor consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub part_id: PartId,
    pub item_id: ItemId,
    pub missing: i64,
}

/// Pieces of an item allocated to a line. The rest of the line is a backorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    pub part_id: PartId,
    pub item_id: ItemId,
    pub quantity: i64,
}

/// A ticket's allocations, and the plugin that planned them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub allocations: Vec<Allocation>,
    pub plugin: Option<String>,
}

impl Plan {
    /// The plan without a plugin: each line's own item in the ticket's own shop, as far as stock allows.
    pub fn built_in(shop: ShopId, shortages: &[Shortage], stock: &[Item]) -> Plan {
        let own = stock.iter().filter(|item| item.shop_id == shop);
        let mut left: HashMap<ItemId, i64> = own.map(|item| (item.id, item.available())).collect();
        let mut plan = Plan::default();
        for shortage in shortages {
            let Some(available) = left.get_mut(&shortage.item_id) else { continue };
            let quantity = shortage.missing.min(*available);
            if quantity > 0 {
                *available -= quantity;
                plan.allocations.push(Allocation {
                    part_id: shortage.part_id,
                    item_id: shortage.item_id,
                    quantity,
                });
            }
        }
        plan
    }

    /// Checks the plan against these shortages and this stock. The error says what is wrong.
    pub fn check(&self, shortages: &[Shortage], stock: &[Item]) -> Result<(), String> {
        let mut of_item: HashMap<ItemId, i64> = stock.iter().map(|item| (item.id, 0)).collect();
        let mut of_part: HashMap<PartId, i64> =
            shortages.iter().map(|line| (line.part_id, 0)).collect();
        for allocation in &self.allocations {
            let Some(of_item) = of_item.get_mut(&allocation.item_id) else {
                return Err(format!(
                    "the plan takes from item {}, which is not in the event's stock",
                    allocation.item_id
                ));
            };
            let Some(of_part) = of_part.get_mut(&allocation.part_id) else {
                return Err(format!(
                    "the plan serves part {}, which is not among the event's lines",
                    allocation.part_id
                ));
            };
            if allocation.quantity < 1 {
                return Err("the plan has a quantity of 0".to_owned());
            }
            *of_item = of_item.saturating_add(allocation.quantity);
            *of_part = of_part.saturating_add(allocation.quantity);
        }
        for line in shortages {
            let planned = of_part.get(&line.part_id).copied().unwrap_or_default();
            if planned > line.missing {
                return Err(format!(
                    "the plan gives part {} {planned} pieces, but only {} are missing",
                    line.part_id, line.missing
                ));
            }
        }
        for item in stock {
            let planned = of_item.get(&item.id).copied().unwrap_or_default();
            if planned > item.available() {
                return Err(format!(
                    "the plan takes {planned} of item {} ({}), but only {} are available",
                    item.id,
                    item.sku,
                    item.available()
                ));
            }
        }
        Ok(())
    }

    /// Planned pieces per part; parts without any are left out.
    pub fn by_part(&self) -> HashMap<PartId, i64> {
        let mut planned = HashMap::new();
        for allocation in &self.allocations {
            let quantity: &mut i64 = planned.entry(allocation.part_id).or_default();
            *quantity = quantity.saturating_add(allocation.quantity);
        }
        planned
    }
}
