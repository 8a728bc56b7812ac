//! `/v1/customers`.

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::Reader;
use crate::customers::store::{self, CustomerRow, ListFilter, RepairRow};
use crate::error::ApiError;
use crate::extract::{Params, PathId};
use crate::model::ids::{CustomerId, ShopId, TicketId};
use crate::model::invalid::Invalid;
use crate::model::money::Money;
use crate::model::time::{self, Time};
use crate::model::workflow::Status;
use crate::page::{Page, Window, order_by};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    shop_id: Option<ShopId>,
    name: Option<String>,
    created_after: Option<String>,
    sort: Option<String>,
    limit: Option<i64>,
    offset: Option<i64>,
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
    let window = Window::new(params.limit, params.offset)?;
    let fields = [("created_at", "c.created_at"), ("name", "c.name")];
    let order = order_by(params.sort.as_deref(), "-created_at", &fields, "c.id")?;
    let created_after = params
        .created_after
        .map(|text| {
            time::parse(&text).map_err(|message| Invalid::new("created_after", text, message))
        })
        .transpose()?;
    let filter = ListFilter { shop_id: params.shop_id, name: params.name, created_after };
    let mut conn = app.db.read().await?;
    let rows = store::list(&mut conn, caller.org, &filter, &order, window).await?;
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
