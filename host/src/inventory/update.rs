//! Changes an item: its quantity on hand, with a movement, and its other fields.
//!
//! Invariant: what is reserved never exceeds what is on hand. Reservations end only if the request says so, and then
//! their tickets are locked before the item, as every change of a ticket does.

use std::collections::BTreeSet;

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::inventory::release;
use crate::inventory::store::{self, Hold, Movement};
use crate::model::ids::{ItemId, OrgId};
use crate::model::invalid::{Invalid, check_optional, check_text};
use crate::model::money::Money;
use crate::model::outbox::InventoryUpdated;
use crate::model::stock::{Item, check_quantity};
use crate::model::version::Expected;
use crate::webhooks;

/// The maximum number of attempts when reservations change meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// The new values; `None` keeps a field, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct ItemChange {
    pub quantity: Option<i64>,
    /// The difference instead of `quantity`.
    pub adjust: Option<i64>,
    /// Whether reservations that no longer fit end.
    pub release: bool,
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
    /// The item's version is none of those in `If-Match`.
    #[error(
        "The item is at version {current}, which is not in If-Match; read it again before you change it"
    )]
    OtherVersion { current: i64 },
    #[error(
        "quantity {quantity} is less than the {reserved} that are reserved for tickets; release: true ends reservations"
    )]
    BelowReserved { quantity: i64, reserved: i64 },
    #[error(
        "adjust {adjust} would leave {on_hand} on hand, since there are {before}; the result must be from 0 to 1000000000"
    )]
    AdjustedTooFar { adjust: i64, before: i64, on_hand: i64 },
    #[error("The reservations of the item changed {attempts} times meanwhile; try again")]
    Stale { attempts: usize },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn update(
    app: &App,
    caller: &Caller,
    id: ItemId,
    expected: Option<&Expected>,
    change: ItemChange,
) -> Result<Item, UpdateItemError> {
    let change = check(change)?;
    for _ in 0..ATTEMPTS_MAX {
        if let Some(item) = attempt(app, caller, id, expected, &change).await? {
            return Ok(item);
        }
    }
    Err(UpdateItemError::Stale { attempts: ATTEMPTS_MAX })
}

/// One attempt; `None` if the reservations to end changed meanwhile.
async fn attempt(
    app: &App,
    caller: &Caller,
    id: ItemId,
    expected: Option<&Expected>,
    change: &ItemChange,
) -> Result<Option<Item>, UpdateItemError> {
    let (org, now) = (caller.org, app.clock.now());
    let likely = match change.release {
        true => {
            let mut conn = app.db.read().await?;
            let item = store::get(&mut conn, org, id).await?.ok_or(UpdateItemError::NotFound)?;
            to_end(&mut conn, org, &changed(&item, change)?).await?
        }
        false => Vec::new(),
    };
    let mut tx = app.db.begin().await?;
    let tickets: BTreeSet<_> = likely.iter().map(|hold| hold.ticket_id).collect();
    let touched = release::touch(&mut tx, org, tickets, now).await?;
    let before = store::lock(&mut tx, org, id).await?.ok_or(UpdateItemError::NotFound)?;
    if expected.is_some_and(|expected| !expected.allows(before.version)) {
        return Err(UpdateItemError::OtherVersion { current: before.version });
    }
    let mut after = changed(&before, change)?;
    let ended = match change.release {
        true => to_end(&mut tx, org, &after).await?,
        false => Vec::new(),
    };
    if ended != likely {
        return Ok(None);
    }
    if after == before {
        return Ok(Some(before));
    }
    after.reserved -= ended.iter().map(|hold| hold.quantity).sum::<i64>();
    if after.on_hand < after.reserved {
        return Err(UpdateItemError::BelowReserved {
            quantity: after.on_hand,
            reserved: before.reserved,
        });
    }
    let after = Item { version: before.version + 1, updated_at: now, ..after };
    store::update(&mut tx, org, &after).await?;
    let delta = after.on_hand - before.on_hand;
    let counted = (delta != 0).then(|| change.reason.as_deref().unwrap_or("adjusted"));
    if let Some(reason) = counted {
        let movement = Movement {
            id: app.clock.new_id(),
            item_id: id,
            delta,
            reason,
            actor: &caller.actor.name,
            ticket_id: None,
            quantity_after: after.on_hand,
            created_at: now,
        };
        store::insert_movement(&mut tx, org, &movement).await?;
    }
    let event = InventoryUpdated::of(&after, counted.unwrap_or("edited"), None);
    let mut events = vec![(app.clock.new_id(), event)];
    events.extend(release::end(app, caller, &mut tx, &after, &ended, &touched, now).await?);
    webhooks::store::enqueue_all(&mut tx, org, &events, now).await?;
    tx.commit().await?;
    Ok(Some(after))
}

/// The reservations that do not fit into what is on hand, the newest first.
async fn to_end(conn: &mut Conn, org: OrgId, item: &Item) -> Result<Vec<Hold>, sqlx::Error> {
    let mut over = item.reserved - item.on_hand;
    if over <= 0 {
        return Ok(Vec::new());
    }
    let mut holds = store::holds_of_item(conn, org, item.id).await?;
    let fits = |hold: &Hold| {
        let fits = over <= 0;
        over -= hold.quantity;
        fits
    };
    let ended = holds.iter().position(fits).unwrap_or(holds.len());
    holds.truncate(ended);
    Ok(holds)
}

fn changed(item: &Item, change: &ItemChange) -> Result<Item, UpdateItemError> {
    let on_hand = match (change.quantity, change.adjust) {
        (Some(quantity), _) => quantity,
        (None, Some(adjust)) => adjusted(item, adjust)?,
        (None, None) => item.on_hand,
    };
    let text = |new: &Option<String>, old: &str| new.clone().unwrap_or_else(|| old.to_owned());
    Ok(Item {
        on_hand,
        name: text(&change.name, &item.name),
        category: text(&change.category, &item.category),
        cost: change.cost.unwrap_or(item.cost),
        selling_price: change.selling_price.unwrap_or(item.selling_price),
        reorder_level: change.reorder_level.unwrap_or(item.reorder_level),
        supplier: change.supplier.clone().unwrap_or_else(|| item.supplier.clone()),
        ..item.clone()
    })
}

/// Another stock would have allowed it, so it is no fault of the request.
fn adjusted(item: &Item, adjust: i64) -> Result<i64, UpdateItemError> {
    let (before, on_hand) = (item.on_hand, item.on_hand.saturating_add(adjust));
    check_quantity("adjust", on_hand).map_err(|_| UpdateItemError::AdjustedTooFar {
        adjust,
        before,
        on_hand,
    })
}

fn check(change: ItemChange) -> Result<ItemChange, Invalid> {
    let counts = change.quantity.is_some() || change.adjust.is_some();
    let is_empty = !counts
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
    if change.quantity.is_some() && change.adjust.is_some() {
        let message = "send either quantity or adjust, not both";
        return Err(Invalid::new("adjust", change.adjust, message));
    }
    if change.reason.is_some() && !counts {
        let message =
            "reason is allowed only together with quantity: it says why the quantity changes";
        return Err(Invalid::new("reason", change.reason, message));
    }
    if change.release && !counts {
        let message = "release is allowed only together with quantity or adjust";
        return Err(Invalid::new("release", true, message));
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
