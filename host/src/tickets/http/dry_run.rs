//! `?dry_run=true`: what a request would come to, without writing anything.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiError;
use crate::inventory::reserve::StockChange;
use crate::model::ids::{ItemId, PartId};
use crate::model::stock::ShortLine;
use crate::model::workflow::Status;
use crate::plugins::hooks::{PluginRun, PluginViolation, Trace, Warning};
use crate::tickets::change::{Decided, Decision, stock};
use crate::tickets::create::CreateTicketError;
use crate::tickets::outcome::{ChangeError, Created};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRunParams {
    /// `true`: says what the request would come to, and writes nothing. The response is then 200 with a `DryRun`,
    /// whatever plugins and stock say; invalid requests get their error as ever. An `Idempotency-Key` is ignored.
    #[serde(default)]
    dry_run: bool,
}

impl DryRunParams {
    pub fn is_dry(&self) -> bool {
        self.dry_run
    }
}

/// What a request would come to now.
#[derive(Serialize, ToSchema)]
pub struct DryRun {
    /// Always true.
    dry_run: bool,
    /// Whether the request would succeed.
    accepted: bool,
    would: Would,
    /// The reasons of plugins against it.
    violations: Vec<PluginViolation>,
    /// The plugins that were asked. These runs are previews: they are not kept, and count for nothing.
    plugins: Vec<PluginRun>,
    /// Problems that would not stop it.
    warnings: Vec<Warning>,
    stock: StockView,
    /// The fields that plugins would set on a new ticket.
    set: Vec<SetView>,
}

/// The response that the request would get.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRunResponse)]
struct Would {
    /// The HTTP status.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// The code of the error; `null` if it would succeed.
    code: Option<&'static str>,
    message: Option<String>,
    from_status: Option<Status>,
    /// The status of the ticket afterwards, if it would succeed.
    to_status: Option<Status>,
}

/// What would happen to stock.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = DryRunStock)]
struct StockView {
    moves: Vec<MoveView>,
    /// The lines that would stay short.
    short: Vec<ShortLine>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DryRunStockMove)]
struct MoveView {
    /// `hold`, `release` or `consume`.
    action: &'static str,
    part_id: PartId,
    inventory_id: ItemId,
    #[schema(minimum = 1)]
    quantity: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DryRunField)]
struct SetView {
    field: String,
    plugin: String,
}

pub fn of_change(result: Result<Decision, ChangeError>) -> Result<Response, ApiError> {
    Ok(Json(match result {
        Ok(Decision::Nothing(before)) => {
            let status = before.ticket.status.clone();
            accepted(StatusCode::OK, (None, status), Trace::default(), StockView::default())
        }
        Ok(Decision::Change(decided)) => {
            let stock = stock_view(&decided);
            let Decided { draft, trace, .. } = *decided;
            accepted(StatusCode::OK, (draft.from, draft.after.ticket.status), trace, stock)
        }
        Err(error) => refused(error)?,
    })
    .into_response())
}

pub fn of_creation(result: Result<Created, CreateTicketError>) -> Result<Response, ApiError> {
    Ok(Json(match result {
        Ok(created) => {
            let status = (None, created.ticket.status);
            accepted(StatusCode::CREATED, status, created.trace, StockView::default())
        }
        Err(CreateTicketError::Refused(error)) => refused(error)?,
        Err(error) => return Err(error.into()),
    })
    .into_response())
}

fn accepted(
    status: StatusCode,
    (from_status, to_status): (Option<Status>, Status),
    trace: Trace,
    stock: StockView,
) -> DryRun {
    let set = trace.ran.iter().flat_map(|run| {
        run.set.iter().map(|field| SetView { field: field.clone(), plugin: run.plugin.clone() })
    });
    DryRun {
        dry_run: true,
        accepted: true,
        would: Would {
            status: status.as_u16(),
            code: None,
            message: None,
            from_status,
            to_status: Some(to_status),
        },
        violations: Vec::new(),
        set: set.collect(),
        plugins: trace.ran,
        warnings: trace.warnings,
        stock,
    }
}

/// What plugins and stock refuse; other errors are those of the request.
fn refused(error: ChangeError) -> Result<DryRun, ApiError> {
    let (mut violations, mut short) = (Vec::new(), Vec::new());
    let plugins = match &error {
        ChangeError::Rejected { violations: found, ran } => {
            violations.clone_from(found);
            ran.clone()
        }
        ChangeError::PluginFailed { ran, .. } => ran.clone(),
        ChangeError::InsufficientStock { lines, ran } => {
            short.clone_from(lines);
            ran.clone()
        }
        _ => return Err(error.into()),
    };
    let error = ApiError::from(error);
    Ok(DryRun {
        dry_run: true,
        accepted: false,
        would: Would {
            status: error.status.as_u16(),
            code: Some(error.code),
            message: Some(error.message),
            from_status: None,
            to_status: None,
        },
        violations,
        plugins,
        warnings: Vec::new(),
        stock: StockView { moves: Vec::new(), short },
        set: Vec::new(),
    })
}

fn stock_view(decided: &Decided) -> StockView {
    let StockChange { release, hold, consume, consumes } = &decided.stock;
    let released = release.iter().map(|(row, quantity)| MoveView {
        action: "release",
        part_id: row.part_id,
        inventory_id: row.item_id,
        quantity: *quantity,
    });
    let held = hold.allocations.iter().map(|allocation| MoveView {
        action: if *consumes { "consume" } else { "hold" },
        part_id: allocation.part_id,
        inventory_id: allocation.item_id,
        quantity: allocation.quantity,
    });
    let consumed = consume.iter().map(|row| MoveView {
        action: "consume",
        part_id: row.part_id,
        inventory_id: row.item_id,
        quantity: row.quantity,
    });
    let shortages = stock::shortages(&decided.before, &decided.draft);
    StockView {
        moves: released.chain(held).chain(consumed).collect(),
        short: stock::still_short(&decided.draft, &shortages, hold),
    }
}
