//! All SQL of the tables `plugin_inputs` and `plugin_runs`; `stats` has the sums, `prune`
//! deletes.
//!
//! Invariant: a row is written once, however often its batch is retried.

pub mod prune;
mod stats;

use serde::Serialize;
use serde_json::json;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::fetch_optional;
use crate::insert_all;
use crate::journal::body;
use crate::journal::record::{InputRecord, RunRecord};
use crate::model::event::MODEL_VERSION;
use crate::model::ids::{InputId, InstallationId, OrgId, RunId, ShopId, TicketId};
use crate::model::run::RunMode;
use crate::model::time::Time;
use crate::page::{Column, Listed, Listing, Sort, Window};

pub use stats::{Bucket, StatsRow, stats};

pub struct InputRow {
    org: OrgId,
    id: InputId,
    hook: &'static str,
    shop_id: Option<Uuid>,
    ticket_id: Option<Uuid>,
    customer_id: Option<Uuid>,
    body: Vec<u8>,
    created_at: Time,
}

impl InputRow {
    pub fn of(record: &InputRecord) -> Result<InputRow, sqlx::Error> {
        let event = record.event.json().map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(InputRow {
            org: record.org,
            id: record.id,
            hook: record.hook.as_str(),
            shop_id: record.shop_id,
            ticket_id: record.ticket_id,
            customer_id: record.customer_id,
            body: body::compress(&event)?,
            created_at: record.at,
        })
    }
}

pub struct RunRow<'a> {
    record: &'a RunRecord,
    codes: Json<serde_json::Value>,
    body: Vec<u8>,
}

impl<'a> RunRow<'a> {
    pub fn of(record: &'a RunRecord) -> Result<RunRow<'a>, sqlx::Error> {
        let body = json!({
            "decision": record.decision,
            "error": record.error,
            "detail": record.detail,
            "log": record.log,
            "log_dropped_bytes": record.log_dropped_bytes,
            "limits": record.limits,
            "on_failure": record.on_failure,
            "seed": record.seed.to_string(),
            "request_id": record.request_id,
            "transcript": [],
        });
        let codes = Json(codes(record.decision.as_ref()));
        Ok(RunRow { record, codes, body: body::compress(&body)? })
    }
}

/// Of the violations of a verdict, each once.
fn codes(decision: Option<&serde_json::Value>) -> serde_json::Value {
    let verdict = decision.and_then(|decision| {
        let named = ["deny", "allow_with_warnings"].into_iter();
        named.filter_map(|name| decision.get(name)?.as_array()).next()
    });
    let codes = verdict.into_iter().flatten();
    let mut codes: Vec<&str> =
        codes.filter_map(|violation| violation.get("code")?.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    json!(codes)
}

pub async fn insert_inputs(conn: &mut Conn, rows: &[InputRow]) -> Result<(), sqlx::Error> {
    insert_all!(
        conn,
        "insert into plugin_inputs (org_id, id, hook, model_version, shop_id, ticket_id, customer_id, body, created_at) ",
        rows,
        |row| row.org,
        row.id,
        row.hook,
        i64::from(MODEL_VERSION),
        row.shop_id,
        row.ticket_id,
        row.customer_id,
        &row.body,
        row.created_at;
        " on conflict do nothing"
    )?;
    Ok(())
}

pub async fn insert_runs(conn: &mut Conn, rows: &[RunRow<'_>]) -> Result<(), sqlx::Error> {
    insert_all!(
        conn,
        "insert into plugin_runs (org_id, id, input_id, installation_id, plugin, plugin_version, digest, hook, mode,
             outcome, is_failure, shop_id, ticket_id, codes, fuel, cpu_us, wall_us, memory_bytes, body, created_at) ",
        rows,
        |row| row.record.input.org,
        row.record.id,
        row.record.input.id,
        row.record.installation_id,
        row.record.plugin.as_str(),
        row.record.plugin_version.as_str(),
        row.record.digest.as_str(),
        row.record.input.hook.as_str(),
        row.record.mode.as_str(),
        row.record.outcome,
        row.record.is_failure(),
        row.record.input.shop_id,
        row.record.input.ticket_id,
        &row.codes,
        signed(row.record.fuel.into()),
        signed(row.record.processor.as_micros()),
        signed(row.record.wall.as_micros()),
        signed(row.record.memory_bytes.into()),
        &row.body,
        row.record.at;
        " on conflict do nothing"
    )?;
    Ok(())
}

fn signed(figure: u128) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

#[derive(Debug, FromRow)]
pub struct RunFound {
    pub id: RunId,
    pub input_id: InputId,
    pub installation_id: InstallationId,
    pub plugin: String,
    pub plugin_version: String,
    pub digest: String,
    pub hook: String,
    pub mode: RunMode,
    pub outcome: String,
    pub is_failure: bool,
    pub shop_id: Option<ShopId>,
    pub ticket_id: Option<TicketId>,
    #[sqlx(json)]
    pub codes: Vec<String>,
    pub fuel: i64,
    pub cpu_us: i64,
    pub wall_us: i64,
    pub memory_bytes: i64,
    pub created_at: Time,
}

macro_rules! run_columns {
    () => {
        "r.id, r.input_id, r.installation_id, r.plugin, r.plugin_version, r.digest, r.hook, r.mode, r.outcome,
         r.is_failure, r.shop_id, r.ticket_id, r.codes, r.fuel, r.cpu_us, r.wall_us, r.memory_bytes, r.created_at"
    };
}

pub static LISTING: Listing = Listing {
    name: "plugin_runs",
    id: "r.id",
    default: "-created_at",
    sorts: &[Sort::fixed("created_at", &[Column::Time("r.created_at")])],
};

impl Listed for RunFound {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Time(self.created_at)]
    }
}

