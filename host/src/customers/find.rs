//! Finds the customer of an email address, or creates one, inside the transaction that creates a ticket.
//!
//! Invariant: safe beside merges. A merge locks both customers, and the customer found here stays locked against it until
//! the transaction ends. An address whose customer was merged away leads to the surviving customer.

use crate::customers::store;
use crate::db::Conn;
use crate::model::ids::{OrgId, ShopId};
use crate::model::outbox::{CustomerCreated, OutboxEvent};
use crate::model::people::Customer;

/// Attempts when a merge takes away what was found.
const ATTEMPTS_MAX: usize = 8;

pub struct Found {
    pub customer: Customer,
    /// If so, the caller writes the event [`created`].
    pub is_new: bool,
}

/// `wanted` is the customer as it would be created; of an existing one, empty fields are filled and nothing is
/// overwritten.
pub async fn find_or_create(
    conn: &mut Conn,
    org: OrgId,
    wanted: &Customer,
) -> Result<Found, sqlx::Error> {
    for _ in 0..ATTEMPTS_MAX {
        let is_new = store::insert(conn, org, wanted).await?;
        let mut found = if is_new {
            // The insertion may have waited for a merge that took this address away.
            let Some(survivor) = store::hold_by_alias(conn, org, &wanted.email).await? else {
                return Ok(Found { customer: wanted.clone(), is_new });
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
            found.phone = Some(phone.clone());
        }
        return Ok(Found { customer: found, is_new: false });
    }
    Err(sqlx::Error::RowNotFound)
}

/// The event `customer.created`.
pub fn created(customer: &Customer, shop: ShopId) -> OutboxEvent {
    OutboxEvent::CustomerCreated(CustomerCreated {
        customer_id: customer.id,
        name: customer.name.clone(),
        email: customer.email.clone(),
        shop_id: shop,
    })
}
