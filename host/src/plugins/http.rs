//! `/v1/plugins`: uploads components, shows and deletes them.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{PluginAdmin, Reader};
use crate::error::ApiError;
use crate::extract::{Body, List, PathId, WholeBody, unreadable};
use crate::model::event::Hook;
use crate::model::ids::{PluginId, TicketId};
use crate::model::limits::Limits;
use crate::model::plugin::{FailureView, Plugin, PluginState};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::page::Page;
use crate::plugins::{delete as deletion, store, try_out as trying, upload};
use crate::respond::Created;

/// Components may be larger than other request bodies.
pub fn routes(component_max_bytes: usize) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(upload).layer(DefaultBodyLimit::max(component_max_bytes)))
        .routes(routes!(show, delete))
        .routes(routes!(try_out))
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PluginTry)]
pub struct TryBody {
    hook: Hook,
    /// The input, as `input` of a run shows it. Give it or `ticket_id`.
    #[schema(value_type = Option<Object>)]
    event: Option<Value>,
    /// Makes the input from this ticket as it is now.
    ticket_id: Option<TicketId>,
    /// With `ticket_id`, for `pre-transition` and `reserve-inventory`: the status to enter. By default the first one that
    /// the workflow allows next.
    to_status: Option<Status>,
    /// The settings, as defined by the plugin's `settings_schema`.
    settings: Option<Value>,
    /// The permissions granted to the plugin for this call. All that it requires must be granted.
    #[schema(max_items = 200)]
    grants: Option<Vec<String>>,
}

/// What one call came to. Nothing of it was recorded or applied.
#[derive(Serialize, ToSchema)]
#[schema(as = PluginTried)]
pub struct TriedView {
    hook: Hook,
    /// As in `plugins` of a response: `allowed`, `denied`, `enriched`, `fuel` …
    outcome: &'static str,
    /// True if the plugin, or the node, failed; a denial is no failure.
    failed: bool,
    /// What the plugin was asked.
    input: Value,
    /// What it returned; `null` if it returned nothing.
    decision: Value,
    error: Option<FailureView>,
    /// The backtrace and the text of a panic.
    detail: String,
    /// Its log lines: `level` and `message`.
    #[schema(value_type = Vec<Value>)]
    log: Value,
    #[schema(minimum = 0)]
    log_dropped_bytes: u64,
    /// Units of fuel.
    #[schema(minimum = 0)]
    fuel: u64,
    /// Microseconds of processor time.
    #[schema(minimum = 0)]
    processor_us: u64,
    /// Microseconds from the call to the answer.
    #[schema(minimum = 0)]
    wall_us: u64,
    /// The peak of linear memory.
    #[schema(minimum = 0)]
    memory_bytes: u64,
    /// The limits of the call; `null` if it was not made.
    limits: Option<Limits>,
}

/// Tries a plugin on one event: one call on the real runtime, nothing written.
///
/// The plugin need not be installed. A failure of the plugin is a 200 that says how it failed.
#[utoipa::path(
    post, path = "/plugins/{plugin_id}/try", tag = "Plugins", operation_id = "tryPlugin", security(("api_key" = ["admin"])),
    request_body = TryBody,
    responses((status = 200, description = "What the call came to", body = TriedView)),
)]
pub async fn try_out(
    State(app): State<App>,
    caller: PluginAdmin,
    PathId(id): PathId<PluginId>,
    Body(body): Body<TryBody>,
) -> Result<Json<TriedView>, ApiError> {
    let hook = body.hook;
    let wanted = trying::Try {
        hook,
        event: body.event,
        ticket_id: body.ticket_id,
        to_status: body.to_status,
        settings: body.settings,
        grants: body.grants.unwrap_or_default(),
    };
    let trying::Outcome { input, tried } = trying::try_out(&app, &caller, id, wanted).await?;
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Ok(Json(TriedView {
        hook,
        outcome: tried.outcome,
        failed: tried.error.is_some(),
        input,
        decision: tried.decision,
        error: tried.error,
        detail: tried.detail,
        log: serde_json::json!(tried.log),
        log_dropped_bytes: tried.log_dropped_bytes,
        fuel: tried.fuel,
        processor_us: micros(tried.processor),
        wall_us: micros(tried.wall),
        memory_bytes: tried.memory_bytes,
        limits: tried.limits,
    }))
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
