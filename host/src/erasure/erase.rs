//! Erases a customer's personal data.
//!
//! Invariant: the decision, what to look for and the event are one transaction with the customer's own row; the copies
//! follow in short ones. What is left of them, after a crash or in requests that were in progress, is done by the job
//! in [`due`](super::due).

use std::time::Duration;

use sqlx::types::Json;

use super::collect::{self, Subject};
use super::pass::{self, Counts, PassError};
use super::pieces::Pieces;
use super::store::{self, Erasure, OpenTicket};
use super::views::{ErasureView, view};
use crate::app::App;
use crate::auth::Caller;
use crate::idempotency::{self, Noted};
use crate::model::ids::CustomerId;
use crate::model::outbox::{CustomerErased, OutboxEvent};
use crate::{customers, tickets, webhooks};

/// When the copies are gone through again: what a request, a delivery or the journal's queue still held at the erasure
/// is written by then.
pub const SECOND_PASS_AFTER: Duration = Duration::from_secs(90);

/// Tickets that an error names.
const OPEN_MAX: i64 = 20;

#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error("customer not found")]
    NotFound { merged_into: Option<CustomerId> },
    #[error(
        "The customer has tickets in progress ({count}): close or void them before the customer is erased"
    )]
    OpenTickets { tickets: Vec<OpenTicket>, count: i64 },
    #[error(transparent)]
    Pass(#[from] PassError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Erasing again changes nothing, except that an erasure that is not finished is continued.
pub async fn erase(app: &App, caller: &Caller, id: CustomerId) -> Result<ErasureView, EraseError> {
    let org = caller.org;
    let mut conn = app.db.read().await?;
    if customers::store::get_plain(&mut conn, org, id).await?.is_none() {
        let merged_into = customers::store::merged_into(&mut conn, org, id).await?;
        return Err(EraseError::NotFound { merged_into });
    }
    let begun = store::find(&mut conn, org, id).await?;
    let subject = Subject::read(&mut conn, org, id).await?;
    drop(conn);
    let (erasure, mut counts) = match begun {
        Some(erasure) => (erasure, Counts::new()),
        None => {
            let pieces = collect::earlier(app, &subject).await?;
            let erasure = decide(app, caller, id, pieces).await?;
            (erasure, Counts::from([("customers".to_owned(), 1)]))
        }
    };
    if erasure.finished_at.is_none() {
        counts.extend(pass::run(app, &erasure).await?);
    }
    Ok(view(&erasure, counts))
}

async fn decide(
    app: &App,
    caller: &Caller,
    id: CustomerId,
    mut pieces: Pieces,
) -> Result<Erasure, EraseError> {
    let (org, now) = (caller.org, app.clock.now());
    let mut tx = app.db.begin().await?;
    // Waits for a request that creates a ticket of this customer.
    let Some(customer) = customers::store::lock(&mut tx, org, id).await? else {
        let merged_into = customers::store::merged_into(&mut tx, org, id).await?;
        return Err(EraseError::NotFound { merged_into });
    };
    if let Some(erasure) = store::find(&mut tx, org, id).await? {
        return Ok(erasure);
    }
    let (open, count) = store::open_tickets(&mut tx, org, id, OPEN_MAX).await?;
    if count > 0 {
        return Err(EraseError::OpenTickets { tickets: open, count });
    }
    pieces.extend(Pieces::of(&customer));
    collect::related(&mut tx, org, id, &mut pieces).await?;
    let erasure = Erasure {
        org_id: org,
        customer_id: id,
        requested_at: now,
        pieces: Some(Json(pieces)),
        finished_at: None,
    };
    store::insert(&mut tx, &erasure, &caller.actor.name, now + SECOND_PASS_AFTER).await?;
    customers::store::erase(&mut tx, org, id).await?;
    tickets::store::touch_of_customer(&mut tx, org, id).await?;
    let event = OutboxEvent::CustomerErased(CustomerErased { customer_id: id, shop_id: None });
    webhooks::store::enqueue(&mut tx, org, app.clock.new_id(), &event, now).await?;
    idempotency::note(|| Noted::ok(&view(&erasure, Counts::new())));
    tx.commit().await?;
    Ok(erasure)
}
