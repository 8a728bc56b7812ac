//! The data of the event `inventory.updated`.

use serde_json::{Value, json};

use crate::model::stock::Item;

pub fn event_data(item: &Item, reason: &str) -> Value {
    json!({
        "inventory_id": item.id,
        "shop_id": item.shop_id,
        "sku": item.sku,
        "quantity_on_hand": item.on_hand,
        "quantity_reserved": item.reserved,
        "quantity_available": item.available(),
        "reason": reason,
    })
}
