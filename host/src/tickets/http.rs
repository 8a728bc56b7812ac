//! `/v1/tickets`: lists, creates, changes and transitions tickets.

mod timeline;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Reader, Writer};
use crate::error::ApiError;
use crate::etag::{ETag, IfMatch, IfNoneMatch};
use crate::extract::{Body, List, PathId};
use crate::model::ids::{CustomerId, ShopId, TicketId, UserId};
use crate::model::invalid::Invalid;
use crate::model::time;
use crate::model::workflow::{self, Status};
use crate::openapi::ErrorBody;
use crate::page::{Page, Window};
use crate::respond;
use crate::tickets::bodies::{CreateBody, TransitionBody, UpdateBody};
use crate::tickets::store::{self, ListFilter, ListRow};
use crate::tickets::views::{self, Created, ListItem, TicketView, Transitioned, Updated};
use crate::tickets::{change, context, create, detail, transitions};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update))
        .routes(routes!(transition))
        .routes(routes!(transitions::http::list))
        .routes(routes!(timeline::list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFilters {
    shop_id: Option<ShopId>,
    #[param(value_type = Option<Status>)]
    status: Option<String>,
    customer_id: Option<CustomerId>,
    assigned_to: Option<UserId>,
    /// Only tickets created at or after this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_after: Option<String>,
    /// Only tickets created before this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_before: Option<String>,
}

/// Lists tickets.
#[utoipa::path(
    get, path = "/tickets", tag = "Tickets", operation_id = "listTickets", security(("api_key" = ["read"])),
    params(List<ListRow, ListFilters>),
    responses((status = 200, description = "A page of tickets", body = Page<ListItem>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    List { filter: params, paging, .. }: List<ListRow, ListFilters>,
) -> Result<Json<Page<ListItem>>, ApiError> {
    let filter = ListFilter {
        shop_id: params.shop_id,
        status: params.status.map(known_status).transpose()?,
        customer_id: params.customer_id,
        assigned_to: params.assigned_to,
        created_after: time::parse_filter("created_after", params.created_after)?,
        created_before: time::parse_filter("created_before", params.created_before)?,
    };
    let window = Window::new(&store::LISTING, paging, &filter)?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &window).await?;
    Ok(Json(window.page(rows, views::list_item)))
}

/// Returns a ticket with all its data.
///
/// `ETag` is the ticket's version, for use in `If-Match`. With `If-None-Match` the response is 304 if the ticket has
/// not changed.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}", tag = "Tickets", operation_id = "getTicket", security(("api_key" = ["read"])),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag`s of the versions that the client \
                                                                     has", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    responses(
        (status = 200, description = "The ticket", body = TicketView,
         headers(("ETag" = String, description = "The ticket's version in quotes"))),
        (status = 304, description = "The ticket has not changed since the version in `If-None-Match`"),
    ),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<TicketId>,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut conn = app.db.read().await?;
    let context = context::load(&mut conn, caller.org, id).await?;
    let context = context.ok_or_else(|| ApiError::not_found("Ticket"))?;
    let version = context.ticket.version;
    if known.has(version) {
        return Ok((StatusCode::NOT_MODIFIED, ETag(version), ()).into_response());
    }
    let detail = detail::complete(&mut conn, caller.org, context).await?;
    Ok((ETag(version), Json(views::ticket(detail))).into_response())
}

/// Creates a ticket.
#[utoipa::path(
    post, path = "/tickets", tag = "Tickets", operation_id = "createTicket", security(("api_key" = ["write"])),
    request_body = CreateBody,
    responses((status = 201, description = "Created; post-create plugins have run", body = Created,
               headers(("ETag" = String, description = "The ticket's version in quotes")))),
)]
pub async fn create(
    State(app): State<App>,
    caller: Writer,
    Body(body): Body<CreateBody>,
) -> Result<(ETag, respond::Created<Created>), ApiError> {
    let created = create::create(&app, &caller, body.into()).await?;
    let location = format!("/v1/tickets/{}", created.ticket.id);
    Ok((ETag(created.version), respond::Created { location, body: created.into() }))
}

/// Changes the fields, parts or status of a ticket.
///
/// Either all changes are made or none. A change of `status` is a transition and runs the same plugins.
#[utoipa::path(
    patch, path = "/tickets/{ticket_id}", tag = "Tickets", operation_id = "updateTicket", security(("api_key" = ["write"])),
    params(("If-Match" = Option<String>, Header, description = "Write only if the ticket is at one of these versions: \
                                                                `ETag`s, or `*`", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    request_body = UpdateBody,
    responses(
        (status = 200, description = "Changed, all or nothing", body = Updated,
         headers(("ETag" = String, description = "The ticket's new version in quotes"))),
        (status = 412, description = "PRECONDITION_FAILED: the ticket is at another version; \
                                      `details.current_version` says which",
         body = ErrorBody),
    ),
)]
pub async fn update(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<TicketId>,
    IfMatch(expected): IfMatch,
    Body(body): Body<UpdateBody>,
) -> Result<(ETag, Json<Updated>), ApiError> {
    let changed = change::change(&app, &caller, id, &body.change(expected)).await?;
    Ok((ETag(changed.version), Json(changed.into())))
}

/// Moves a ticket to another status.
#[utoipa::path(
    post, path = "/tickets/{ticket_id}/transition", tag = "Tickets", operation_id = "transitionTicket", security(("api_key" = ["write"])),
    params(("If-Match" = Option<String>, Header, description = "Write only if the ticket is at one of these versions: \
                                                                `ETag`s, or `*`", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    request_body = TransitionBody,
    responses(
        (status = 200, description = "The status changed", body = Transitioned,
         headers(("ETag" = String, description = "The ticket's new version in quotes"))),
        (status = 412, description = "PRECONDITION_FAILED: the ticket is at another version; \
                                      `details.current_version` says which",
         body = ErrorBody),
    ),
)]
pub async fn transition(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<TicketId>,
    IfMatch(expected): IfMatch,
    Body(body): Body<TransitionBody>,
) -> Result<(ETag, Json<Transitioned>), ApiError> {
    let changed = change::change(&app, &caller, id, &body.change(expected)).await?;
    let version = changed.version;
    let view = views::transitioned(changed).ok_or_else(|| {
        ApiError::internal(anyhow::anyhow!("a transition left no timeline entry"))
    })?;
    Ok((ETag(version), Json(view)))
}

fn known_status(name: String) -> Result<Status, Invalid> {
    if workflow::DEFAULT.find(&name).is_some() {
        return Ok(Status(name));
    }
    let message =
        format!("{name} is not a status; expected one of {}", workflow::DEFAULT.names().join(", "));
    Err(Invalid::new("status", name, message))
}
