//! The JSON of payments.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::ids::{PaymentId, TicketId};
use crate::model::money::{Balance, Money};
use crate::model::payment::{Kind, Method, Payment, Recorded};
use crate::model::time::Time;
use crate::respond::Created;

#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentView {
    id: PaymentId,
    ticket_id: TicketId,
    kind: Kind,
    /// The amount; positive for payments and refunds.
    amount: Money,
    method: Method,
    reference: Option<String>,
    /// The name of the person who handled it.
    actor: String,
    /// When the money moved.
    paid_at: Time,
    /// When it was recorded.
    created_at: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PaymentRecorded)]
pub struct RecordedView {
    #[serde(flatten)]
    payment: PaymentView,
    /// The ticket's payments minus its refunds.
    amount_paid: Money,
    /// The amount still due for the ticket; negative if more was paid than its cost so far.
    balance_due: Balance,
}

pub fn recorded(recorded: Recorded) -> Created<RecordedView> {
    let payment = recorded.payment;
    Created {
        location: format!("/v1/tickets/{}/payments/{}", payment.ticket_id, payment.id),
        body: RecordedView {
            payment: view(payment),
            amount_paid: recorded.amount_paid,
            balance_due: recorded.balance_due,
        },
    }
}

pub fn view(payment: Payment) -> PaymentView {
    PaymentView {
        id: payment.id,
        ticket_id: payment.ticket_id,
        kind: payment.kind,
        amount: payment.amount,
        method: payment.method,
        reference: payment.reference,
        actor: payment.actor,
        paid_at: payment.paid_at,
        created_at: payment.created_at,
    }
}
