//! How runs are shown.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::journal::body;
use crate::journal::store::{RunDetail, RunFound, StatsRow};
use crate::model::ids::{InputId, InstallationId, RunId, ShopId, TicketId};
use crate::model::run::RunMode;
use crate::model::time::Time;

/// One call of a plugin.
#[derive(Serialize, ToSchema)]
#[schema(as = PluginRun)]
pub struct RunView {
    id: RunId,
    /// Runs of one request and hook share their input.
    input_id: InputId,
    installation_id: InstallationId,
    plugin: String,
    version: String,
    /// Of the component that ran, SHA-256 in hex.
    digest: String,
    hook: String,
    mode: RunMode,
    /// As in `plugins` of the response: `allowed`, `denied`, `enriched`, `fuel` …
    outcome: String,
    /// True if the plugin, or the node, failed; a denial is no failure.
    failed: bool,
    shop_id: Option<ShopId>,
    ticket_id: Option<TicketId>,
    /// The codes of its violations and warnings.
    codes: Vec<String>,
    /// Units of fuel.
    #[schema(minimum = 0)]
    fuel: i64,
    /// Microseconds of processor time.
    #[schema(minimum = 0)]
    processor_us: i64,
    /// Microseconds from the call to the answer.
    #[schema(minimum = 0)]
    wall_us: i64,
    /// The peak of linear memory.
    #[schema(minimum = 0)]
    memory_bytes: i64,
    created_at: Time,
}

/// A run with its input, its decision and its log.
#[derive(Serialize, ToSchema)]
#[schema(as = PluginRunDetail)]
pub struct RunDetailView {
    #[serde(flatten)]
    run: RunView,
    /// The version of the form of `input`.
    model_version: i64,
    /// What the plugin was asked.
    input: Value,
    /// What it returned; `null` if it returned nothing.
    decision: Value,
    /// Why it failed, with the figure and the limit; `null` if it did not.
    error: Value,
    /// The backtrace and the text of a panic, for the plugin's developer.
    detail: String,
    /// Its log lines: `level` and `message`.
    #[schema(value_type = Vec<Value>)]
    log: Value,
    /// Bytes of the log beyond the limit, which were dropped.
    log_dropped_bytes: i64,
    /// The limits of the call; `null` if it was not made.
    limits: Value,
    /// The seed of its random numbers, as text because it has 64 bits.
    seed: String,
    /// `X-Request-Id` of the request.
    request_id: String,
    /// What it read while it ran: nothing yet.
    #[schema(value_type = Vec<Value>)]
    transcript: Value,
}

pub fn run(row: RunFound) -> RunView {
    RunView {
        id: row.id,
        input_id: row.input_id,
        installation_id: row.installation_id,
        plugin: row.plugin,
        version: row.plugin_version,
        digest: row.digest,
        hook: row.hook,
        mode: row.mode,
        outcome: row.outcome,
        failed: row.is_failure,
        shop_id: row.shop_id,
        ticket_id: row.ticket_id,
        codes: row.codes,
        fuel: row.fuel,
        processor_us: row.cpu_us,
        wall_us: row.wall_us,
        memory_bytes: row.memory_bytes,
        created_at: row.created_at,
    }
}

pub fn detail(row: RunDetail) -> std::io::Result<RunDetailView> {
    let mut body = body::decompress(&row.body)?;
    let mut take = |name: &str| body.get_mut(name).map(Value::take).unwrap_or_default();
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: Value| if value.is_array() { value } else { Value::Array(Vec::new()) };
    Ok(RunDetailView {
        run: run(row.run),
        model_version: row.model_version,
        input: body::decompress(&row.input)?,
        decision: take("decision"),
        error: take("error"),
        detail: text(take("detail")),
        log: list(take("log")),
        log_dropped_bytes: take("log_dropped_bytes").as_i64().unwrap_or_default(),
        limits: take("limits"),
        seed: text(take("seed")),
        request_id: text(take("request_id")),
        transcript: list(take("transcript")),
    })
}

/// What an installation did, by period, hook and mode. Periods without calls are left out.
#[derive(Serialize, ToSchema)]
#[schema(as = InstallationStats)]
pub struct StatsView {
    installation_id: InstallationId,
    from: Time,
    /// Exclusive.
    to: Time,
    /// `hour` or `day`, in UTC.
    by: &'static str,
    periods: Vec<PeriodView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InstallationPeriod)]
struct PeriodView {
    /// The beginning of the period: `2026-11-27T10:00:00Z`.
    start: String,
    hook: String,
    mode: RunMode,
    #[schema(minimum = 0)]
    calls: i64,
    /// The number of calls of each outcome.
    outcomes: BTreeMap<String, i64>,
    /// Calls in which the plugin or the node failed.
    #[schema(minimum = 0)]
    failed: i64,
    /// Units of fuel of all calls together.
    #[schema(minimum = 0)]
    fuel: i64,
    #[schema(minimum = 0)]
    fuel_max: i64,
    /// Microseconds of processor time of all calls together.
    #[schema(minimum = 0)]
    processor_us: i64,
    #[schema(minimum = 0)]
    processor_us_max: i64,
    /// Microseconds by the wall clock of all calls together.
    #[schema(minimum = 0)]
    wall_us: i64,
}

pub fn stats(
    installation_id: InstallationId,
    (from, to): (Time, Time),
    by: &'static str,
    rows: Vec<StatsRow>,
) -> StatsView {
    let mut periods: Vec<PeriodView> = Vec::new();
    for row in rows {
        let rest = if row.period.len() > 10 { ":00:00Z" } else { "T00:00:00Z" };
        let start = format!("{}{rest}", row.period);
        let is_same = |last: &&mut PeriodView| {
            last.start == start && last.hook == row.hook && last.mode == row.mode
        };
        let period = match periods.last_mut().filter(is_same) {
            Some(_) => periods.last_mut(),
            None => {
                periods.push(PeriodView {
                    start,
                    hook: row.hook,
                    mode: row.mode,
                    calls: 0,
                    outcomes: BTreeMap::new(),
                    failed: 0,
                    fuel: 0,
                    fuel_max: 0,
                    processor_us: 0,
                    processor_us_max: 0,
                    wall_us: 0,
                });
                periods.last_mut()
            }
        };
        let Some(period) = period else { continue };
        period.calls += row.calls;
        *period.outcomes.entry(row.outcome).or_default() += row.calls;
        period.failed += if row.is_failure { row.calls } else { 0 };
        period.fuel += row.fuel;
        period.fuel_max = period.fuel_max.max(row.fuel_max);
        period.processor_us += row.cpu_us;
        period.processor_us_max = period.processor_us_max.max(row.cpu_us_max);
        period.wall_us += row.wall_us;
    }
    StatsView { installation_id, from, to, by, periods }
}
