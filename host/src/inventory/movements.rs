//! `GET /v1/inventory/{inventory_id}/movements`: the append-only history of an item's stock.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::{List, PathId};
use crate::inventory::store::{self, MovementRow};
use crate::model::ids::{ItemId, MovementId, TicketId};
use crate::model::time::Time;
use crate::page::Page;

/// A change of the quantity on hand. Reservations are not movements until the ticket consumes them.
#[derive(Serialize, ToSchema)]
#[schema(as = StockMovement)]
pub struct MovementView {
    id: MovementId,
    /// The change of the quantity; negative if it decreased, 0 if a count confirmed it.
    delta: i64,
    /// The quantity on hand after the movement.
    quantity_after: i64,
    /// `initial`, `used` (consumed by a ticket), or the `reason` that was given with the change (`adjusted` without
    /// one).
    reason: String,
    actor: String,
    /// The ticket that consumed the stock.
    ticket_id: Option<TicketId>,
    created_at: Time,
}

/// Lists the stock movements of an item, newest first.
#[utoipa::path(
    get, path = "/inventory/{inventory_id}/movements", tag = "Inventory", operation_id = "listInventoryMovements",
    security(("api_key" = ["read"])),
    params(List<MovementRow>),
    responses((status = 200, description = "A page of movements", body = Page<MovementView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    PathId(item): PathId<ItemId>,
    list: List<MovementRow>,
) -> Result<Json<Page<MovementView>>, ApiError> {
    let window = list.window(&item)?;
    let mut conn = app.db.read().await?;
    if store::get(&mut conn, caller.org, item).await?.is_none() {
        return Err(ApiError::not_found("Inventory item"));
    }
    let rows = store::movements(&mut conn, caller.org, item, &window).await?;
    Ok(Json(window.page(rows, view)))
}

fn view(row: MovementRow) -> MovementView {
    MovementView {
        id: row.id,
        delta: row.delta,
        quantity_after: row.quantity_after,
        reason: row.reason,
        actor: row.actor,
        ticket_id: row.ticket_id,
        created_at: row.created_at,
    }
}
