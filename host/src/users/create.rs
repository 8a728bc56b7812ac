//! Creates a user.

use crate::clock::Clock;
use crate::db::Db;
use crate::model::bound::{Bound, LimitReached};
use crate::model::ids::OrgId;
use crate::model::invalid::{Invalid, check_email, check_name, check_text};
use crate::model::money::Money;
use crate::model::people::User;
use crate::organizations;
use crate::users::store;

pub struct NewUser {
    pub name: String,
    pub email: String,
    /// The shop's own name for it, for example `technician`.
    pub role: String,
    /// What an hour of this person costs the shop.
    pub hourly_cost: Option<Money>,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("Another user already has the email {email}")]
    Duplicate { email: String },
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// `maximum` is the bound on the organization's users.
pub async fn create(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    new: NewUser,
    maximum: i64,
) -> Result<User, CreateUserError> {
    let user = User {
        id: clock.new_id(),
        name: check_name("name", &new.name, 200)?,
        email: check_email("email", &new.email)?,
        role: check_text("role", &new.role, 64)?,
        hourly_cost: new.hourly_cost,
        created_at: clock.now(),
    };
    let mut tx = db.begin().await?;
    organizations::store::lock(&mut tx, org).await?;
    Bound::Users.check(store::count(&mut tx, org).await?, 1, maximum)?;
    if !store::insert(&mut tx, org, &user).await? {
        return Err(CreateUserError::Duplicate { email: user.email });
    }
    tx.commit().await?;
    Ok(user)
}
