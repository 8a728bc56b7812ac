//! `/v1/shops`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::{Admin, Reader};
use crate::error::ApiError;
use crate::extract::{Body, Params, PathId};
use crate::model::ids::ShopId;
use crate::model::people::Shop;
use crate::model::time::{self, Time};
use crate::page::{Page, Window};
use crate::respond::Created;
use crate::shops::create::{self, NewShop};
use crate::shops::store;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateBody {
    name: String,
    time_zone: Option<String>,
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    limit: Option<i64>,
    offset: Option<i64>,
}

#[derive(Serialize)]
pub struct ShopView {
    id: ShopId,
    name: String,
    time_zone: String,
    address: Option<String>,
    #[serde(serialize_with = "time::serialize")]
    created_at: Time,
}

pub async fn create(
    State(app): State<App>,
    caller: Admin,
    Body(body): Body<CreateBody>,
) -> Result<Created<ShopView>, ApiError> {
    let new = NewShop { name: body.name, time_zone: body.time_zone, address: body.address };
    let shop = create::create(&app.db, &app.clock, caller.org, new).await?;
    Ok(Created { location: format!("/v1/shops/{}", shop.id), body: view(shop) })
}

pub async fn list(
    State(app): State<App>,
    caller: Reader,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<ShopView>>, ApiError> {
    let window = Window::new(params.limit, params.offset)?;
    let mut conn = app.db.read().await?;
    Ok(Json(window.page(store::list(&mut conn, caller.org, window).await?, view)))
}

pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<ShopId>,
) -> Result<Json<ShopView>, ApiError> {
    let mut conn = app.db.read().await?;
    let shop = store::get(&mut conn, caller.org, id).await?;
    shop.map(view).map(Json).ok_or_else(|| ApiError::not_found("Shop"))
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
