//! Finds the customer of an email address, or creates one, inside the transaction that creates a ticket.
//!
//! Invariant: safe beside merges. A merge locks both customers, and the customer found here stays locked against it until
//! the transaction ends. An address whose customer was merged away leads to the surviving customer.

use crate::clock::Clock;
use crate::customers::store;
use crate::db::Conn;
use crate::model::ids::{OrgId, ShopId};
use crate::model::outbox::{CustomerCreated, OutboxEvent};
use crate::model::people::Customer;
use crate::webhooks;

/// Attempts, when a merge removes the customer that was found.
const TRIES_MAX: usize = 8;

/// `wanted` is the customer to create. Fills empty fields of an existing customer and overwrites nothing.
pub async fn find_or_make(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    wanted: &Customer,
    shop: ShopId,
) -> Result<Customer, sqlx::Error> {
    for _ in 0..TRIES_MAX {
        let is_new = store::insert(conn, org, wanted).await?;
        let found = if is_new {
            // The insert may have waited for a merge that moved this address to another customer.
            let Some(survivor) = store::hold_by_alias(conn, org, &wanted.email).await? else {
                write_event(conn, clock, org, wanted, shop).await?;
                return Ok(wanted.clone());
            };
            store::delete(conn, org, wanted.id).await?;
            survivor
        } else {
            match store::hold_by_email(conn, org, &wanted.email).await? {
                Some(customer) => customer,
                None => continue,
            }
        };
        if let Some(phone) = &wanted.phone
            && found.phone.is_none()
        {
            store::fill_phone(conn, org, found.id, phone).await?;
        }
        return Ok(found);
    }
    Err(sqlx::Error::RowNotFound)
}

async fn write_event(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    customer: &Customer,
    shop: ShopId,
) -> Result<(), sqlx::Error> {
    let event = OutboxEvent::CustomerCreated(CustomerCreated {
        customer_id: customer.id,
        name: customer.name.clone(),
        email: customer.email.clone(),
        shop_id: shop,
    });
    webhooks::store::enqueue(conn, org, clock.new_id(), &event, customer.created_at).await
}
