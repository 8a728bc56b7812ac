//! `/v1/plugins` and `/v1/installations`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::Schema;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Admin, Reader};
use crate::error::ApiError;
use crate::extract::{Body, Params, PathId, WholeBody, nullable, unreadable};
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, PluginId, ShopId};
use crate::model::limits::Limits;
use crate::model::plugin::{HookSetup, Installation, Mode, OnFailure, Plugin, PluginState};
use crate::model::time::Time;
use crate::page::{Page, Paging, Window};
use crate::plugins::install::{self, Change, HookChange};
use crate::plugins::{store, upload};
use crate::respond::Created;

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
    /// The `next_cursor` of the page before, with the same sort and filters.
    cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstallationListParams {
    plugin_id: Option<PluginId>,
    /// A field of those listed, or one of them after a minus sign for descending.
    #[param(schema_with = installation_sort_schema)]
    sort: Option<String>,
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<i64>,
    /// How many to skip; not together with `cursor`.
    #[param(minimum = 0, maximum = 1000000000, default = 0)]
    offset: Option<i64>,
    /// The `next_cursor` of the page before, with the same sort and filters.
    cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInstallation)]
pub struct InstallBody {
    plugin_id: PluginId,
    /// What the plugin's `settings_schema` asks for.
    settings: Option<Value>,
    /// Of the plugin's `permissions`, those that it gets; all that it needs must be there.
    #[schema(max_items = 200)]
    grants: Option<Vec<String>>,
    #[schema(value_type = Option<LimitsChange>)]
    limits: Option<Map<String, Value>>,
    /// Only tickets of these shops; of all when left out.
    #[schema(max_items = 1000)]
    shop_ids: Option<Vec<ShopId>>,
    #[schema(value_type = Option<HooksChange>)]
    hooks: Option<BTreeMap<String, HookBody>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InstallationChange)]
pub struct UpdateBody {
    /// What the plugin's `settings_schema` asks for.
    settings: Option<Value>,
    /// Of the plugin's `permissions`, those that it gets; all that it needs must be there.
    #[schema(max_items = 200)]
    grants: Option<Vec<String>>,
    #[schema(value_type = Option<LimitsChange>)]
    limits: Option<Map<String, Value>>,
    /// Only tickets of these shops; `null`: of all.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(max_items = 1000)]
    shop_ids: Option<Option<Vec<ShopId>>>,
    #[schema(value_type = Option<HooksChange>)]
    hooks: Option<BTreeMap<String, HookBody>>,
}

/// Hooks of the plugin; what is left out gets its default, or stays.
#[allow(dead_code)] // for the document alone
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct HooksChange {
    #[schema(required = false)]
    pre_transition: HookBody,
    /// Its `on_failure` can only be `open`: the ticket is stored already when it runs.
    #[schema(required = false)]
    post_create: HookBody,
    #[schema(required = false)]
    reserve_inventory: HookBody,
}

/// How much one call may use; what is left out gets its default, or stays. The server may have lower maxima.
#[allow(dead_code)] // for the document alone
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct LimitsChange {
    /// About one unit a WebAssembly instruction.
    #[schema(required = false, minimum = 1, maximum = 1_000_000_000)]
    fuel: i64,
    #[schema(required = false, minimum = 1, maximum = 1_000)]
    deadline_ms: i64,
    #[schema(required = false, minimum = 1, maximum = 134_217_728)]
    memory_bytes: i64,
    #[schema(required = false, minimum = 1, maximum = 100_000)]
    table_elements: i64,
    #[schema(required = false, minimum = 1, maximum = 8_388_608)]
    input_bytes: i64,
    #[schema(required = false, minimum = 1, maximum = 1_048_576)]
    output_bytes: i64,
    #[schema(required = false, minimum = 1, maximum = 65_536)]
    log_bytes: i64,
    #[schema(required = false, minimum = 1, maximum = 100_000)]
    host_calls: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HookChange)]
struct HookBody {
    order: Option<i32>,
    mode: Option<Mode>,
    on_failure: Option<OnFailure>,
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
    permissions: Vec<String>,
    settings_schema: Option<Value>,
    created_at: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Installation)]
pub struct InstallationView {
    id: InstallationId,
    plugin_id: PluginId,
    settings: Value,
    grants: Vec<String>,
    limits: Limits,
    shop_ids: Option<Vec<ShopId>>,
    hooks: BTreeMap<Hook, HookSetup>,
    created_at: Time,
    updated_at: Time,
}

