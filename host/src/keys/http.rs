//! `/v1/keys`: lists, creates, rotates and revokes API keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Body, List, PathId};
use crate::keys::create::{self, NewKey};
use crate::keys::revoke::{self, LastAdmin};
use crate::keys::views::{KeyView, MadeView, made_view, view};
use crate::keys::{rotate, store};
use crate::model::ids::{KeyId, UserId};
use crate::model::key::{ApiKey, Rights};
use crate::model::people::Scope;
use crate::model::time::Time;
use crate::page::Page;
use crate::respond::Created;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, revoke))
        .routes(routes!(rotate))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub struct CreateBody {
    /// A label that says where the key is used. Timeline entries show it if the key belongs to no user.
    #[schema(min_length = 1, max_length = 200, example = "Front desk")]
    name: String,
    scope: Scope,
    /// Lets a key of scope `read` or `write` read the journal of plugins.
    #[serde(default)]
    #[schema(default = false)]
    may_read_runs: bool,
    /// Lets a key of scope `write` override refusals of plugins.
    #[serde(default)]
    #[schema(default = false)]
    may_override: bool,
    /// Lets a key of scope `read` or `write` manage plugins and installations.
    #[serde(default)]
    #[schema(default = false)]
    may_manage_plugins: bool,
    /// The user to whom timeline entries attribute the key's actions.
    user_id: Option<UserId>,
    /// When the key expires; must be in the future. Defaults to never.
    expires_at: Option<Time>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyRotation)]
pub struct RotateBody {
    /// How many hours the old key stays valid.
    #[schema(minimum = 0, maximum = 168, default = 24)]
    overlap_hours: Option<i64>,
    /// When the new key expires; must be in the future. Defaults to never.
    expires_at: Option<Time>,
}

/// Lists API keys.
#[utoipa::path(
    get, path = "/keys", tag = "API keys", operation_id = "listKeys", security(("api_key" = ["admin"])),
    params(List<ApiKey>),
    responses((status = 200, description = "A page of keys, without their text", body = Page<KeyView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Admin,
    list: List<ApiKey>,
) -> Result<Json<Page<KeyView>>, ApiError> {
    let window = list.window(&())?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &window).await?;
    let now = app.clock.now();
    Ok(Json(window.page(rows, |key| view(key, now))))
}

/// Returns an API key, without its secret text.
#[utoipa::path(
    get, path = "/keys/{key_id}", tag = "API keys", operation_id = "getKey", security(("api_key" = ["admin"])),
    responses((status = 200, description = "The key", body = KeyView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<KeyId>,
) -> Result<Json<KeyView>, ApiError> {
    let mut conn = app.db.read().await?;
    let key = store::get(&mut conn, caller.org, id).await?;
    let key = key.ok_or_else(|| ApiError::not_found("API key"))?;
    Ok(Json(view(key, app.clock.now())))
}

/// Creates an API key. Only this response contains the secret text of the key.
#[utoipa::path(
    post, path = "/keys", tag = "API keys", operation_id = "createKey", security(("api_key" = ["admin"])),
    request_body = CreateBody,
    responses((status = 201, description = "Created", body = MadeView)),
)]
pub async fn create(
    State(app): State<App>,
    caller: Admin,
    Body(body): Body<CreateBody>,
) -> Result<Created<MadeView>, ApiError> {
    let new = NewKey {
        name: body.name,
        scope: body.scope,
        rights: Rights {
            may_read_runs: body.may_read_runs,
            may_override: body.may_override,
            may_manage_plugins: body.may_manage_plugins,
        },
        user_id: body.user_id,
        expires_at: body.expires_at,
    };
    let maximum = app.config.bounds.api_keys_max;
    let made = create::create_within(&app.db, &app.clock, caller.org, new, maximum).await?;
    Ok(made_view(made, app.clock.now()))
}

/// Revokes an API key immediately. Revoking it again changes nothing.
#[utoipa::path(
    delete, path = "/keys/{key_id}", tag = "API keys", operation_id = "revokeKey", security(("api_key" = ["admin"])),
    responses((status = 204, description = "Revoked")),
)]
pub async fn revoke(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<KeyId>,
) -> Result<StatusCode, ApiError> {
    revoke::revoke(&app.db, &app.clock, caller.org, id, LastAdmin::Keep).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces an API key by a new one of the same name, scope, rights and user. The old key stays valid for an overlap.
#[utoipa::path(
    post, path = "/keys/{key_id}/rotate", tag = "API keys", operation_id = "rotateKey", security(("api_key" = ["admin"])),
    request_body = RotateBody,
    responses((status = 201, description = "The new key", body = MadeView)),
)]
pub async fn rotate(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<KeyId>,
    Body(body): Body<RotateBody>,
) -> Result<Created<MadeView>, ApiError> {
    let RotateBody { overlap_hours, expires_at } = body;
    let maximum = app.config.bounds.api_keys_max;
    let made =
        rotate::rotate(&app.db, &app.clock, caller.org, id, overlap_hours, expires_at, maximum)
            .await?;
    Ok(made_view(made, app.clock.now()))
}
