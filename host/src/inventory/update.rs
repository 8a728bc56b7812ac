//! Changes an item: its quantity on hand, with a movement, and its other fields.

use crate::app::App;
use crate::auth::Caller;
use crate::inventory::store::{self, Movement};
use crate::model::ids::ItemId;
use crate::model::invalid::{Invalid, check_optional, check_text};
use crate::model::money::Money;
use crate::model::outbox::InventoryUpdated;
use crate::model::stock::{Item, check_quantity};
use crate::webhooks;

/// The new values; `None` keeps a field, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct ItemChange {
    pub quantity: Option<i64>,
    /// Why the quantity changes.
    pub reason: Option<String>,
    pub name: Option<String>,
    pub category: Option<String>,
    pub cost: Option<Money>,
    pub selling_price: Option<Money>,
    pub reorder_level: Option<i64>,
    pub supplier: Option<Option<String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum UpdateItemError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("item not found")]
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
    change: ItemChange,
) -> Result<Item, UpdateItemError> {
    let change = check(change)?;
    let (org, now) = (caller.org, app.clock.now());
    let mut tx = app.db.begin().await?;
    let before = store::lock(&mut tx, org, id).await?.ok_or(UpdateItemError::NotFound)?;
    let (reserved, on_hand_before) = (before.reserved, before.on_hand);
    let counted =
        change.quantity.map(|_| change.reason.as_deref().unwrap_or("adjusted").to_owned());
    let item = Item { updated_at: now, ..changed(before, change) };
    if item.on_hand < reserved {
        return Err(UpdateItemError::BelowReserved { quantity: item.on_hand, reserved });
    }
    store::update(&mut tx, org, &item).await?;
    if let Some(reason) = &counted {
        let movement = Movement {
            id: app.clock.new_id(),
            item_id: id,
            delta: item.on_hand - on_hand_before,
            reason,
            actor: &caller.actor.name,
            ticket_id: None,
            quantity_after: item.on_hand,
            created_at: now,
        };
        store::insert_movement(&mut tx, org, &movement).await?;
    }
    let event = InventoryUpdated::of(&item, counted.as_deref().unwrap_or("edited"), None);
    webhooks::store::enqueue(&mut tx, org, app.clock.new_id(), &event, now).await?;
    tx.commit().await?;
    Ok(item)
}

fn changed(item: Item, change: ItemChange) -> Item {
    Item {
        on_hand: change.quantity.unwrap_or(item.on_hand),
        name: change.name.unwrap_or(item.name),
        category: change.category.unwrap_or(item.category),
        cost: change.cost.unwrap_or(item.cost),
        selling_price: change.selling_price.unwrap_or(item.selling_price),
        reorder_level: change.reorder_level.unwrap_or(item.reorder_level),
        supplier: change.supplier.unwrap_or(item.supplier),
        ..item
    }
}

fn check(change: ItemChange) -> Result<ItemChange, Invalid> {
    let is_empty = change.quantity.is_none()
        && change.name.is_none()
        && change.category.is_none()
        && change.cost.is_none()
        && change.selling_price.is_none()
        && change.reorder_level.is_none()
        && change.supplier.is_none();
    if is_empty {
        let message = "quantity is required, unless another field changes";
        return Err(Invalid::new("quantity", serde_json::Value::Null, message));
    }
    if change.reason.is_some() && change.quantity.is_none() {
        let message =
            "reason is allowed only together with quantity: it says why the quantity changes";
        return Err(Invalid::new("reason", change.reason, message));
    }
    let reason = check_optional("reason", change.reason.as_deref(), 200)?;
    let text = |field: &str, text: Option<String>, max| {
        text.map(|text| check_text(field, &text, max)).transpose()
    };
    let quantity =
        |field: &str, quantity: Option<i64>| quantity.map(|n| check_quantity(field, n)).transpose();
    let supplier = change.supplier.map(|text| check_optional("supplier", text.as_deref(), 200));
    Ok(ItemChange {
        quantity: quantity("quantity", change.quantity)?,
        reason,
        name: text("name", change.name, 200)?,
        category: text("category", change.category, 64)?,
        reorder_level: quantity("reorder_level", change.reorder_level)?,
        supplier: supplier.transpose()?,
        ..change
    })
}
