//! `/v1/installations`: which plugins are installed, with their settings, grants, limits and shops.

mod versions;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AdditionalProperties, RefBuilder};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{PluginAdmin, Reader};
use crate::error::ApiError;
use crate::extract::{Body, List, PathId, nullable};
use crate::installations::install::{self as operations, HookChange, InstallationChange};
use crate::installations::store;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, PluginId, ShopId};
use crate::model::limits::Limits;
use crate::model::plugin::{HookSetup, Installation, Mode, OnFailure};
use crate::model::time::Time;
use crate::page::{Page, Window};
use crate::respond::Created;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, install))
        .routes(routes!(show, update, uninstall))
        .routes(routes!(versions::list))
        .routes(routes!(versions::preview))
        .routes(routes!(versions::upgrade))
        .routes(routes!(versions::roll_back))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFilters {
    plugin_id: Option<PluginId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInstallation)]
pub struct InstallBody {
    plugin_id: PluginId,
    /// The settings, as defined by the plugin's `settings_schema`.
    settings: Option<Value>,
    /// The permissions granted to the plugin. All permissions that the plugin requires must be granted.
    #[schema(max_items = 200)]
    grants: Option<Vec<String>>,
    #[schema(value_type = Option<LimitsChange>)]
    limits: Option<Map<String, Value>>,
    /// Runs the plugin only for tickets of these shops. Defaults to all shops.
    #[schema(max_items = 1000)]
    shop_ids: Option<Vec<ShopId>>,
    #[schema(value_type = Option<HooksChange>)]
    hooks: Option<BTreeMap<String, HookBody>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InstallationChange)]
pub struct UpdateBody {
    /// The settings, as defined by the plugin's `settings_schema`.
    settings: Option<Value>,
    /// The permissions granted to the plugin. All permissions that the plugin requires must be granted.
    #[schema(max_items = 200)]
    grants: Option<Vec<String>>,
    #[schema(value_type = Option<LimitsChange>)]
    limits: Option<Map<String, Value>>,
    /// Runs the plugin only for tickets of these shops; `null` means all shops.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(max_items = 1000)]
    shop_ids: Option<Option<Vec<ShopId>>>,
    #[schema(value_type = Option<HooksChange>)]
    hooks: Option<BTreeMap<String, HookBody>>,
}

/// The schema of `hooks`: an optional property for each of [`Hook::ALL`].
struct HooksChange;

impl PartialSchema for HooksChange {
    fn schema() -> RefOr<Schema> {
        let none = ObjectBuilder::new()
            .description(Some("The setup of each hook. Omitted hooks and fields keep their values, or get defaults in a new installation."))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let add = |hooks: ObjectBuilder, hook: Hook| {
            let always_open = OnFailure::is_always_open(hook).then_some(
                "`on_failure` must be `open`, because this hook runs after the ticket is stored.",
            );
            let change = RefBuilder::new().ref_location_from_schema_name(HookBody::name());
            hooks.property(hook.as_str(), change.description(always_open))
        };
        Hook::ALL.into_iter().fold(none, add).into()
    }
}

impl ToSchema for HooksChange {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((HookBody::name().into_owned(), HookBody::schema()));
        HookBody::schemas(schemas);
    }
}

/// Limits of one call. Omitted limits keep their values, or get defaults in a new installation. The server may have
/// lower maximum values.
#[allow(dead_code)] // only used in the OpenAPI document
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct LimitsChange {
    /// The amount of computation; one unit is about one WebAssembly instruction.
    #[schema(required = false, minimum = 1, maximum = 1_000_000_000)]
    fuel: i64,
    #[schema(required = false, minimum = 1, maximum = 1_000)]
    deadline_ms: i64,
    #[schema(required = false, minimum = 1, maximum = 20_000)]
    wall_ms: i64,
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

/// An installation that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = Installed)]
pub struct InstalledView {
    #[serde(flatten)]
    installation: InstallationView,
    /// Fields of new tickets that another installed plugin sets too, as far as both have run before.
    warnings: Vec<String>,
}

/// What an installation left behind.
#[derive(Serialize, ToSchema)]
#[schema(as = Uninstalled)]
pub struct UninstalledView {
    id: InstallationId,
    plugin: String,
    /// Fields of tickets that it set, which stay as they are.
    #[schema(minimum = 0)]
    fields: i64,
    /// Tickets whose post-create work it has not done; it ends.
    #[schema(minimum = 0)]
    pending: i64,
    /// Refusals at tickets, which stay in their timelines.
    #[schema(minimum = 0)]
    refusals: i64,
    /// The same in sentences.
    leaves: Vec<String>,
}

/// Installs a plugin, which runs from now on.
///
/// Needs scope `admin`, or a key with `may_manage_plugins`.
#[utoipa::path(
    post, path = "/installations", tag = "Installations", operation_id = "createInstallation", security(("api_key" = ["admin"])),
    request_body = InstallBody,
    responses((status = 201, description = "Installed", body = InstalledView)),
)]
pub async fn install(
    State(app): State<App>,
    caller: PluginAdmin,
    Body(body): Body<InstallBody>,
) -> Result<Created<InstalledView>, ApiError> {
    let change = InstallationChange {
        settings: body.settings,
        grants: body.grants,
        limits: body.limits,
        shop_ids: body.shop_ids.map(Some),
        hooks: body.hooks.map(hook_changes),
    };
    let (installation, warnings) =
        operations::install(&app, &caller, body.plugin_id, change).await?;
    Ok(Created {
        location: format!("/v1/installations/{}", installation.id),
        body: InstalledView { installation: view(installation), warnings },
    })
}

