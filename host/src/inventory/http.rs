//! `/v1/inventory`: lists, creates and changes stock items.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Reader, StockAdmin, Writer};
use crate::error::ApiError;
use crate::etag::{self, IfMatch, IfNoneMatch};
use crate::extract::{Body, List, PathId, not_null, nullable};
use crate::inventory::create::{self, NewItem};
use crate::inventory::movements;
use crate::inventory::store::{self, ListFilter};
use crate::inventory::update::{self, ItemChange};
use crate::model::ids::{ItemId, ShopId};
use crate::model::invalid::check_filter;
use crate::model::money::Money;
use crate::model::stock::Item;
use crate::model::time::Time;
use crate::openapi::ErrorBody;
use crate::page::{Page, Window};
use crate::respond::Created;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update))
        .routes(routes!(movements::list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFilters {
    shop_id: Option<ShopId>,
    #[param(min_length = 1, max_length = 64, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    category: Option<String>,
    #[param(min_length = 1, max_length = 64, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    sku: Option<String>,
    /// `true` returns items with available stock, `false` items without.
    in_stock: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInventoryItem)]
pub struct CreateBody {
    shop_id: ShopId,
    /// The stock-keeping unit, unique within a shop.
    #[schema(min_length = 1, max_length = 64, example = "SCREEN-IP14-001")]
    sku: String,
    #[schema(min_length = 1, max_length = 200, example = "iPhone 14 Pro Screen")]
    name: String,
    #[schema(min_length = 1, max_length = 64, example = "screens")]
    category: String,
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    quantity: i64,
    /// The shop's cost per unit.
    cost: Money,
    /// The customer's price per unit, unless a ticket sets another.
    selling_price: Money,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    reorder_level: i64,
    #[schema(max_length = 200)]
    supplier: Option<String>,
}

/// Set `quantity` or `adjust`, another field, or both. `null` clears `supplier`, and is rejected for other fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InventoryChange)]
pub struct UpdateBody {
    /// The new quantity on hand; at least the quantity reserved for tickets.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, minimum = 0, maximum = 1000000000, example = 10)]
    quantity: Option<i64>,
    /// Instead of `quantity`: the difference, negative for pieces that are gone.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, minimum = -1000000000, maximum = 1000000000, example = -2)]
    adjust: Option<i64>,
    /// If the new quantity is less than what is reserved for tickets: `true` ends reservations, the newest first;
    /// otherwise the request is a 409.
    #[serde(default)]
    release: bool,
    /// Why the quantity changed (purchased, used, damaged …).
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, max_length = 200, example = "purchased")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, min_length = 1, max_length = 64)]
    category: Option<String>,
    /// The shop's cost per unit. Tickets that already have the item keep the earlier cost.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    cost: Option<Money>,
    /// The customer's price per unit. Part lines of tickets keep their price.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    selling_price: Option<Money>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, minimum = 0, maximum = 1000000000)]
    reorder_level: Option<i64>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 200)]
    supplier: Option<Option<String>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InventoryItem)]
pub struct ItemView {
    id: ItemId,
    /// Grows with each change of the item, also by tickets, as in `ETag`.
    version: i64,
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
    last_updated: Time,
}

/// Lists stock items.
#[utoipa::path(
    get, path = "/inventory", tag = "Inventory", operation_id = "listInventory", security(("api_key" = ["read"])),
    params(List<Item, ListFilters>),
    responses((status = 200, description = "A page of items", body = Page<ItemView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    List { filter: params, paging, .. }: List<Item, ListFilters>,
) -> Result<Json<Page<ItemView>>, ApiError> {
    let filter = ListFilter {
        shop_id: params.shop_id,
        category: check_filter("category", params.category, 64)?,
        sku: check_filter("sku", params.sku, 64)?,
        in_stock: params.in_stock,
    };
    let window = Window::new(&store::LISTING, paging, &filter)?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Creates a stock item.
#[utoipa::path(
    post, path = "/inventory", tag = "Inventory", operation_id = "createInventoryItem", security(("api_key" = ["admin"])),
    request_body = CreateBody,
    responses((status = 201, description = "Created", body = ItemView)),
)]
pub async fn create(
    State(app): State<App>,
    caller: StockAdmin,
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

/// Returns a stock item.
#[utoipa::path(
    get, path = "/inventory/{inventory_id}", tag = "Inventory", operation_id = "getInventoryItem", security(("api_key" = ["read"])),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag`s of the responses that the client \
                                                                     has", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    responses(
        (status = 200, description = "The item", body = ItemView,
         headers(("ETag" = String, description = "The version and a digest of the response, in quotes"))),
        (status = 304, description = "Nothing of the response has changed since the one in `If-None-Match`"),
    ),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<ItemId>,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut conn = app.db.read().await?;
    let item = store::get(&mut conn, caller.org, id).await?;
    let item = item.ok_or_else(|| ApiError::not_found("Inventory item"))?;
    etag::respond(&known, item.version, &view(item))
}

/// Changes a stock item or its quantity on hand.
///
/// A request that changes nothing makes no new version, movement or event. With `release`, reservations that the new
/// quantity does not cover end, the newest first, and each of their tickets gets a note; when such a ticket needs the
/// pieces, it tries to reserve them again.
#[utoipa::path(
    patch, path = "/inventory/{inventory_id}", tag = "Inventory", operation_id = "updateInventoryItem", security(("api_key" = ["write"])),
    params(("If-Match" = Option<String>, Header, description = "Write only if the item is at one of these versions: \
                                                                `ETag`s, or `*`", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    request_body = UpdateBody,
    responses(
        (status = 200, description = "The item after the change", body = ItemView,
         headers(("ETag" = String, description = "The new version and a digest of the response, in quotes"))),
        (status = 412, description = "PRECONDITION_FAILED: it is at another version; `details.current_version` says which",
         body = ErrorBody),
    ),
)]
pub async fn update(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<ItemId>,
    IfMatch(expected): IfMatch,
    Body(body): Body<UpdateBody>,
) -> Result<Response, ApiError> {
    let change = ItemChange {
        quantity: body.quantity,
        adjust: body.adjust,
        release: body.release,
        reason: body.reason,
        name: body.name,
        category: body.category,
        cost: body.cost,
        selling_price: body.selling_price,
        reorder_level: body.reorder_level,
        supplier: body.supplier,
    };
    let item = update::update(&app, &caller, id, expected.as_ref(), change).await?;
    etag::respond(&IfNoneMatch::default(), item.version, &view(item))
}

fn view(item: Item) -> ItemView {
    ItemView {
        quantity_available: item.available(),
        id: item.id,
        version: item.version,
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
