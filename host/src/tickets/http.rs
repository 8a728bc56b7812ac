//! `/v1/tickets`: lists, creates, changes and transitions tickets.

mod dry_run;
mod filters;
mod timeline;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Reader, Writer};
use crate::customers;
use crate::error::ApiError;
use crate::etag::{self, ETag, IfMatch, IfNoneMatch};
use crate::extract::{Body, List, Params, PathId};
use crate::model::ids::{CustomerId, ShopId, TicketId};
use crate::model::invalid::check_filter;
use crate::model::time;
use crate::openapi::ErrorBody;
use crate::page::{Page, Window};
use crate::respond;
use crate::search::query::{Phone, Search};
use crate::tickets::bodies::{CreateBody, TransitionBody, UpdateBody};
use crate::tickets::store::{self, ListFilter, ListRow};
use crate::tickets::views::{self, Created, ListItem, TicketView, Transitioned, Updated};
use crate::tickets::{change, context, create, detail, labels, transitions};

use dry_run::{DryRun, DryRunParams};

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
    /// One status, or several between commas: `READY_FOR_PICKUP,QC_REVIEW`.
    #[param(schema_with = filters::status_schema)]
    status: Option<String>,
    customer_id: Option<CustomerId>,
    /// A user's id, or `none` for the tickets that nobody works on.
    #[param(schema_with = filters::assignee_schema)]
    assigned_to: Option<String>,
    /// The number on the label, with or without its letter and zeros: `T000123` or `123`.
    #[param(pattern = "^[Tt]?[0-9]{1,18}$", example = "T000123")]
    number: Option<String>,
    /// The tickets of the customer of this email address, also of one that was merged away.
    #[param(min_length = 1, max_length = 254, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    email: Option<String>,
    /// Only tickets created at or after this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_after: Option<String>,
    /// Only tickets created before this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_before: Option<String>,
    /// Only tickets changed at or after this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    updated_after: Option<String>,
    /// One whole tag; case and accents do not matter.
    #[param(min_length = 1, max_length = 64, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    tag: Option<String>,
    /// The phone number of the customer, or its last digits (at least three): `555-0123`, `0123`. A number with the
    /// code of a country also finds it without.
    #[param(min_length = 3, max_length = 64, format = "phone-number", example = "555-0123")]
    phone: Option<String>,
    /// Words from the number, the device, and the names of customer and contact, each from its beginning, or the end
    /// of a phone number: `mull iph`. A ticket has all of them; case and accents do not matter.
    #[param(min_length = 1, max_length = 200, format = "search-words", example = "iphone")]
    q: Option<String>,
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
    let mut filter = ListFilter {
        shop_id: params.shop_id,
        statuses: params
            .status
            .map(|text| filters::statuses(&text))
            .transpose()?
            .unwrap_or_default(),
        customer_id: params.customer_id,
        assigned_to: params.assigned_to.map(|text| filters::assignee(&text)).transpose()?,
        number: params.number.map(|text| filters::number(&text)).transpose()?,
        created_after: time::parse_filter("created_after", params.created_after)?,
        created_before: time::parse_filter("created_before", params.created_before)?,
        updated_after: time::parse_filter("updated_after", params.updated_after)?,
        tag: check_filter("tag", params.tag, labels::LABEL_CHARS_MAX)?,
        phone: check_filter("phone", params.phone, 64)?
            .map(|text| Phone::parse("phone", &text))
            .transpose()?,
        search: check_filter("q", params.q, 200)?
            .map(|text| Search::parse("q", &text))
            .transpose()?,
    };
    let email = check_filter("email", params.email, 254)?;
    let window = Window::new(&store::LISTING, paging, &(&filter, &email))?;
    let mut conn = app.db.read().await?;
    if let Some(email) = email {
        let found = customers::find::by_any_email(&mut conn, caller.org, &email).await?;
        let asked = filter.customer_id;
        filter.customer_id = found.filter(|found| asked.is_none_or(|asked| asked == *found));
        if filter.customer_id.is_none() {
            return Ok(Json(window.page((Vec::<ListRow>::new(), 0), views::list_item)));
        }
    }
    let rows = store::list(&mut conn, caller.org, &filter, &window).await?;
    Ok(Json(window.page(rows, views::list_item)))
}

