//! `/v1/customers`: lists, changes and merges customers.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Admin, Reader, Writer};
use crate::customers::store::{self, CustomerRow, ListFilter, RepairRow};
use crate::customers::{merge, update};
use crate::erasure::erase;
use crate::erasure::views::ErasureView;
use crate::error::ApiError;
use crate::etag::{self, IfMatch, IfNoneMatch};
use crate::extract::{Body, List, PathId, not_null, nullable};
use crate::model::ids::{CustomerId, OrgId, ShopId, TicketId};
use crate::model::invalid::check_filter;
use crate::model::money::Money;
use crate::model::time::{self, Time};
use crate::model::workflow::Status;
use crate::openapi::ErrorBody;
use crate::page::{Page, Window};
use crate::search::query::Phone;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, update, erase))
        .routes(routes!(merge))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFilters {
    /// Only customers who have a ticket at this shop.
    shop_id: Option<ShopId>,
    /// Any part of the name; case and accents do not matter.
    #[param(min_length = 1, max_length = 200, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    name: Option<String>,
    /// The phone number, or its last digits (at least three).
    #[param(min_length = 3, max_length = 64, format = "phone-number", example = "555-0123")]
    phone: Option<String>,
    /// Only customers created at or after this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_after: Option<String>,
    /// Only customers created before this time. A date means midnight in UTC.
    #[param(schema_with = time::filter_schema)]
    created_before: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
pub struct CustomerView {
    id: CustomerId,
    /// Grows with each change of the customer, as in `ETag`.
    version: i64,
    name: String,
    /// `null` only if the organization allows customers without one.
    email: Option<String>,
    phone: Option<String>,
    address: Option<String>,
    /// Payments minus refunds. A ticket without any recorded payment counts with its total once it is picked up.
    lifetime_spend: Money,
    total_tickets: i64,
    /// The date of the latest pickup.
    last_repair_date: Option<NaiveDate>,
    created_at: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CustomerDetail)]
pub struct CustomerDetailView {
    #[serde(flatten)]
    customer: CustomerView,
    /// Email addresses of customers who were merged into this one. Tickets created with them belong to this customer.
    other_emails: Vec<String>,
    /// The latest 500 repairs, newest first. `GET /v1/tickets?customer_id=…` lists all.
    repairs: Vec<RepairView>,
}

/// Omitted fields keep their values. `null` clears `phone` and `address`, and is rejected for other fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CustomerChange)]
pub struct UpdateBody {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "John Doe")]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(
        nullable = false,
        max_length = 254,
        pattern = r"^[^\s@\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$",
        example = "john@example.com"
    )]
    email: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 64, example = "555-0123")]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 500, example = "123 Main St, Anytown, NY 12345")]
    address: Option<Option<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CustomerMerge)]
pub struct MergeBody {
    /// The customer to merge into this one and delete.
    from: CustomerId,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Repair)]
struct RepairView {
    ticket_id: TicketId,
    /// The date of the pickup, or of the intake before the pickup.
    date: NaiveDate,
    device: String,
    status: Status,
    cost: Money,
}

