//! `/v1/inventory`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    shop_id: Option<ShopId>,
    category: Option<String>,
    sku: Option<String>,
    in_stock: Option<bool>,
    sort: Option<String>,
    limit: Option<i64>,
    offset: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateBody {
    quantity: i64,
    reason: Option<String>,
}

#[derive(Serialize)]
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
    last_updated: Time,
}

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

pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<ItemId>,
) -> Result<Json<ItemView>, ApiError> {
    let mut conn = app.db.read().await?;
    let item = store::get(&mut conn, caller.org, id).await?;
    item.map(view).map(Json).ok_or_else(|| ApiError::not_found("Inventory item"))
}

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
