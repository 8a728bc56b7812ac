//! Records a payment or a refund of a ticket.
//!
//! Invariant: the row, the ticket's paid amount, the timeline entry and the event commit together, and concurrent
//! writers wait for each other, so that refunds cannot exceed what was paid.

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::model::ids::{OrgId, TicketId, UserId};
use crate::model::invalid::{Invalid, check_optional};
use crate::model::money::Money;
use crate::model::outbox::PaymentProcessed;
use crate::model::payment::{Kind, Method, Payment, Recorded};
use crate::model::ticket::{Part, Ticket, Visibility};
use crate::model::time::Time;
use crate::model::workflow::VOIDED;
use crate::payments::{store, views};
use crate::tickets::store::NewEvent;
use crate::{idempotency, tickets, users, webhooks};

pub struct NewPayment {
    pub kind: Kind,
    pub amount: Money,
    pub method: Method,
    pub reference: Option<String>,
    /// Defaults to now.
    pub paid_at: Option<Time>,
    /// The user who handled it; defaults to the caller.
    pub actor_id: Option<UserId>,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("ticket not found")]
    NotFound,
    #[error("The ticket is voided: only refunds can be recorded")]
    Voided,
    #[error("A refund of {amount} is more than the {refundable} that were paid")]
    ExceedsPaid { amount: Money, refundable: Money },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn record(
    app: &App,
    caller: &Caller,
    id: TicketId,
    new: NewPayment,
) -> Result<Recorded, RecordError> {
    if new.amount <= Money(0) {
        let message = "amount must be more than 0; send kind refund to pay money back";
        return Err(Invalid::new("amount", new.amount, message).into());
    }
    let reference = check_optional("reference", new.reference.as_deref(), 200)?;
    let (org, now) = (caller.org, app.clock.now());
    let mut tx = app.db.begin().await?;
    let actor = users::actor::find(&mut tx, caller, new.actor_id).await??;
    let change = match new.kind {
        Kind::Payment => new.amount,
        Kind::Refund => Money(-new.amount.0),
    };
    if !tickets::store::add_paid(&mut tx, org, id, change, VOIDED, now).await? {
        return Err(refused(&mut tx, org, id, &new).await?);
    }
    let ticket = tickets::store::get(&mut tx, org, id).await?.ok_or(RecordError::NotFound)?;
    let parts = tickets::store::parts(&mut tx, org, id).await?;
    let total = ticket.labor_total() + parts.iter().map(Part::total).sum();
    let amount_paid = ticket.amount_paid.unwrap_or_default();
    let payment = Payment {
        id: app.clock.new_id(),
        ticket_id: id,
        kind: new.kind,
        amount: new.amount,
        method: new.method,
        reference,
        actor: actor.name,
        paid_at: new.paid_at.unwrap_or(now),
        created_at: now,
    };
    let recorded = Recorded { payment, amount_paid, balance_due: total - amount_paid };
    store::insert(&mut tx, org, &recorded.payment).await?;
    write_entries(app, &mut tx, org, &ticket, &recorded).await?;
    idempotency::note(|| views::recorded(recorded.clone()).into());
    tx.commit().await?;
    Ok(recorded)
}

/// Finds out why the ticket did not accept it.
async fn refused(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
    new: &NewPayment,
) -> Result<RecordError, sqlx::Error> {
    let Some(ticket) = tickets::store::get(conn, org, id).await? else {
        return Ok(RecordError::NotFound);
    };
    Ok(match new.kind {
        Kind::Payment => RecordError::Voided,
        Kind::Refund => RecordError::ExceedsPaid {
            amount: new.amount,
            refundable: ticket.amount_paid.unwrap_or_default(),
        },
    })
}

async fn write_entries(
    app: &App,
    conn: &mut Conn,
    org: OrgId,
    ticket: &Ticket,
    recorded: &Recorded,
) -> Result<(), sqlx::Error> {
    let payment = &recorded.payment;
    let (kind, what) = match payment.kind {
        Kind::Payment => ("payment", "Payment"),
        Kind::Refund => ("refund", "Refund"),
    };
    let reference = payment.reference.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
    let words = format!("{what} of {} by {}{reference}", payment.amount, payment.method.words());
    let entry = NewEvent {
        id: app.clock.new_id(),
        kind,
        status: &ticket.status,
        from_status: None,
        actor: &payment.actor,
        notes: Some(&words),
        visibility: Visibility::Customer,
        created_at: payment.created_at,
    };
    tickets::store::add_event(conn, org, ticket.id, &entry).await?;
    let event = PaymentProcessed::of(ticket, recorded);
    webhooks::store::enqueue(conn, org, app.clock.new_id(), &event, payment.created_at).await
}
