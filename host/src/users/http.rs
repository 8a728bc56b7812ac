//! `/v1/users`: lists, creates and changes users.

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
use crate::model::ids::UserId;
use crate::model::money::Money;
use crate::model::people::User;
use crate::model::time::Time;
use crate::page::Page;
use crate::respond::Created;
use crate::users::create::{self, NewUser};
use crate::users::store::{self, UserChange};
use crate::users::update;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, update))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub struct CreateBody {
    #[schema(min_length = 1, max_length = 200, example = "Alice Tech")]
    name: String,
    /// The email address, unique within the organization.
    #[schema(
        max_length = 254,
        pattern = r"^[^\s@\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$",
        example = "alice@shop.example"
    )]
    email: String,
    /// The organization's own name of the role, for example `technician`.
    #[schema(min_length = 1, max_length = 64, example = "technician")]
    role: String,
    /// What an hour of this user's work costs the shop; used for the KPI `labor_margin`.
    hourly_cost: Option<Money>,
}

/// Omitted fields keep their values. `null` clears `hourly_cost`, and is rejected for other fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
pub struct UpdateBody {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, min_length = 1, max_length = 64)]
    role: Option<String>,
    /// What an hour of this user's work costs the shop.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Money>)]
    hourly_cost: Option<Option<Money>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    id: UserId,
    name: String,
    email: String,
    role: String,
    hourly_cost: Option<Money>,
    created_at: Time,
}

/// Creates a user.
#[utoipa::path(
    post, path = "/users", tag = "Users", operation_id = "createUser", security(("api_key" = ["admin"])),
    request_body = CreateBody,
    responses((status = 201, description = "Created", body = UserView)),
)]
pub async fn create(
    State(app): State<App>,
    caller: Admin,
    Body(body): Body<CreateBody>,
) -> Result<Created<UserView>, ApiError> {
    let new = NewUser {
        name: body.name,
        email: body.email,
        role: body.role,
        hourly_cost: body.hourly_cost,
    };
    let user =
        create::create(&app.db, &app.clock, caller.org, new, app.config.bounds.users_max).await?;
    Ok(Created { location: format!("/v1/users/{}", user.id), body: view(user) })
}

/// Lists users.
#[utoipa::path(
    get, path = "/users", tag = "Users", operation_id = "listUsers", security(("api_key" = ["read"])),
    params(List<User>),
    responses((status = 200, description = "A page of users", body = Page<UserView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    list: List<User>,
) -> Result<Json<Page<UserView>>, ApiError> {
    let window = list.window(&())?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Returns a user.
#[utoipa::path(
    get, path = "/users/{user_id}", tag = "Users", operation_id = "getUser", security(("api_key" = ["read"])),
    responses((status = 200, description = "The user", body = UserView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<UserId>,
) -> Result<Json<UserView>, ApiError> {
    let mut conn = app.db.read().await?;
    let user = store::get(&mut conn, caller.org, id).await?;
    user.map(view).map(Json).ok_or_else(|| ApiError::not_found("User"))
}

/// Changes a user.
///
/// A new hourly cost applies to tickets that are picked up from now on.
#[utoipa::path(
    patch, path = "/users/{user_id}", tag = "Users", operation_id = "updateUser", security(("api_key" = ["admin"])),
    request_body = UpdateBody,
    responses((status = 200, description = "The user after the change", body = UserView)),
)]
pub async fn update(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<UserId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<UserView>, ApiError> {
    let UpdateBody { name, role, hourly_cost } = body;
    let change = UserChange { name, role, hourly_cost };
    Ok(Json(view(update::update(&app, &caller, id, change).await?)))
}

fn view(user: User) -> UserView {
    UserView {
        id: user.id,
        name: user.name,
        email: user.email,
        role: user.role,
        hourly_cost: user.hourly_cost,
        created_at: user.created_at,
    }
}
