//! `/v1/installations/{installation_id}/versions`, `upgrade-preview`, `upgrade` and `rollback`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{InstallationView, view};
use crate::app::App;
use crate::auth::{PluginAdmin, Reader};
use crate::error::ApiError;
use crate::extract::{Body, List, Params, PathId};
use crate::installations::store;
use crate::installations::upgrade::{self as operations, Preview, Upgrade};
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, PluginId};
use crate::model::limits::Limits;
use crate::model::permission::sentence;
use crate::model::plugin::{HookSetup, InstallationVersion, VersionState};
use crate::model::time::Time;
use crate::page::Page;

/// What is or was installed, with the settings and grants of that time.
#[derive(Serialize, ToSchema)]
#[schema(as = InstallationVersion)]
pub struct VersionView {
    #[schema(minimum = 1)]
    n: i64,
    /// The build; `null` if it was deleted since, so that it cannot be installed again.
    plugin_id: Option<PluginId>,
    version: String,
    digest: String,
    state: VersionState,
    /// `installed`, `upgraded` or `rolled_back`.
    reason: String,
    /// Who did it.
    actor: String,
    settings: Value,
    grants: Vec<String>,
    hooks: BTreeMap<Hook, HookSetup>,
    created_at: Time,
    /// When the next one was installed; `null` for the current one.
    ended_at: Option<Time>,
}

/// Lists the versions of an installation, the current one first.
#[utoipa::path(
    get, path = "/installations/{installation_id}/versions", tag = "Installations", operation_id = "listInstallationVersions",
    security(("api_key" = ["read"])),
    params(List<InstallationVersion>),
    responses((status = 200, description = "A page of versions", body = Page<VersionView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<InstallationId>,
    list: List<InstallationVersion>,
) -> Result<Json<Page<VersionView>>, ApiError> {
    let window = list.window(&id)?;
    let mut conn = app.db.read().await?;
    if store::get(&mut conn, caller.org, id).await?.is_none() {
        return Err(ApiError::not_found("Installation"));
    }
    let rows = store::versions::list(&mut conn, caller.org, id, &window).await?;
    Ok(Json(window.page(rows, version)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewParams {
    /// The other build of the plugin.
    plugin_id: PluginId,
}

/// What an upgrade would change.
#[derive(Serialize, ToSchema)]
#[schema(as = UpgradePreview)]
pub struct PreviewView {
    installation_id: InstallationId,
    from: BuildView,
    to: BuildView,
    /// True if `POST …/upgrade` would succeed without `settings` and `grants`.
    can_upgrade: bool,
    /// What prevents it.
    reasons: Vec<String>,
    permissions_added: Vec<PermissionView>,
    permissions_removed: Vec<PermissionView>,
    /// What the upgrade needs in `grants`.
    grants_missing: Vec<String>,
    /// Hooks that only the new build has. They come `off`.
    hooks_added: Vec<Hook>,
    hooks_removed: Vec<Hook>,
    /// The limits of a call, which stay.
    limits: Limits,
    settings: SettingsFit,
    /// Decisions that would differ; `null` until they are known.
    decisions: Option<Value>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpgradeBuild)]
struct BuildView {
    plugin_id: PluginId,
    version: String,
    digest: String,
    #[schema(minimum = 0)]
    size_bytes: i64,
    wit: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Permission)]
struct PermissionView {
    permission: String,
    /// What it lets the plugin do.
    sentence: String,
}

/// Whether the settings of now fit the new build.
#[derive(Serialize, ToSchema)]
struct SettingsFit {
    fit: bool,
    /// The first field that does not fit.
    field: Option<String>,
    message: Option<String>,
    /// Fields that only the new build has.
    added: Vec<String>,
    /// Fields that only the old build has.
    removed: Vec<String>,
}

/// Says what an upgrade would change; nothing is written.
#[utoipa::path(
    get, path = "/installations/{installation_id}/upgrade-preview", tag = "Installations",
    operation_id = "previewInstallationUpgrade", security(("api_key" = ["admin"])),
    params(PreviewParams),
    responses((status = 200, description = "The differences", body = PreviewView)),
)]
pub async fn preview(
    State(app): State<App>,
    caller: PluginAdmin,
    PathId(id): PathId<InstallationId>,
    Params(params): Params<PreviewParams>,
) -> Result<Json<PreviewView>, ApiError> {
    let found = operations::preview(&app, &caller, id, params.plugin_id).await?;
    Ok(Json(view_preview(id, found)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InstallationUpgrade)]
pub struct UpgradeBody {
    /// Another build of the same plugin.
    plugin_id: PluginId,
    /// New settings; by default those of now.
    settings: Option<Value>,
    /// Permissions granted in addition to those of now. Until all that the new build requires are granted, the old one
    /// keeps running.
    #[schema(max_items = 200)]
    grants: Option<Vec<String>>,
}

/// Installs another build of the plugin, which judges from the next request on.
#[utoipa::path(
    post, path = "/installations/{installation_id}/upgrade", tag = "Installations", operation_id = "upgradeInstallation",
    security(("api_key" = ["admin"])),
    request_body = UpgradeBody,
    responses((status = 200, description = "The installation after the upgrade", body = InstallationView)),
)]
pub async fn upgrade(
    State(app): State<App>,
    caller: PluginAdmin,
    PathId(id): PathId<InstallationId>,
    Body(body): Body<UpgradeBody>,
) -> Result<Json<InstallationView>, ApiError> {
    let wanted = Upgrade {
        plugin_id: body.plugin_id,
        settings: body.settings,
        grants: body.grants.unwrap_or_default(),
    };
    Ok(Json(view(operations::upgrade(&app, &caller, id, wanted).await?)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InstallationRollback)]
pub struct RollBackBody {
    /// The version to install again; by default the latest one of another build.
    #[schema(minimum = 1)]
    n: Option<i64>,
}

/// Installs an earlier version again, with its settings, grants and hooks.
///
/// A second rollback without `n` goes forward again, to the build that was left.
#[utoipa::path(
    post, path = "/installations/{installation_id}/rollback", tag = "Installations", operation_id = "rollBackInstallation",
    security(("api_key" = ["admin"])),
    request_body = RollBackBody,
    responses((status = 200, description = "The installation after the rollback", body = InstallationView)),
)]
pub async fn roll_back(
    State(app): State<App>,
    caller: PluginAdmin,
    PathId(id): PathId<InstallationId>,
    Body(body): Body<RollBackBody>,
) -> Result<Json<InstallationView>, ApiError> {
    Ok(Json(view(operations::roll_back(&app, &caller, id, body.n).await?)))
}

