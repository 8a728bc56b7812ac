//! `/v1/kpis`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::{ArrayBuilder, Type};
use utoipa::openapi::{ObjectBuilder, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::extract::Params;
use crate::kpis::report::{self, Period};
use crate::kpis::views::{self, Chosen, METRICS, ReportView};
use crate::model::ids::ShopId;
use crate::model::time;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KpiParams {
    /// The shop. By default the KPIs of all shops together, each shop with the days of its time zone.
    shop_id: Option<ShopId>,
    /// The first day, in the shop's time zone. Defaults to 30 days before the last day.
    #[param(value_type = Option<NaiveDate>)]
    start_date: Option<String>,
    /// The last day, included in the report. Defaults to today; at most 1,100 days after the first.
    #[param(value_type = Option<NaiveDate>)]
    end_date: Option<String>,
    /// The fields to return, separated by commas. Defaults to all. `turnaround` is `avg_turnaround_days`.
    #[param(schema_with = metrics_schema, style = Form, explode = false)]
    metrics: Option<String>,
}

/// Returns daily KPIs of picked-up tickets, and their totals.
#[utoipa::path(
    get, path = "/kpis", tag = "KPIs", operation_id = "getKpis", security(("api_key" = ["read"])),
    params(KpiParams),
    responses((status = 200, description = "The figures of the period", body = ReportView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    Params(params): Params<KpiParams>,
) -> Result<Json<ReportView>, ApiError> {
    let chosen = Chosen::parse(params.metrics.as_deref())?;
    let period = Period {
        shop_id: params.shop_id,
        start: time::parse_date("start_date", params.start_date)?,
        end: time::parse_date("end_date", params.end_date)?,
    };
    let report = report::report(&app, caller.org, &period).await?;
    Ok(Json(views::report(report, &chosen)))
}

fn metrics_schema() -> Schema {
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(METRICS));
    ArrayBuilder::new().items(word).min_items(Some(1)).into()
}
