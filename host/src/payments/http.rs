//! `/v1/tickets/{ticket_id}/payments`: records and lists payments and refunds.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Reader, Writer};
use crate::error::ApiError;
use crate::extract::{Body, List, PathId, PathIds, not_null};
use crate::model::ids::{PaymentId, TicketId, UserId};
use crate::model::money::Money;
use crate::model::payment::{Kind, Method, Payment};
use crate::model::time;
use crate::page::Page;
use crate::payments::record::{self, NewPayment};
use crate::payments::store;
use crate::payments::views::{PaymentView, RecordedView, recorded, view};
use crate::respond::Created;
use crate::tickets;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPayment)]
pub struct CreateBody {
    /// Defaults to `payment`; `refund` pays money back.
    #[serde(default)]
    kind: Kind,
    /// The amount; positive for payments and refunds.
    #[schema(value_type = f64, minimum = 0.01, maximum = 10000000000.0, example = 100.0)]
    amount: Money,
    method: Method,
    /// The reference of the payment terminal or the bank.
    #[schema(max_length = 200)]
    reference: Option<String>,
    /// When the money moved. A date means midnight in UTC. Defaults to now.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(schema_with = time::filter_schema, required = false)]
    paid_at: Option<String>,
    /// The user who handled the payment. Defaults to the API key's user, or else the key itself.
    actor_id: Option<UserId>,
}

/// Records a payment or a refund.
///
/// A payment may exceed the amount due, for example a deposit taken before the total is known. The excess is a credit
/// of the customer (`balance_due` is then negative) and can be refunded. Refunds cannot exceed what was paid. A
/// voided ticket accepts refunds only.
#[utoipa::path(
    post, path = "/tickets/{ticket_id}/payments", tag = "Payments", operation_id = "createPayment",
    security(("api_key" = ["write"])),
    request_body = CreateBody,
    responses(
        (status = 201, description = "Recorded", body = RecordedView),
        (status = 409, description = "CONFLICT: the ticket is voided, or the refund is more than what was paid", body = crate::openapi::ErrorBody),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Writer,
    PathId(ticket): PathId<TicketId>,
    Body(body): Body<CreateBody>,
) -> Result<Created<RecordedView>, ApiError> {
    let new = NewPayment {
        kind: body.kind,
        amount: body.amount,
        method: body.method,
        reference: body.reference,
        paid_at: time::parse_filter("paid_at", body.paid_at)?,
        actor_id: body.actor_id,
    };
    Ok(recorded(record::record(&app, &caller, ticket, new).await?))
}

/// Lists the payments and refunds of a ticket, newest first.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}/payments", tag = "Payments", operation_id = "listPayments",
    security(("api_key" = ["read"])),
    params(List<Payment>),
    responses((status = 200, description = "A page of payments", body = Page<PaymentView>)),
)]
pub async fn list(
    State(app): State<App>,
    caller: Reader,
    PathId(ticket): PathId<TicketId>,
    list: List<Payment>,
) -> Result<Json<Page<PaymentView>>, ApiError> {
    let window = list.window(&ticket)?;
    let mut conn = app.db.read().await?;
    if tickets::store::get(&mut conn, caller.org, ticket).await?.is_none() {
        return Err(ApiError::not_found("Ticket"));
    }
    let rows = store::list(&mut conn, caller.org, ticket, &window).await?;
    Ok(Json(window.page(rows, view)))
}

/// Returns a payment or refund.
#[utoipa::path(
    get, path = "/tickets/{ticket_id}/payments/{payment_id}", tag = "Payments", operation_id = "getPayment",
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The payment", body = PaymentView)),
)]
pub async fn show(
    State(app): State<App>,
    caller: Reader,
    PathIds(ticket, id): PathIds<TicketId, PaymentId>,
) -> Result<Json<PaymentView>, ApiError> {
    let mut conn = app.db.read().await?;
    let payment = store::get(&mut conn, caller.org, ticket, id).await?;
    payment.map(view).map(Json).ok_or_else(|| ApiError::not_found("Payment"))
}