/// Lists installations.
#[utoipa::path(
    get, path = "/installations", tag = "Installations", operation_id = "listInstallations", security(("api_key" = ["read"])),
    params(List<Installation, ListFilters>),
    responses((status = 200, description = "A page of installations", body = Page<InstallationView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    List { filter, paging, .. }: List<Installation, ListFilters>,
) -> Result<Json<Page<InstallationView>>, ApiError> {
    let window = Window::new(&store::LISTING, paging, &filter.plugin_id)?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, filter.plugin_id, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Returns an installation.
#[utoipa::path(
    get, path = "/installations/{installation_id}", tag = "Installations", operation_id = "getInstallation", security(("api_key" = ["read"])),
    responses((status = 200, description = "The installation", body = InstallationView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<InstallationId>,
) -> Result<Json<InstallationView>, ApiError> {
    let mut conn = app.db.read().await?;
    let found = store::get(&mut conn, caller.org, id).await?;
    found.map(view).map(Json).ok_or_else(|| ApiError::not_found("Installation"))
}

/// Changes the settings, grants, limits, hooks or shops of an installation.
///
/// Needs scope `admin`, or a key with `may_manage_plugins`.
#[utoipa::path(
    patch, path = "/installations/{installation_id}", tag = "Installations", operation_id = "updateInstallation", security(("api_key" = ["admin"])),
    request_body = UpdateBody,
    responses((status = 200, description = "The installation after the change", body = InstallationView)),
)]
pub async fn update(
    State(app): State<App>,
    caller: PluginAdmin,
    PathId(id): PathId<InstallationId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<InstallationView>, ApiError> {
    let change = InstallationChange {
        settings: body.settings,
        grants: body.grants,
        limits: body.limits,
        shop_ids: body.shop_ids,
        hooks: body.hooks.map(hook_changes),
    };
    Ok(Json(view(operations::update(&app, &caller, id, change).await?)))
}

/// Removes an installation, and says what it leaves behind.
///
/// Its runs stay in the journal, and its build stays uploaded until it is deleted.
///
/// Needs scope `admin`, or a key with `may_manage_plugins`.
#[utoipa::path(
    delete, path = "/installations/{installation_id}", tag = "Installations", operation_id = "deleteInstallation", security(("api_key" = ["admin"])),
    responses((status = 200, description = "Removed", body = UninstalledView)),
)]
pub async fn uninstall(
    State(app): State<App>,
    caller: PluginAdmin,
    PathId(id): PathId<InstallationId>,
) -> Result<Json<UninstalledView>, ApiError> {
    let removed = operations::uninstall(&app, &caller, id).await?;
    let left = removed.left;
    let mut leaves = vec!["Its runs stay in the journal until they are too old.".to_owned()];
    let mut add = |count: i64, text: &str| {
        if count > 0 {
            leaves.push(format!("{count} {text}"));
        }
    };
    add(left.fields, "fields of tickets that it set stay as they are.");
    add(left.pending, "tickets were waiting for its work, which is not done any more.");
    add(left.refusals, "refusals stay in the timelines of tickets.");
    Ok(Json(UninstalledView {
        id,
        plugin: removed.plugin,
        fields: left.fields,
        pending: left.pending,
        refusals: left.refusals,
        leaves,
    }))
}

fn hook_changes(hooks: BTreeMap<String, HookBody>) -> BTreeMap<String, HookChange> {
    let change = |body: HookBody| HookChange {
        order: body.order,
        mode: body.mode,
        on_failure: body.on_failure,
    };
    hooks.into_iter().map(|(name, body)| (name, change(body))).collect()
}

fn view(row: Installation) -> InstallationView {
    InstallationView {
        id: row.id,
        plugin_id: row.plugin_id,
        settings: row.settings,
        grants: row.grants,
        limits: row.limits,
        shop_ids: row.shop_ids,
        hooks: row.hooks.into_known(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
