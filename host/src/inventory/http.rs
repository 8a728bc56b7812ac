//! `/v1/inventory`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Admin, Reader, Writer};
use crate::error::ApiError;
use crate::extract::{Body, Params, PathId};
use crate::inventory::create::{self, NewItem};
use crate::inventory::store::{self, ListFilter};
use crate::inventory::update;
use crate::model::ids::{ItemId, ShopId};
use crate::model::money::Money;
use crate::model::stock::Item;
use crate::model::time::{self, Time};
use crate::page::{Page, Window, order_by};
use crate::respond::Created;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    shop_id: Option<ShopId>,
    category: Option<String>,
    sku: Option<String>,
    in_stock: Option<bool>,
    sort: Option<String>,
    limit: Option<i64>,
    offset: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInventoryItem)]
pub struct CreateBody {
    shop_id: ShopId,
    sku: String,
    name: String,
    category: String,
    quantity: i64,
    cost: Money,
    selling_price: Money,
    #[serde(default)]
    reorder_level: i64,
    supplier: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InventoryChange)]
pub struct UpdateBody {
    quantity: i64,
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InventoryItem)]
pub struct ItemView {
    id: ItemId,
    shop_id: ShopId,
    sku: String,
    name: String,
    category: String,
    quantity_on_hand: i64,
    quantity_reserved: i64,
    quantity_available: i64,
    cost: Money,
    selling_price: Money,
    reorder_level: i64,
    supplier: Option<String>,
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    last_updated: Time,
}

/// Lists stock items.
#[utoipa::path(
    get, path = "/inventory", tag = "Inventory", operation_id = "listInventory", security(("api_key" = ["read"])),
    params(ListParams),
    responses((status = 200, description = "A page of items", body = Page<ItemView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<ItemView>>, ApiError> {
    let window = Window::new(params.limit, params.offset)?;
    let fields = [
        ("sku", "i.sku"),
        ("name", "i.name"),
        ("category", "i.category"),
        ("quantity_on_hand", "i.on_hand"),
        ("quantity_available", "i.on_hand - i.reserved"),
        ("last_updated", "i.updated_at"),
    ];
    let order = order_by(params.sort.as_deref(), "sku", &fields, "i.id")?;
    let filter = ListFilter {
        shop_id: params.shop_id,
        category: params.category,
        sku: params.sku,
        in_stock: params.in_stock,
    };
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &order, window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Makes a stock item.
#[utoipa::path(
    post, path = "/inventory", tag = "Inventory", operation_id = "createInventoryItem", security(("api_key" = ["admin"])),
    request_body = CreateBody,
    responses((status = 201, description = "Made", body = ItemView)),
)]
pub async fn create(
    State(app): State<App>,
    caller: Admin,
    Body(body): Body<CreateBody>,
) -> Result<Created<ItemView>, ApiError> {
    let new = NewItem {
        shop_id: body.shop_id,
        sku: body.sku,
        name: body.name,
        category: body.category,
        quantity: body.quantity,
        cost: body.cost,
        selling_price: body.selling_price,
        reorder_level: body.reorder_level,
        supplier: body.supplier,
    };
    let item = create::create(&app, &caller, new).await?;
    Ok(Created { location: format!("/v1/inventory/{}", item.id), body: view(item) })
}

/// A stock item.
#[utoipa::path(
    get, path = "/inventory/{inventory_id}", tag = "Inventory", operation_id = "getInventoryItem", security(("api_key" = ["read"])),
    responses((status = 200, description = "The item", body = ItemView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<ItemId>,
) -> Result<Json<ItemView>, ApiError> {
    let mut conn = app.db.read().await?;
    let item = store::get(&mut conn, caller.org, id).await?;
    item.map(view).map(Json).ok_or_else(|| ApiError::not_found("Inventory item"))
}

/// Sets how many are on hand.
#[utoipa::path(
    patch, path = "/inventory/{inventory_id}", tag = "Inventory", operation_id = "updateInventoryItem", security(("api_key" = ["write"])),
    request_body = UpdateBody,
    responses((status = 200, description = "The item as it is now", body = ItemView)),
)]
pub async fn update(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<ItemId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<ItemView>, ApiError> {
    let item = update::update(&app, &caller, id, body.quantity, body.reason.as_deref()).await?;
    Ok(Json(view(item)))
}

fn view(item: Item) -> ItemView {
    ItemView {
        quantity_available: item.available(),
        id: item.id,
        shop_id: item.shop_id,
        sku: item.sku,
        name: item.name,
        category: item.category,
        quantity_on_hand: item.on_hand,
        quantity_reserved: item.reserved,
        cost: item.cost,
        selling_price: item.selling_price,
        reorder_level: item.reorder_level,
        supplier: item.supplier,
        last_updated: item.updated_at,
    }
}
