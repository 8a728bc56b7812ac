//! `/v1/customers`.

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::openapi::Schema;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::Reader;
use crate::customers::store::{self, CustomerRow, ListFilter, RepairRow};
use crate::error::ApiError;
use crate::extract::{Params, PathId};
use crate::model::ids::{CustomerId, ShopId, TicketId};
use crate::model::invalid::check_filter;
use crate::model::money::Money;
use crate::model::time::{self, Time};
use crate::model::workflow::Status;
use crate::page::{Page, Paging, Window};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Those who have a ticket there.
    shop_id: Option<ShopId>,
    /// Any part of the name, whatever the case.
    #[param(min_length = 1, max_length = 200, pattern = r"[^\s\x00-\x1f\x7f-\x9f]")]
    name: Option<String>,
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

#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
pub struct CustomerView {
    id: CustomerId,
    name: String,
    email: String,
    phone: Option<String>,
    address: Option<String>,
    lifetime_spend: Money,
    total_tickets: i64,
    last_repair_date: Option<NaiveDate>,
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CustomerDetail)]
pub struct CustomerDetailView {
    #[serde(flatten)]
    customer: CustomerView,
    repairs: Vec<RepairView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Repair)]
struct RepairView {
    ticket_id: TicketId,
    date: NaiveDate,
    device: String,
    status: Status,
    cost: Money,
}

/// Lists customers.
#[utoipa::path(
    get, path = "/customers", tag = "Customers", operation_id = "listCustomers", security(("api_key" = ["read"])),
    params(ListParams),
    responses((status = 200, description = "A page of customers", body = Page<CustomerView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<CustomerView>>, ApiError> {
    let filter = ListFilter {
        shop_id: params.shop_id,
        name: check_filter("name", params.name, 200)?,
        created_after: time::parse_filter("created_after", params.created_after)?,
        created_before: time::parse_filter("created_before", params.created_before)?,
    };
    let (limit, offset, cursor) = (params.limit, params.offset, params.cursor);
    let paging = Paging { limit, offset, cursor, sort: params.sort };
    let window = Window::new(store::listing(&filter), paging, &filter)?;
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// A customer with their repairs.
#[utoipa::path(
    get, path = "/customers/{customer_id}", tag = "Customers", operation_id = "getCustomer", security(("api_key" = ["read"])),
    responses((status = 200, description = "The customer", body = CustomerDetailView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathId(id): PathId<CustomerId>,
) -> Result<Json<CustomerDetailView>, ApiError> {
    let mut conn = app.db.read().await?;
    let row = store::get(&mut conn, caller.org, id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("Customer"))?;
    let repairs = store::repairs(&mut conn, caller.org, id).await?;
    let repairs = repairs.into_iter().map(view_repair).collect();
    Ok(Json(CustomerDetailView { customer: view(row), repairs }))
}

fn sort_schema() -> Schema {
    store::LISTING.sort_schema()
}

fn view(row: CustomerRow) -> CustomerView {
    let customer = row.customer;
    CustomerView {
        id: customer.id,
        name: customer.name,
        email: customer.email,
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
