//! Sets how many of an item are on hand, with a movement and an event.

use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::inventory::create::check_quantity;
use crate::inventory::store::{self, Movement};
use crate::model::ids::ItemId;
use crate::model::invalid::{Invalid, check_optional};
use crate::model::stock::Item;
use crate::webhooks;

#[derive(Debug, thiserror::Error)]
pub enum UpdateItemError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("there is no such item")]
    NotFound,
    #[error("quantity {quantity} is less than the {reserved} that are reserved for tickets")]
    BelowReserved { quantity: i64, reserved: i64 },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn update(
    app: &App,
    caller: &Caller,
    id: ItemId,
    quantity: i64,
    reason: Option<&str>,
) -> Result<Item, UpdateItemError> {
    let quantity = check_quantity("quantity", quantity)?;
    let reason = check_optional("reason", reason, 200)?.unwrap_or_else(|| "adjusted".to_owned());
    loop {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let item = store::get(&mut tx, caller.org, id).await?.ok_or(UpdateItemError::NotFound)?;
        if quantity < item.reserved {
            return Err(UpdateItemError::BelowReserved { quantity, reserved: item.reserved });
        }
        if !store::set_on_hand(&mut tx, caller.org, id, item.on_hand, quantity, now).await? {
            // A ticket consumed or reserved some between the two statements: look again.
            tx.rollback().await?;
            continue;
        }
        let movement = Movement {
            id: app.clock.new_id(),
            item_id: id,
            delta: quantity - item.on_hand,
            reason: &reason,
            actor: &caller.actor.name,
            ticket_id: None,
            created_at: now,
        };
        store::insert_movement(&mut tx, caller.org, &movement).await?;
        let item = Item { on_hand: quantity, updated_at: now, ..item };
        let data = event_data(&item, &reason);
        webhooks::store::enqueue(
            &mut tx,
            caller.org,
            app.clock.new_id(),
            "inventory.updated",
            &data,
            now,
        )
        .await?;
        tx.commit().await?;
        return Ok(item);
    }
}

/// The data of `inventory.updated`.
pub fn event_data(item: &Item, reason: &str) -> serde_json::Value {
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
