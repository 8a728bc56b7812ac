//! Changes a customer's name and contact data.
//!
//! Invariant: the versions of the customer's tickets change too, because tickets show the customer.

use crate::app::App;
use crate::auth::Caller;
use crate::customers::store;
use crate::db::Conn;
use crate::model::ids::{CustomerId, OrgId};
use crate::model::invalid::{Invalid, check_email, check_name, check_optional};
use crate::model::outbox::CustomerUpdated;
use crate::model::people::{Customer, CustomerEmail};
use crate::model::version::Expected;
use crate::{tickets, webhooks};

pub const NAME_MAX: usize = 200;
pub const PHONE_MAX: usize = 64;
pub const ADDRESS_MAX: usize = 500;

/// The new values; `None` keeps a field, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct CustomerChange {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<Option<String>>,
    pub address: Option<Option<String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum UpdateCustomerError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("customer not found")]
    NotFound { merged_into: Option<CustomerId> },
    /// The customer's version is none of those in `If-Match`.
    #[error(
        "The customer is at version {current}, which is not in If-Match; read it again before you change it"
    )]
    OtherVersion { current: i64 },
    #[error("The customer's personal data was erased; the customer cannot be changed")]
    Erased,
    #[error("Another customer already has the email {email}")]
    EmailTaken { email: String, customer_id: CustomerId },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn update(
    app: &App,
    caller: &Caller,
    id: CustomerId,
    expected: Option<&Expected>,
    change: &CustomerChange,
) -> Result<(), UpdateCustomerError> {
    let change = check(change)?;
    let org = caller.org;
    let mut tx = app.db.begin().await?;
    let Some(before) = store::lock(&mut tx, org, id).await? else {
        let merged_into = store::merged_into(&mut tx, org, id).await?;
        return Err(UpdateCustomerError::NotFound { merged_into });
    };
    if expected.is_some_and(|expected| !expected.allows(before.version)) {
        return Err(UpdateCustomerError::OtherVersion { current: before.version });
    }
    if before.is_erased() {
        return Err(UpdateCustomerError::Erased);
    }
    let after = Customer {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        email: change.email.map_or_else(|| before.email.clone(), CustomerEmail::from),
        phone: change.phone.unwrap_or_else(|| before.phone.clone()),
        address: change.address.unwrap_or_else(|| before.address.clone()),
        ..before.clone()
    };
    if after == before {
        return Ok(());
    }
    if after.email.key(id) != before.email.key(id) {
        free_email(&mut tx, org, id, &after.email).await?;
    }
    match store::update(&mut tx, org, &after).await {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            // Another customer took the address concurrently.
            drop(tx);
            let mut conn = app.db.read().await?;
            let email = after.email.text().unwrap_or_default();
            let other = store::find_by_email(&mut conn, org, email).await?;
            return Err(match other {
                Some(other) => taken(email.to_owned(), other.id),
                None => sqlx::Error::Database(error).into(),
            });
        }
        done => done?,
    }
    // Checked again: the update may have waited for a merge that moved the address.
    free_email(&mut tx, org, id, &after.email).await?;
    if (&after.name, &after.email, &after.phone) != (&before.name, &before.email, &before.phone) {
        tickets::store::touch_of_customer(&mut tx, org, id).await?;
    }
    if let Some(event) = CustomerUpdated::of(&before, &after) {
        let now = app.clock.now();
        webhooks::store::enqueue(&mut tx, org, app.clock.new_id(), &event, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn taken(email: String, customer_id: CustomerId) -> UpdateCustomerError {
    UpdateCustomerError::EmailTaken { email, customer_id }
}

/// Checks that no other customer has the address as an alias, and removes it from the customer's own aliases.
async fn free_email(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
    email: &CustomerEmail,
) -> Result<(), UpdateCustomerError> {
    let Some(email) = email.text() else { return Ok(()) };
    let found = match store::find_by_email(conn, org, email).await? {
        Some(customer) if customer.id != id => Some(customer),
        _ => store::hold_by_alias(conn, org, email).await?,
    };
    match found {
        Some(other) if other.id != id => Err(taken(email.to_owned(), other.id)),
        Some(_) => Ok(store::delete_alias(conn, org, email).await?),
        None => Ok(()),
    }
}

fn check(change: &CustomerChange) -> Result<CustomerChange, Invalid> {
    let optional = |field: &str, text: &Option<Option<String>>, max| {
        text.as_ref().map(|text| check_optional(field, text.as_deref(), max)).transpose()
    };
    let name = change.name.as_deref().map(|name| check_name("name", name, NAME_MAX));
    let email = change.email.as_deref().map(|email| check_email("email", email));
    Ok(CustomerChange {
        name: name.transpose()?,
        email: email.transpose()?,
        phone: optional("phone", &change.phone, PHONE_MAX)?,
        address: optional("address", &change.address, ADDRESS_MAX)?,
    })
}
