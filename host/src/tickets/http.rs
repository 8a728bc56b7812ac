//! `/v1/tickets`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::openapi::Schema;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Reader, Writer};
use crate::error::ApiError;
use crate::extract::{Body, Params, PathId, nullable};
use crate::model::ids::{CustomerId, ItemId, ShopId, TicketId, UserId};
use crate::model::invalid::Invalid;
use crate::model::money::{Hours, Money};
use crate::model::time;
use crate::model::workflow::{self, Status};
use crate::page::{Page, Paging, Window};
use crate::respond;
use crate::tickets::create::{self, NewTicket};
use crate::tickets::draft::Change;
use crate::tickets::parts::NewPart;
use crate::tickets::store::{self, ListFilter};
use crate::tickets::views::{self, Created, ListItem, TicketView, Transitioned, Updated};
use crate::tickets::{change, detail};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    shop_id: Option<ShopId>,
    #[param(value_type = Option<Status>)]
    status: Option<String>,
    customer_id: Option<CustomerId>,
    assigned_to: Option<UserId>,
    /// Made then or later: a moment, or a date, which is its midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_after: Option<String>,
    /// Made before then.
    #[param(schema_with = time::filter_schema)]
    created_before: Option<String>,
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTicket)]
pub struct CreateBody {
    shop_id: ShopId,
    customer: CustomerBody,
    device_identifier: String,
    issue_description: String,
    device_category: Option<String>,
    actor_id: Option<UserId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTicketCustomer)]
struct CustomerBody {
    name: String,
    email: String,
    phone: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketChange)]
pub struct UpdateBody {
    status: Option<Status>,
    notes: Option<String>,
    actor_id: Option<UserId>,
    #[serde(default, deserialize_with = "nullable")]
    assigned_to: Option<Option<UserId>>,
    labor_hours: Option<Hours>,
    labor_rate: Option<Money>,
    parts: Option<Vec<PartBody>>,
    #[serde(default)]
    diagnostics: DiagnosticsBody,
    #[serde(default)]
    issue: IssueBody,
    #[serde(default)]
    device: DeviceBody,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PartChange)]
struct PartBody {
    inventory_id: Option<ItemId>,
    sku: Option<String>,
    name: Option<String>,
    quantity: i64,
    unit_cost: Option<Money>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiagnosticsChange)]
struct DiagnosticsBody {
    #[serde(default, deserialize_with = "nullable")]
    findings: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    estimated_cost: Option<Option<Money>>,
    recommended_parts: Option<Vec<String>>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IssueChange)]
struct IssueBody {
    #[serde(default, deserialize_with = "nullable")]
    category: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    severity: Option<Option<String>>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceChange)]
struct DeviceBody {
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TransitionRequest)]
pub struct TransitionBody {
    new_status: Status,
    notes: Option<String>,
    actor_id: Option<UserId>,
}

/// Lists tickets.
#[utoipa::path(
    get, path = "/tickets", tag = "Tickets", operation_id = "listTickets", security(("api_key" = ["read"])),
    params(ListParams),
    responses((status = 200, description = "A page of tickets", body = Page<ListItem>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<ListItem>>, ApiError> {
    let filter = ListFilter {
        shop_id: params.shop_id,
        status: params.status.map(known_status).transpose()?,
        customer_id: params.customer_id,
        assigned_to: params.assigned_to,
        created_after: time::parse_filter("created_after", params.created_after)?,
        created_before: time::parse_filter("created_before", params.created_before)?,
    };
    let (limit, offset, cursor) = (params.limit, params.offset, params.cursor);
    let paging = Paging { limit, offset, cursor, sort: params.sort };
    let window = Window::new(&store::LISTING, paging, &filter)?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &window).await?;
    Ok(Json(window.page(rows, views::list_item)))
}

/// A ticket with all that belongs to it.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}", tag = "Tickets", operation_id = "getTicket", security(("api_key" = ["read"])),
    responses((status = 200, description = "The ticket", body = TicketView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<TicketId>,
) -> Result<Json<TicketView>, ApiError> {
    let mut conn = app.db.read().await?;
    let detail = detail::load(&mut conn, caller.org, id).await?;
    detail.map(views::ticket).map(Json).ok_or_else(|| ApiError::not_found("Ticket"))
}

/// Makes a ticket.
#[utoipa::path(
    post, path = "/tickets", tag = "Tickets", operation_id = "createTicket", security(("api_key" = ["write"])),
    request_body = CreateBody,
    responses((status = 201, description = "Made; post-create plugins have run", body = Created)),
)]
pub async fn create(
    State(app): State<App>,
    caller: Writer,
    Body(body): Body<CreateBody>,
) -> Result<respond::Created<Created>, ApiError> {
    let new = NewTicket {
        shop_id: body.shop_id,
        customer_name: body.customer.name,
        customer_email: body.customer.email,
        customer_phone: body.customer.phone,
        device_identifier: body.device_identifier,
        device_category: body.device_category,
        issue_description: body.issue_description,
        actor_id: body.actor_id,
    };
    let created = create::create(&app, &caller, new).await?;
    Ok(respond::Created {
        location: format!("/v1/tickets/{}", created.ticket.id),
        body: Created {
            id: created.ticket.id,
            number: created.ticket.number_text(),
            status: created.ticket.status,
            created_at: created.ticket.created_at,
            plugins: created.trace.ran,
            warnings: created.trace.warnings,
        },
    })
}

