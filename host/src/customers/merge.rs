//! Merges two customers: moves the second one's tickets and email addresses to the first, fills the first one's empty
//! fields, and deletes the second.
//!
//! Invariant: the deleted customer's id still leads to the surviving one.

use crate::app::App;
use crate::auth::Caller;
use crate::customers::store;
use crate::db::Conn;
use crate::model::ids::{CustomerId, OrgId};
use crate::model::invalid::Invalid;
use crate::model::outbox::{CustomerMerged, OutboxEvent, TicketUpdated};
use crate::model::people::Customer;
use crate::model::ticket::number_text;
use crate::tickets::store::MovedTicket;
use crate::{tickets, webhooks};

#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("customer not found")]
    NotFound { merged_into: Option<CustomerId> },
    /// The customer was merged already.
    #[error("from was merged into {merged_into} already")]
    MergedAlready { from: CustomerId, merged_into: CustomerId },
    #[error("The personal data of customer {id} was erased; the customer cannot be merged")]
    Erased { id: CustomerId },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn merge(
    app: &App,
    caller: &Caller,
    id: CustomerId,
    from: CustomerId,
) -> Result<(), MergeError> {
    if id == from {
        return Err(Invalid::new("from", from, "from must be another customer").into());
    }
    let (org, now) = (caller.org, app.clock.now());
    let mut tx = app.db.begin().await?;
    let (survivor, merged) = lock_both(&mut tx, org, id, from).await?;
    for customer in [&survivor, &merged] {
        if customer.is_erased() {
            return Err(MergeError::Erased { id: customer.id });
        }
    }
    let adopts_email = survivor.email.text().is_none();
    let filled = Customer {
        email: if adopts_email { merged.email.clone() } else { survivor.email.clone() },
        phone: survivor.phone.clone().or(merged.phone.clone()),
        address: survivor.address.clone().or(merged.address.clone()),
        ..survivor.clone()
    };
    if (&filled.email, &filled.phone) != (&survivor.email, &survivor.phone) {
        // Before the other's tickets are moved, which changes their versions once.
        tickets::store::touch_of_customer(&mut tx, org, id).await?;
    }
    let mut moved = tickets::store::move_customer(&mut tx, org, from, id, now).await?;
    moved.sort_by_key(|ticket| ticket.number);
    let event_of = |ticket: MovedTicket| {
        let event = OutboxEvent::TicketUpdated(TicketUpdated {
            ticket_id: ticket.id,
            ticket_number: number_text(ticket.number),
            shop_id: ticket.shop_id,
            customer_id: Some(id),
            changed: vec!["customer_id".to_owned()],
            version: ticket.version,
        });
        (app.clock.new_id(), event)
    };
    let mut events: Vec<_> = moved.into_iter().map(event_of).collect();
    let merged_event = OutboxEvent::CustomerMerged(CustomerMerged {
        customer_id: id,
        merged_customer_id: from,
        shop_id: None,
        version: filled.version + 1,
    });
    events.push((app.clock.new_id(), merged_event));
    webhooks::store::enqueue_all(&mut tx, org, &events, now).await?;
    store::move_aliases(&mut tx, org, from, id).await?;
    if let Some(email) = merged.email.text().filter(|_| !adopts_email) {
        store::insert_alias(&mut tx, org, email, id).await?;
    }
    store::remember_merge(&mut tx, org, from, id, &caller.actor.name, now).await?;
    // After all else, because nothing may refer to the customer when it is deleted.
    store::delete(&mut tx, org, from).await?;
    // After that, because an email address is one customer's.
    store::update(&mut tx, org, &filled).await?;
    tx.commit().await?;
    Ok(())
}

/// Locks in the order of the ids, so that two merges cannot deadlock.
async fn lock_both(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
    from: CustomerId,
) -> Result<(Customer, Customer), MergeError> {
    let first = store::lock(conn, org, id.min(from)).await?;
    let second = store::lock(conn, org, id.max(from)).await?;
    let (survivor, merged) = if id < from { (first, second) } else { (second, first) };
    let Some(survivor) = survivor else {
        let merged_into = store::merged_into(conn, org, id).await?;
        return Err(MergeError::NotFound { merged_into });
    };
    match merged {
        Some(merged) => Ok((survivor, merged)),
        None => Err(match store::merged_into(conn, org, from).await? {
            Some(merged_into) => MergeError::MergedAlready { from, merged_into },
            None => {
                Invalid::new("from", from, "from is not a customer of this organization").into()
            }
        }),
    }
}
