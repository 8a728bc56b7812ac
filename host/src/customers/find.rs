//! Finds the customer of an email address, or creates one, inside the transaction that creates a ticket. Without an
//! address it is always a new one.
//!
//! Invariant: safe beside merges. A merge locks both customers, and the customer found here stays locked against it
//! until the transaction ends. The address of a merged customer leads to the surviving customer.

use crate::customers::store;
use crate::db::Conn;
use crate::model::ids::{CustomerId, OrgId, ShopId};
use crate::model::outbox::{CustomerCreated, CustomerUpdated, OutboxEvent};
use crate::model::people::Customer;

/// The maximum number of attempts when merges delete the customer found.
const ATTEMPTS_MAX: usize = 8;

pub struct Found {
    pub customer: Customer,
    /// If true, the caller writes the event [`created`].
    pub is_new: bool,
    /// What else the caller writes: a filled field of a customer that exists.
    pub updated: Option<OutboxEvent>,
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
        let Some(email) = wanted.email.text() else {
            return Ok(Found { customer: wanted.clone(), is_new, updated: None });
        };
        let mut found = if is_new {
            // The insert may have waited for a merge that moved this address.
            let Some(survivor) = store::hold_by_alias(conn, org, email).await? else {
                return Ok(Found { customer: wanted.clone(), is_new, updated: None });
            };
            store::delete(conn, org, wanted.id).await?;
            survivor
        } else {
            match store::hold_by_email(conn, org, email).await? {
                Some(customer) => customer,
                None => continue,
            }
        };
        let before = found.clone();
        if let Some(phone) = &wanted.phone
            && found.phone.is_none()
        {
            store::fill_phone(conn, org, found.id, phone).await?;
            found.phone = Some(phone.clone());
            found.version += 1;
        }
        let updated = CustomerUpdated::of(&before, &found);
        return Ok(Found { customer: found, is_new: false, updated });
    }
    Err(sqlx::Error::RowNotFound)
}

/// The customer of an email address, also of one that came with a merge.
pub async fn by_any_email(
    conn: &mut Conn,
    org: OrgId,
    email: &str,
) -> Result<Option<CustomerId>, sqlx::Error> {
    let found = match store::find_by_email(conn, org, email).await? {
        Some(found) => Some(found),
        None => store::find_by_alias(conn, org, email).await?,
    };
    Ok(found.map(|customer| customer.id))
}

pub fn created(customer: &Customer, shop: ShopId) -> OutboxEvent {
    OutboxEvent::CustomerCreated(CustomerCreated {
        customer_id: customer.id,
        name: customer.name.clone(),
        email: customer.email.text().map(str::to_owned),
        shop_id: shop,
    })
}
