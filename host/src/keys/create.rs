//! Creates an API key.

use crate::clock::Clock;
use crate::db::{Conn, Db};
use crate::idempotency;
use crate::keys::{generate, hint, key_hash, store, views};
use crate::model::ids::{OrgId, UserId};
use crate::model::invalid::{Invalid, check_text};
use crate::model::key::{ApiKey, MadeKey};
use crate::model::people::Scope;
use crate::model::time::Time;
use crate::users;

pub struct NewKey {
    pub name: String,
    pub scope: Scope,
    pub user_id: Option<UserId>,
    pub expires_at: Option<Time>,
}

impl NewKey {
    pub fn new(name: &str, scope: Scope) -> NewKey {
        NewKey { name: name.to_owned(), scope, user_id: None, expires_at: None }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("no randomness")]
    Randomness(#[source] anyhow::Error),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn create(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    new: NewKey,
) -> Result<MadeKey, CreateKeyError> {
    let new = NewKey { name: check_text("name", &new.name, 200)?, ..new };
    check_expiry(new.expires_at, clock.now())?;
    let mut tx = db.begin().await?;
    if let Some(user) = new.user_id
        && users::store::get(&mut tx, org, user).await?.is_none()
    {
        return Err(
            Invalid::new("user_id", user, "user_id is not a user of this organization").into()
        );
    }
    let made = make(&mut tx, clock, org, new).await?;
    idempotency::note(|| views::made_view(made.clone(), clock.now()).into());
    tx.commit().await?;
    Ok(made)
}

/// Shared with rotation. The arguments are already validated.
pub(super) async fn make(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    new: NewKey,
) -> Result<MadeKey, CreateKeyError> {
    let text = generate().map_err(CreateKeyError::Randomness)?;
    let key = ApiKey {
        id: clock.new_id(),
        name: new.name,
        scope: new.scope,
        user_id: new.user_id,
        hint: Some(hint(&text).to_owned()),
        created_at: clock.now(),
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    store::insert(conn, org, &key, &key_hash(&text)).await?;
    Ok(MadeKey { key, text })
}

pub(super) fn check_expiry(expires_at: Option<Time>, now: Time) -> Result<(), Invalid> {
    match expires_at {
        Some(end) if end <= now => {
            Err(Invalid::new("expires_at", end, "expires_at must be in the future"))
        }
        _ => Ok(()),
    }
}
