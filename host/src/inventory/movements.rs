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

/// A change of how many are on hand. What tickets hold is no movement until they use it.
#[derive(Serialize, ToSchema)]
#[schema(as = StockMovement)]
pub struct MovementView {
    id: MovementId,
    /// How many came (or went, below zero). 0: somebody counted, and it was right.
    delta: i64,
    /// How many were on hand after it.
    quantity_after: i64,
    /// `initial`, `used` by a ticket, or the `reason` of who changed it (`adjusted` when none was given).
    reason: String,
    actor: String,
    /// The ticket that used them.
    ticket_id: Option<TicketId>,
    created_at: Time,
}

/// Lists how the stock of an item came to be what it is, newest first.
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
