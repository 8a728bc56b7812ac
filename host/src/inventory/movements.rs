//! `GET /v1/inventory/{inventory_id}/movements`: the append-only history of an item's stock.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::openapi::Schema;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::{Params, PathId};
use crate::inventory::store::{self, MovementRow};
use crate::model::ids::{ItemId, MovementId, TicketId};
use crate::model::time::Time;
use crate::page::{Page, Paging, Window};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// A field of those listed, or one of them after a minus sign for descending.
    #[param(schema_with = sort_schema)]
    sort: Option<String>,
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<i64>,
    /// How many to skip; not together with `cursor`.
    #[param(minimum = 0, maximum = 1000000000, default = 0)]
    offset: Option<i64>,
    /// The `next_cursor` of the page before, with the same sort.
    cursor: Option<String>,
}

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
    params(ListParams),
    responses((status = 200, description = "A page of movements", body = Page<MovementView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    PathId(item): PathId<ItemId>,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<MovementView>>, ApiError> {
    let (limit, offset, cursor) = (params.limit, params.offset, params.cursor);
    let paging = Paging { limit, offset, cursor, sort: params.sort };
    let window = Window::new(&store::MOVEMENTS, paging, &item)?;
    let mut conn = app.db.read().await?;
    if store::get(&mut conn, caller.org, item).await?.is_none() {
        return Err(ApiError::not_found("Inventory item"));
    }
    let rows = store::movements(&mut conn, caller.org, item, &window).await?;
    Ok(Json(window.page(rows, view)))
}

fn sort_schema() -> Schema {
    store::MOVEMENTS.sort_schema()
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