/// Uploads a component.
#[utoipa::path(
    post, path = "/plugins", tag = "Plugins", operation_id = "uploadPlugin", security(("api_key" = ["admin"])),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component"),
    responses((status = 200, description = "This component was here already", body = PluginView),
        (status = 201, description = "Taken; compiled, or being compiled", body = PluginView)),
)]
pub async fn upload(
    State(app): State<App>,
    caller: Admin,
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
    params(ListParams),
    responses((status = 200, description = "A page of plugins", body = Page<PluginView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<PluginView>>, ApiError> {
    let (limit, offset, cursor) = (params.limit, params.offset, params.cursor);
    let paging = Paging { limit, offset, cursor, sort: params.sort };
    let window = Window::new(&store::PLUGINS, paging, &())?;
    let mut conn = app.db.read().await?;
    let rows = store::list_plugins(&mut conn, caller.org, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// A plugin: its hooks, permissions and settings.
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

/// Installs a plugin: from now on it takes part.
#[utoipa::path(
    post, path = "/installations", tag = "Installations", operation_id = "createInstallation", security(("api_key" = ["admin"])),
    request_body = InstallBody,
    responses((status = 201, description = "Installed", body = InstallationView)),
)]
pub async fn install(
    State(app): State<App>,
    caller: Admin,
    Body(body): Body<InstallBody>,
) -> Result<Created<InstallationView>, ApiError> {
    let change = Change {
        settings: body.settings,
        grants: body.grants,
        limits: body.limits,
        shop_ids: body.shop_ids.map(Some),
        hooks: body.hooks.map(hook_changes),
    };
    let installation = install::install(&app, &caller, body.plugin_id, change).await?;
    Ok(Created {
        location: format!("/v1/installations/{}", installation.id),
        body: view_installation(installation),
    })
}

/// Lists installations.
#[utoipa::path(
    get, path = "/installations", tag = "Installations", operation_id = "listInstallations", security(("api_key" = ["read"])),
    params(InstallationListParams),
    responses((status = 200, description = "A page of installations", body = Page<InstallationView>)),
)]
pub async fn list_installations(
    State(app): State<App>,
    caller: Reader,
    Params(params): Params<InstallationListParams>,
) -> Result<Json<Page<InstallationView>>, ApiError> {
    let (limit, offset, cursor) = (params.limit, params.offset, params.cursor);
    let paging = Paging { limit, offset, cursor, sort: params.sort };
    let window = Window::new(&store::INSTALLATIONS, paging, &params.plugin_id)?;
    let mut conn = app.db.read().await?;
    let rows = store::list_installations(&mut conn, caller.org, params.plugin_id, &window).await?;
    Ok(Json(window.page(rows, view_installation)))
}

/// An installation.
#[utoipa::path(
    get, path = "/installations/{installation_id}", tag = "Installations", operation_id = "getInstallation", security(("api_key" = ["read"])),
    responses((status = 200, description = "The installation", body = InstallationView)),
)]
pub async fn show_installation(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<InstallationId>,
) -> Result<Json<InstallationView>, ApiError> {
    let mut conn = app.db.read().await?;
    let found = store::get_installation(&mut conn, caller.org, id).await?;
    found.map(view_installation).map(Json).ok_or_else(|| ApiError::not_found("Installation"))
}

/// Changes settings, limits, order, mode of an installation.
#[utoipa::path(
    patch, path = "/installations/{installation_id}", tag = "Installations", operation_id = "updateInstallation", security(("api_key" = ["admin"])),
    request_body = UpdateBody,
    responses((status = 200, description = "The installation as it is now", body = InstallationView)),
)]
pub async fn update_installation(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<InstallationId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<InstallationView>, ApiError> {
    let change = Change {
        settings: body.settings,
        grants: body.grants,
        limits: body.limits,
        shop_ids: body.shop_ids,
        hooks: body.hooks.map(hook_changes),
    };
    Ok(Json(view_installation(install::update(&app, &caller, id, change).await?)))
}

/// Removes an installation.
#[utoipa::path(
    delete, path = "/installations/{installation_id}", tag = "Installations", operation_id = "deleteInstallation", security(("api_key" = ["admin"])),
    responses((status = 204, description = "Removed")),
)]
pub async fn uninstall(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<InstallationId>,
) -> Result<StatusCode, ApiError> {
    install::uninstall(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn hook_changes(hooks: BTreeMap<String, HookBody>) -> BTreeMap<String, HookChange> {
    let change = |body: HookBody| HookChange {
        order: body.order,
        mode: body.mode,
        on_failure: body.on_failure,
    };
    hooks.into_iter().map(|(name, body)| (name, change(body))).collect()
}

fn sort_schema() -> Schema {
    store::PLUGINS.sort_schema()
}

fn installation_sort_schema() -> Schema {
    store::INSTALLATIONS.sort_schema()
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
        hooks: plugin.hooks,
        permissions: plugin.permissions,
        settings_schema: plugin.settings_schema,
        created_at: plugin.created_at,
    }
}

fn view_installation(row: Installation) -> InstallationView {
    InstallationView {
        id: row.id,
        plugin_id: row.plugin_id,
        settings: row.settings,
        grants: row.grants,
        limits: row.limits,
        shop_ids: row.shop_ids,
        hooks: row.hooks,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