/// Which runs to list.
#[derive(Debug, Default, Serialize)]
pub struct RunFilter {
    pub ticket_id: Option<TicketId>,
    pub installation_id: Option<InstallationId>,
    pub plugin: Option<String>,
    pub hook: Option<String>,
    pub outcome: Option<String>,
    pub mode: Option<String>,
    pub created_after: Option<Time>,
    pub created_before: Option<Time>,
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    wanted: &RunFilter,
    window: &Window,
) -> Result<(Vec<RunFound>, i64), sqlx::Error> {
    let text = |text: &Option<String>| text.clone().map(Value::Text);
    let mut filter = Filter::for_org("r.org_id", org.0);
    filter.and_some("r.ticket_id = ?", wanted.ticket_id.map(|id| Value::Uuid(id.0)));
    filter.and_some("r.installation_id = ?", wanted.installation_id.map(|id| Value::Uuid(id.0)));
    filter.and_some("r.plugin = ?", text(&wanted.plugin));
    filter.and_some("r.hook = ?", text(&wanted.hook));
    filter.and_some("r.mode = ?", text(&wanted.mode));
    filter.and_some("r.created_at >= ?", wanted.created_after.map(Value::Time));
    filter.and_some("r.created_at < ?", wanted.created_before.map(Value::Time));
    match wanted.outcome.as_deref() {
        Some("failed") => filter.and_plain("r.is_failure"),
        outcome => {
            filter.and_some("r.outcome = ?", outcome.map(|text| Value::Text(text.to_owned())))
        }
    }
    let select = concat!("select ", run_columns!(), " from plugin_runs r");
    let rows = filter.select(select, &window.slice).fetch_all(conn).await?;
    Ok((rows, filter.count("plugin_runs r").fetch_figure(conn).await?))
}

/// A run with all that is recorded of it.
#[derive(Debug, FromRow)]
pub struct RunDetail {
    #[sqlx(flatten)]
    pub run: RunFound,
    pub body: Vec<u8>,
    pub input: Vec<u8>,
    pub model_version: i64,
}

pub async fn get(conn: &mut Conn, org: OrgId, id: RunId) -> Result<Option<RunDetail>, sqlx::Error> {
    fetch_optional!(
        conn,
        RunDetail,
        concat!(
            "select ",
            run_columns!(),
            ", r.body, i.body as input, i.model_version
             from plugin_runs r join plugin_inputs i on i.org_id = r.org_id and i.id = r.input_id
             where r.org_id = $1 and r.id = $2"
        ),
        org,
        id
    )
}