/// Lists customers.
#[utoipa::path(
    get, path = "/customers", tag = "Customers", operation_id = "listCustomers", security(("api_key" = ["read"])),
    params(List<CustomerRow, ListFilters>),
    responses((status = 200, description = "A page of customers", body = Page<CustomerView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    List { filter: params, paging, .. }: List<CustomerRow, ListFilters>,
) -> Result<Json<Page<CustomerView>>, ApiError> {
    let filter = ListFilter {
        shop_id: params.shop_id,
        name: check_filter("name", params.name, 200)?,
        phone: check_filter("phone", params.phone, 64)?
            .map(|text| Phone::parse("phone", &text))
            .transpose()?,
        created_after: time::parse_filter("created_after", params.created_after)?,
        created_before: time::parse_filter("created_before", params.created_before)?,
    };
    let window = Window::new(store::listing(&filter), paging, &filter)?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Returns a customer with their repairs.
#[utoipa::path(
    get, path = "/customers/{customer_id}", tag = "Customers", operation_id = "getCustomer", security(("api_key" = ["read"])),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag`s of the responses that the client \
                                                                     has", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    responses(
        (status = 200, description = "The customer", body = CustomerDetailView,
         headers(("ETag" = String, description = "The version and a digest of the response, in quotes"))),
        (status = 304, description = "Nothing of the response has changed since the one in `If-None-Match`"),
    ),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<CustomerId>,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    detail(&app, caller.org, id, &known).await
}

/// Changes a customer's name and contact data.
#[utoipa::path(
    patch, path = "/customers/{customer_id}", tag = "Customers", operation_id = "updateCustomer",
    security(("api_key" = ["write"])),
    params(("If-Match" = Option<String>, Header, description = "Write only if the customer is at one of these versions: \
                                                                `ETag`s, or `*`", nullable = false, min_length = 1,
            pattern = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#)),
    request_body = UpdateBody,
    responses(
        (status = 200, description = "The customer after the change", body = CustomerDetailView,
         headers(("ETag" = String, description = "The new version and a digest of the response, in quotes"))),
        (status = 412, description = "PRECONDITION_FAILED: it is at another version; `details.current_version` says which",
         body = ErrorBody),
    ),
)]
pub async fn update(
    State(app): State<App>,
    caller: Writer,
    PathId(id): PathId<CustomerId>,
    IfMatch(expected): IfMatch,
    Body(body): Body<UpdateBody>,
) -> Result<Response, ApiError> {
    let UpdateBody { name, email, phone, address } = body;
    let change = update::CustomerChange { name, email, phone, address };
    update::update(&app, &caller, id, expected.as_ref(), &change).await?;
    detail(&app, caller.org, id, &IfNoneMatch::default()).await
}

/// Erases a customer's personal data.
///
/// Name, email, phone and address become `erased`, here and in all copies: tickets, notes, events, responses stored for
/// an `Idempotency-Key`, the journal of plugins. In free texts they are found as whole words. Tickets, payments and
/// figures stay. A new ticket with the old email address creates a new customer. Erasing again changes nothing. 409 as
/// long as a ticket of the customer is neither `CLOSED` nor `VOIDED`; `details.tickets` names up to 20 of them.
#[utoipa::path(
    delete, path = "/customers/{customer_id}", tag = "Customers", operation_id = "eraseCustomer",
    security(("api_key" = ["admin"])),
    responses((status = 200, description = "Erased", body = ErasureView)),
)]
pub async fn erase(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<CustomerId>,
) -> Result<Json<ErasureView>, ApiError> {
    Ok(Json(erase::erase(&app, &caller, id).await?))
}

/// Merges another customer into this one.
///
/// Moves the other customer's tickets and email addresses to this one (as its own, if it has none), fills empty fields from the other customer,
/// and then deletes it. Later requests for the deleted customer return 404 with this customer's id in
/// `details.merged_into`.
#[utoipa::path(
    post, path = "/customers/{customer_id}/merge", tag = "Customers", operation_id = "mergeCustomers",
    security(("api_key" = ["admin"])),
    request_body = MergeBody,
    responses((status = 200, description = "The customer after the change", body = CustomerDetailView)),
)]
pub async fn merge(
    State(app): State<App>,
    caller: Admin,
    PathId(id): PathId<CustomerId>,
    Body(body): Body<MergeBody>,
) -> Result<Response, ApiError> {
    merge::merge(&app, &caller, id, body.from).await?;
    detail(&app, caller.org, id, &IfNoneMatch::default()).await
}

async fn detail(
    app: &App,
    org: OrgId,
    id: CustomerId,
    known: &IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut conn = app.db.read().await?;
    let Some(row) = store::get(&mut conn, org, id).await? else {
        return Err(ApiError::customer_not_found(store::merged_into(&mut conn, org, id).await?));
    };
    let other_emails = store::aliases(&mut conn, org, id).await?;
    let repairs = store::repairs(&mut conn, org, id).await?;
    let repairs = repairs.into_iter().map(view_repair).collect();
    let version = row.customer.version;
    let view = CustomerDetailView { customer: view(row), other_emails, repairs };
    etag::respond(known, version, &view)
}

fn view(row: CustomerRow) -> CustomerView {
    let customer = row.customer;
    CustomerView {
        id: customer.id,
        version: customer.version,
        name: customer.name,
        email: customer.email.text().map(str::to_owned),
        phone: customer.phone,
        address: customer.address,
        lifetime_spend: row.lifetime_spend,
        total_tickets: row.total_tickets,
        last_repair_date: row.last_pickup.map(|time| time.date_naive()),
        created_at: customer.created_at,
    }
}

fn view_repair(row: RepairRow) -> RepairView {
    RepairView {
        ticket_id: row.id,
        date: row.picked_up_at.unwrap_or(row.created_at).date_naive(),
        device: row.device_identifier,
        status: row.status,
        cost: row.cost,
    }
}