fn version(row: InstallationVersion) -> VersionView {
    VersionView {
        n: row.n,
        plugin_id: row.is_kept.then_some(row.plugin_id),
        version: row.plugin_version,
        digest: row.digest,
        state: row.state,
        reason: row.reason,
        actor: row.actor,
        settings: row.settings,
        grants: row.grants,
        hooks: row.hooks.into_known(),
        created_at: row.created_at,
        ended_at: row.ended_at,
    }
}

fn view_preview(id: InstallationId, found: Preview) -> PreviewView {
    let permissions = |names: Vec<String>| {
        let view =
            |permission: String| PermissionView { sentence: sentence(&permission), permission };
        names.into_iter().map(view).collect()
    };
    let build = |plugin: crate::model::plugin::Plugin| BuildView {
        plugin_id: plugin.id,
        version: plugin.version,
        digest: plugin.digest,
        size_bytes: plugin.size_bytes,
        wit: plugin.wit,
    };
    let mut reasons = found.reasons;
    if !found.grants_missing.is_empty() {
        reasons.push(format!("It needs to be granted: {}", found.grants_missing.join(", ")));
    }
    let problem = found.settings_problem;
    reasons.extend(problem.as_ref().map(|problem| problem.message.clone()));
    PreviewView {
        installation_id: id,
        from: build(found.from),
        to: build(found.to),
        can_upgrade: reasons.is_empty(),
        reasons,
        permissions_added: permissions(found.permissions_added),
        permissions_removed: permissions(found.permissions_removed),
        grants_missing: found.grants_missing,
        hooks_added: found.hooks_added,
        hooks_removed: found.hooks_removed,
        limits: found.limits,
        settings: SettingsFit {
            fit: problem.is_none(),
            message: problem.as_ref().map(|problem| problem.message.clone()),
            field: problem.map(|problem| problem.field),
            added: found.settings_added,
            removed: found.settings_removed,
        },
        decisions: None,
    }
}
