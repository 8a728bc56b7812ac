//! Finds the customer of an email address, or creates one, inside the transaction that creates a ticket.
//!
//! Invariant: safe beside merges. A merge locks both customers, and the customer found here stays locked against it
//! until the transaction ends. The address of a merged customer leads to the surviving customer.

use crate::customers::store;
use crate::db::Conn;
use crate::model::ids::{OrgId, ShopId};
use crate::model::outbox::{CustomerCreated, OutboxEvent};
use crate::model::people::Customer;

/// The maximum number of attempts when merges delete the customer found.
const ATTEMPTS_MAX: usize = 8;

pub struct Found {
    pub customer: Customer,
    /// If true, the caller writes the event [`created`].
    pub is_new: bool,
}

/// `wanted` is the customer as it would be created. The empty fields of an existing customer are filled; nothing is
/// overwritten.
pub async fn find_or_create(
    conn: &mut Conn,
    org: OrgId,
    wanted: &Customer,
) -> Result<Found, sqlx::Error> {
    for _ in 0..ATTEMPTS_MAX {
        let is_new = store::insert(conn, org, wanted).await?;
        let mut found = if is_new {
            // The insert may have waited for a merge that moved this address.
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

pub fn created(customer: &Customer, shop: ShopId) -> OutboxEvent {
    OutboxEvent::CustomerCreated(CustomerCreated {
        customer_id: customer.id,
        name: customer.name.clone(),
        email: customer.email.clone(),
        shop_id: shop,
    })
}