/// Changes a ticket: fields, parts, status.
#[utoipa::path(
    patch, path = "/tickets/{ticket_id}", tag = "Tickets", operation_id = "updateTicket", security(("api_key" = ["write"])),
    request_body = UpdateBody,
    responses((status = 200, description = "Changed, all or nothing", body = Updated)),
)]
pub async fn update(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<TicketId>,
    Body(body): Body<UpdateBody>,
) -> Result<Json<Updated>, ApiError> {
    let changed = change::change(&app, &caller, id, &wanted(body)).await?;
    Ok(Json(Updated {
        id: changed.ticket_id,
        status: changed.status,
        updated_at: changed.updated_at,
        plugins: changed.ran,
        warnings: changed.warnings,
    }))
}

/// Moves a ticket to another status.
#[utoipa::path(
    post, path = "/tickets/{ticket_id}/transition", tag = "Tickets", operation_id = "transitionTicket", security(("api_key" = ["write"])),
    request_body = TransitionBody,
    responses((status = 200, description = "The status changed", body = Transitioned)),
)]
pub async fn transition(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<TicketId>,
    Body(body): Body<TransitionBody>,
) -> Result<Json<Transitioned>, ApiError> {
    let wanted = Change {
        status: Some(body.new_status),
        status_field: "new_status",
        notes: body.notes,
        actor_id: body.actor_id,
        ..Change::default()
    };
    let changed = change::change(&app, &caller, id, &wanted).await?;
    let transition = changed.transition.ok_or_else(|| {
        ApiError::internal(anyhow::anyhow!("a transition left no timeline entry"))
    })?;
    Ok(Json(Transitioned {
        ok: true,
        event_id: transition.event_id,
        from_status: transition.from,
        to_status: transition.to,
        timestamp: changed.updated_at,
        plugins: changed.ran,
        warnings: changed.warnings,
    }))
}

fn wanted(body: UpdateBody) -> Change {
    let part = |part: PartBody| NewPart {
        inventory_id: part.inventory_id,
        sku: part.sku,
        name: part.name,
        quantity: part.quantity,
        unit_cost: part.unit_cost,
    };
    Change {
        status: body.status,
        status_field: "status",
        same_status_is_fine: true,
        notes: body.notes,
        actor_id: body.actor_id,
        assigned_to: body.assigned_to,
        labor_hours: body.labor_hours,
        labor_rate: body.labor_rate,
        parts: body.parts.map(|parts| parts.into_iter().map(part).collect()),
        findings: body.diagnostics.findings,
        estimated_cost: body.diagnostics.estimated_cost,
        recommended_parts: body.diagnostics.recommended_parts,
        issue_category: body.issue.category,
        issue_severity: body.issue.severity,
        device_description: body.device.description,
    }
}

fn known_status(name: String) -> Result<Status, Invalid> {
    if workflow::DEFAULT.find(&name).is_some() {
        return Ok(Status(name));
    }
    let message =
        format!("{name} is no status; there are {}", workflow::DEFAULT.names().join(", "));
    Err(Invalid::new("status", name, message))
}

fn sort_schema() -> Schema {
    store::LISTING.sort_schema()
}
