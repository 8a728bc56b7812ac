//! Creates a stock item with its first movement.

use crate::app::App;
use crate::auth::Caller;
use crate::inventory::store::{self, Movement};
use crate::model::ids::ShopId;
use crate::model::invalid::{Invalid, check_optional, check_text};
use crate::model::money::Money;
use crate::model::outbox::InventoryUpdated;
use crate::model::stock::{Item, check_quantity};
use crate::{shops, webhooks};

/// The reason of an item's first movement.
const INITIAL: &str = "initial";

pub struct NewItem {
    pub shop_id: ShopId,
    pub sku: String,
    pub name: String,
    pub category: String,
    pub quantity: i64,
    pub cost: Money,
    pub selling_price: Money,
    pub reorder_level: i64,
    pub supplier: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateItemError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("The shop already has an item with the sku {sku}")]
    Duplicate { sku: String, shop_id: ShopId },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn create(app: &App, caller: &Caller, new: NewItem) -> Result<Item, CreateItemError> {
    let now = app.clock.now();
    let item = Item {
        version: 1,
        id: app.clock.new_id(),
        shop_id: new.shop_id,
        sku: check_text("sku", &new.sku, 64)?,
        name: check_text("name", &new.name, 200)?,
        category: check_text("category", &new.category, 64)?,
        on_hand: check_quantity("quantity", new.quantity)?,
        reserved: 0,
        cost: new.cost,
        selling_price: new.selling_price,
        reorder_level: check_quantity("reorder_level", new.reorder_level)?,
        supplier: check_optional("supplier", new.supplier.as_deref(), 200)?,
        created_at: now,
        updated_at: now,
    };
    let mut tx = app.db.begin().await?;
    if shops::store::get(&mut tx, caller.org, item.shop_id).await?.is_none() {
        return Err(Invalid::new(
            "shop_id",
            item.shop_id,
            "shop_id is not a shop of this organization",
        )
        .into());
    }
    if !store::insert(&mut tx, caller.org, &item).await? {
        return Err(CreateItemError::Duplicate { sku: item.sku, shop_id: item.shop_id });
    }
    let movement = Movement {
        id: app.clock.new_id(),
        item_id: item.id,
        delta: item.on_hand,
        reason: INITIAL,
        actor: &caller.actor.name,
        ticket_id: None,
        quantity_after: item.on_hand,
        created_at: now,
    };
    store::insert_movement(&mut tx, caller.org, &movement).await?;
    let event = InventoryUpdated::of(&item, INITIAL, None);
    webhooks::store::enqueue(&mut tx, caller.org, app.clock.new_id(), &event, now).await?;
    tx.commit().await?;
    Ok(item)
}
