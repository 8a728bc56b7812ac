//! Finds the customer of an email address, or makes one: for a ticket, inside its transaction.
//!
//! Safe beside merges: a merge locks both customers, and what is found here is locked against it until the ticket is
//! there. An address whose customer was merged away leads to the survivor.

use serde_json::json;

use crate::clock::Clock;
use crate::customers::store;
use crate::db::Conn;
use crate::model::ids::{OrgId, ShopId};
use crate::model::people::Customer;
use crate::webhooks;

/// How often it is tried again when a merge takes away what was found.
const TRIES_MAX: usize = 8;

/// `wanted` is the customer as it would be made; of one that is there empty fields are filled, nothing is overwritten.
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
            // The insertion may have waited for a merge that took this address away.
            let Some(survivor) = store::hold_by_alias(conn, org, &wanted.email).await? else {
                tell(conn, clock, org, wanted, shop).await?;
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

async fn tell(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    customer: &Customer,
    shop: ShopId,
) -> Result<(), sqlx::Error> {
    let data = json!({
        "customer_id": customer.id,
        "name": customer.name,
        "email": customer.email,
        "shop_id": shop,
    });
    let id = clock.new_id();
    webhooks::store::enqueue(conn, org, id, "customer.created", &data, customer.created_at).await
}
