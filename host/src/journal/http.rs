//! `/v1/plugin-runs` and `/v1/installations/{installation_id}/stats`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::RunReader;
use crate::error::ApiError;
use crate::extract::{List, Params, PathId};
use crate::installations;
use crate::journal::store::{self, Bucket, RunFilter, RunFound};
use crate::journal::views::{self, RunDetailView, RunView, StatsView};
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, RunId, TicketId};
use crate::model::invalid::{Invalid, check_filter};
use crate::model::run::RunMode;
use crate::model::time::{self, Time};
use crate::page::{Page, Window};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(stats))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunFilters {
    ticket_id: Option<TicketId>,
    installation_id: Option<InstallationId>,
    /// The name of a plugin.
    #[param(min_length = 1, max_length = 200, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    plugin: Option<String>,
    hook: Option<Hook>,
    /// An outcome, such as `denied`, or `failed` for all failures.
    #[param(pattern = "^[a-z_]{1,32}$", example = "denied")]
    outcome: Option<String>,
    mode: Option<RunMode>,
    /// Only runs at or after this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_after: Option<String>,
    /// Only runs before this time.
    #[param(schema_with = time::filter_schema)]
    created_before: Option<String>,
}

/// Lists the recorded runs of plugins, newest first.
///
/// For keys of scope admin, and others that have the right `may_read_runs`. Runs are kept for 30 days by default. A run appears within two seconds of its request.
#[utoipa::path(
    get, path = "/plugin-runs", tag = "Plugin runs", operation_id = "listPluginRuns", security(("api_key" = ["admin"])),
    params(List<RunFound, RunFilters>),
    responses((status = 200, description = "A page of runs", body = Page<RunView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: RunReader,
    List { filter, paging, .. }: List<RunFound, RunFilters>,
) -> Result<Json<Page<RunView>>, ApiError> {
    let filter = RunFilter {
        ticket_id: filter.ticket_id,
        installation_id: filter.installation_id,
        plugin: check_filter("plugin", filter.plugin, 200)?,
        hook: filter.hook.map(|hook| hook.as_str().to_owned()),
        outcome: filter.outcome.map(check_outcome).transpose()?,
        mode: filter.mode.map(|mode| mode.as_str().to_owned()),
        created_after: time::parse_filter("created_after", filter.created_after)?,
        created_before: time::parse_filter("created_before", filter.created_before)?,
    };
    let window = Window::new(&store::LISTING, paging, &filter)?;
    let mut conn = app.journal.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &window).await?;
    Ok(Json(window.page(rows, views::run)))
}

fn check_outcome(outcome: String) -> Result<String, Invalid> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if !outcome.is_empty() && outcome.len() <= 32 && outcome.bytes().all(is_name) {
        return Ok(outcome);
    }
    let message = "outcome must be the name of an outcome, such as denied, or failed";
    Err(Invalid::new("outcome", outcome, message))
}

/// Returns a run with its input, its decision and its log.
#[utoipa::path(
    get, path = "/plugin-runs/{run_id}", tag = "Plugin runs", operation_id = "getPluginRun", security(("api_key" = ["admin"])),
    responses((status = 200, description = "The run", body = RunDetailView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: RunReader,
    PathId(id): PathId<RunId>,
) -> Result<Json<RunDetailView>, ApiError> {
    let mut conn = app.journal.db.read().await?;
    let found = store::get(&mut conn, caller.org, id).await?;
    let found = found.ok_or_else(|| ApiError::not_found("Plugin run"))?;
    views::detail(found).map(Json).map_err(|error| ApiError::internal(anyhow::Error::from(error)))
}

#[derive(Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = StatsPeriod)]
enum By {
    Hour,
    #[default]
    Day,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsParams {
    /// The length of a period: `hour` or `day` (the default), in UTC.
    #[param(inline)]
    by: Option<By>,
    /// Only runs at or after this time; by default the last 30 days, or the last 2 days by `hour`.
    #[param(schema_with = time::filter_schema)]
    created_after: Option<String>,
    /// Only runs before this time; by default now.
    #[param(schema_with = time::filter_schema)]
    created_before: Option<String>,
}

/// Sums up what an installation did: calls, outcomes, fuel and time by hour or day.
#[utoipa::path(
    get, path = "/installations/{installation_id}/stats", tag = "Installations", operation_id = "getInstallationStats",
    security(("api_key" = ["admin"])),
    params(StatsParams),
    responses((status = 200, description = "The sums", body = StatsView)),
)]
pub async fn stats(
    State(app): State<App>,
    caller: RunReader,
    PathId(id): PathId<InstallationId>,
    Params(params): Params<StatsParams>,
) -> Result<Json<StatsView>, ApiError> {
    let mut conn = app.db.read().await?;
    if installations::store::get(&mut conn, caller.org, id).await?.is_none() {
        return Err(ApiError::not_found("Installation"));
    }
    drop(conn);
    let (name, bucket, days) = match params.by.unwrap_or_default() {
        By::Hour => ("hour", Bucket::Hour, 2),
        By::Day => ("day", Bucket::Day, 30),
    };
    let to = time::parse_filter("created_before", params.created_before)?;
    let to = to.unwrap_or_else(|| app.clock.now());
    let from: Option<Time> = time::parse_filter("created_after", params.created_after)?;
    let from = from.unwrap_or_else(|| to - chrono::TimeDelta::days(days));
    let mut conn = app.journal.db.read().await?;
    let rows = store::stats(&mut conn, caller.org, id, (from, to), bucket).await?;
    Ok(Json(views::stats(id, (from, to), name, rows)))
}