/// Returns a ticket with all its data.
///
/// `ETag` is the ticket's version and a digest of all that is shown, such as the customer. `If-Match` compares the version
/// alone. With `If-None-Match` the response is 304 if nothing of it has changed.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}", tag = "Tickets", operation_id = "getTicket", security(("api_key" = ["read"])),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag`s of the versions that the client \
                                                                     has", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    responses(
        (status = 200, description = "The ticket", body = TicketView,
         headers(("ETag" = String, description = "The ticket's version and a digest of the response, in quotes"))),
        (status = 304, description = "Nothing of the response has changed since the one in `If-None-Match`"),
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
    let detail = detail::complete(&mut conn, caller.org, context).await?;
    etag::respond(&known, version, &views::ticket(detail))
}

/// The body of a change, or of its dry run.
#[allow(dead_code)] // for the document alone
#[derive(ToSchema)]
#[serde(untagged)]
enum UpdatedOrDryRun {
    Updated(Updated),
    DryRun(DryRun),
}

#[allow(dead_code)] // for the document alone
#[derive(ToSchema)]
#[serde(untagged)]
enum TransitionedOrDryRun {
    Transitioned(Transitioned),
    DryRun(DryRun),
}

/// Creates a ticket.
#[utoipa::path(
    post, path = "/tickets", tag = "Tickets", operation_id = "createTicket", security(("api_key" = ["write"])),
    params(DryRunParams),
    request_body = CreateBody,
    responses(
        (status = 200, description = "What the request would come to, with `dry_run=true`", body = DryRun),
        (status = 201, description = "Created; post-create plugins have run", body = Created,
         headers(("ETag" = String, description = "The ticket's version in quotes"))),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Writer,
    Params(params): Params<DryRunParams>,
    Body(body): Body<CreateBody>,
) -> Result<Response, ApiError> {
    if params.is_dry() {
        return dry_run::of_creation(create::preview(&app, &caller, body.into()).await);
    }
    let created = create::create(&app, &caller, body.into()).await?;
    let location = format!("/v1/tickets/{}", created.ticket.id);
    let etag = ETag::of_version(created.version);
    let body = Created::from(created);
    Ok((etag, respond::Created { location, body }).into_response())
}

/// Changes the fields, parts or status of a ticket.
///
/// Either all changes are made or none. A change of `status` is a transition and runs the same plugins.
#[utoipa::path(
    patch, path = "/tickets/{ticket_id}", tag = "Tickets", operation_id = "updateTicket", security(("api_key" = ["write"])),
    params(DryRunParams, ("If-Match" = Option<String>, Header, description = "Write only if the ticket is at one of these versions: \
                                                                `ETag`s, or `*`", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    request_body = UpdateBody,
    responses(
        (status = 200, description = "Changed, all or nothing; with `dry_run=true` what it would come to", body = UpdatedOrDryRun,
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
    Params(params): Params<DryRunParams>,
    IfMatch(expected): IfMatch,
    Body(body): Body<UpdateBody>,
) -> Result<Response, ApiError> {
    let wanted = body.change(expected);
    if params.is_dry() {
        return dry_run::of_change(change::preview(&app, &caller, id, &wanted).await);
    }
    let changed = change::change(&app, &caller, id, &wanted).await?;
    Ok((ETag::of_version(changed.version), Json(Updated::from(changed))).into_response())
}

/// Moves a ticket to another status.
#[utoipa::path(
    post, path = "/tickets/{ticket_id}/transition", tag = "Tickets", operation_id = "transitionTicket", security(("api_key" = ["write"])),
    params(DryRunParams, ("If-Match" = Option<String>, Header, description = "Write only if the ticket is at one of these versions: \
                                                                `ETag`s, or `*`", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    request_body = TransitionBody,
    responses(
        (status = 200, description = "The status changed; with `dry_run=true` what it would come to", body = TransitionedOrDryRun,
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
    Params(params): Params<DryRunParams>,
    IfMatch(expected): IfMatch,
    Body(body): Body<TransitionBody>,
) -> Result<Response, ApiError> {
    let wanted = body.change(expected);
    if params.is_dry() {
        return dry_run::of_change(change::preview(&app, &caller, id, &wanted).await);
    }
    let changed = change::change(&app, &caller, id, &wanted).await?;
    let version = changed.version;
    let view = views::transitioned(changed).ok_or_else(|| {
        ApiError::internal(anyhow::anyhow!("a transition left no timeline entry"))
    })?;
    Ok((ETag::of_version(version), Json(view)).into_response())
}
