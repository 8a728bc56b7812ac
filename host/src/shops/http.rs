//! `/v1/shops`: lists, creates and changes shops.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Admin, Reader};
use crate::error::ApiError;
use crate::extract::{Body, List, PathId, not_null, nullable};
use crate::model::ids::ShopId;
use crate::model::people::Shop;
use crate::model::time::Time;
use crate::page::Page;
use crate::respond::Created;
use crate::shops::create::{self, NewShop};
use crate::shops::store::{self, ShopChange};
use crate::shops::update;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, update))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShop)]
pub struct CreateBody {
    #[schema(min_length = 1, max_length = 200, example = "Main Street")]
    name: String,
    /// An IANA time zone, `UTC` by default. The days of KPIs begin and end in this time zone.
    #[schema(format = "time-zone", example = "America/New_York")]
    time_zone: Option<String>,
    #[schema(max_length = 500)]
    address: Option<String>,
}

/// Omitted fields keep their values. `null` clears `address`, and is rejected for other fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShopChange)]
pub struct UpdateBody {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, format = "time-zone", example = "America/New_York")]
    time_zone: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 500)]
    address: Option<Option<String>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Shop)]
pub struct ShopView {
    id: ShopId,
    name: String,
    time_zone: String,
    address: Option<String>,
    created_at: Time,
}

/// Creates a shop.
#[utoipa::path(
    post, path = "/shops", tag = "Shops", operation_id = "createShop", security(("api_key" = ["admin"])),
    request_body = CreateBody,
    responses((status = 201, description = "Created", body = ShopView)),
)]
pub async fn create(
    State(app): State<App>,
    caller: Admin,
    Body(body): Body<CreateBody>,
) -> Result<Created<ShopView>, ApiError> {
    let new = NewShop { name: body.name, time_zone: body.time_zone, address: body.address };
    let shop =
        create::create(&app.db, &app.clock, caller.org, new, app.config.bounds.shops_max).await?;
    Ok(Created { location: format!("/v1/shops/{}", shop.id), body: view(shop) })
}

/// Lists shops.
#[utoipa::path(
    get, path = "/shops", tag = "Shops", operation_id = "listShops", security(("api_key" = ["read"])),
    params(List<Shop>),
    responses((status = 200, description = "A page of shops", body = Page<ShopView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    list: List<Shop>,
) -> Result<Json<Page<ShopView>>, ApiError> {
    let window = list.window(&())?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Returns a shop.
#[utoipa::path(
    get, path = "/shops/{shop_id}", tag = "Shops", operation_id = "getShop", security(("api_key" = ["read"])),
    responses((status = 200, description = "The shop", body = ShopView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<ShopId>,
) -> Result<Json<ShopView>, ApiError> {
    let mut conn = app.db.read().await?;
    let shop = store::get(&mut conn, caller.org, id).await?;
    shop.map(view).map(Json).ok_or_else(|| ApiError::not_found("Shop"))
}

/// Changes a shop.
///
/// A new time zone applies from now on: KPIs that are already recorded do not move to other days.
#[utoipa::path(
    patch, path = "/shops/{shop_id}", tag = "Shops", operation_id = "updateShop", security(("api_key" = ["admin"])),
    request_body = UpdateBody,
    responses((status = 200, description = "The shop after the change", body = ShopView)),
)]
pub async fn update(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<ShopId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<ShopView>, ApiError> {
    let UpdateBody { name, time_zone, address } = body;
    let change = ShopChange { name, time_zone, address };
    Ok(Json(view(update::update(&app, &caller, id, change).await?)))
}

fn view(shop: Shop) -> ShopView {
    ShopView {
        id: shop.id,
        name: shop.name,
        time_zone: shop.time_zone,
        address: shop.address,
        created_at: shop.created_at,
    }
}
