//! `/v1/plugins`: uploads components, shows and deletes them.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{PluginAdmin, Reader};
use crate::error::ApiError;
use crate::extract::{List, PathId, WholeBody, unreadable};
use crate::model::event::Hook;
use crate::model::ids::PluginId;
use crate::model::plugin::{Plugin, PluginState};
use crate::model::time::Time;
use crate::page::Page;
use crate::plugins::{delete as deletion, store, upload};
use crate::respond::Created;

/// Components may be larger than other request bodies.
pub fn routes(component_max_bytes: usize) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(upload).layer(DefaultBodyLimit::max(component_max_bytes)))
        .routes(routes!(show, delete))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Plugin)]
pub struct PluginView {
    id: PluginId,
    name: String,
    version: String,
    description: String,
    digest: String,
    size_bytes: i64,
    state: PluginState,
    error: Option<String>,
    hooks: Vec<Hook>,
    /// The version of the WIT that its hooks have: `0.2.0`.
    wit: String,
    permissions: Vec<String>,
    settings_schema: Option<Value>,
    created_at: Time,
}

/// Uploads a component.
///
/// Needs scope `admin`, or a key with `may_manage_plugins`.
#[utoipa::path(
    post, path = "/plugins", tag = "Plugins", operation_id = "uploadPlugin", security(("api_key" = ["admin"])),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component"),
    responses((status = 200, description = "This component was already uploaded", body = PluginView),
        (status = 201, description = "Accepted; compiled, or being compiled", body = PluginView)),
)]
pub async fn upload(
    State(app): State<App>,
    caller: PluginAdmin,
    headers: HeaderMap,
    body: Result<WholeBody, BytesRejection>,
) -> Result<Response, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind != Some("application/wasm") {
        return Err(ApiError::unsupported_media_type("application/wasm", kind));
    }
    let WholeBody(bytes) = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(app.config.component_max_bytes),
        _ => unreadable(rejection),
    })?;
    let uploaded = upload::upload(&app, &caller, bytes).await?;
    let body = view(uploaded.plugin);
    if uploaded.is_new {
        return Ok(Created { location: format!("/v1/plugins/{}", body.id), body }.into_response());
    }
    Ok(Json(body).into_response())
}

/// Lists the uploaded plugins.
#[utoipa::path(
    get, path = "/plugins", tag = "Plugins", operation_id = "listPlugins", security(("api_key" = ["read"])),
    params(List<Plugin>),
    responses((status = 200, description = "A page of plugins", body = Page<PluginView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    list: List<Plugin>,
) -> Result<Json<Page<PluginView>>, ApiError> {
    let window = list.window(&())?;
    let mut conn = app.db.read().await?;
    let rows = store::list_plugins(&mut conn, caller.org, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Returns a plugin with its hooks, permissions and settings schema.
#[utoipa::path(
    get, path = "/plugins/{plugin_id}", tag = "Plugins", operation_id = "getPlugin", security(("api_key" = ["read"])),
    responses((status = 200, description = "The plugin", body = PluginView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<PluginId>,
) -> Result<Json<PluginView>, ApiError> {
    let mut conn = app.db.read().await?;
    let plugin = store::get_plugin(&mut conn, caller.org, id).await?;
    plugin.map(view).map(Json).ok_or_else(|| ApiError::not_found("Plugin"))
}

/// Deletes a plugin that is not installed.
///
/// Needs scope `admin`, or a key with `may_manage_plugins`.
#[utoipa::path(
    delete, path = "/plugins/{plugin_id}", tag = "Plugins", operation_id = "deletePlugin", security(("api_key" = ["admin"])),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete(
    State(app): State<App>,
    caller: PluginAdmin,
    PathId(id): PathId<PluginId>,
) -> Result<StatusCode, ApiError> {
    deletion::delete(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(plugin: Plugin) -> PluginView {
    PluginView {
        id: plugin.id,
        name: plugin.name,
        version: plugin.version,
        description: plugin.description,
        digest: plugin.digest,
        size_bytes: plugin.size_bytes,
        state: plugin.state,
        error: plugin.error,
        hooks: plugin.hooks.into_known(),
        wit: plugin.wit,
        permissions: plugin.permissions,
        settings_schema: plugin.settings_schema,
        created_at: plugin.created_at,
    }
}
