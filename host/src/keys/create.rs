//! Creates an API key.

use crate::clock::Clock;
use crate::db::{Conn, Db};
use crate::idempotency;
use crate::keys::{generate, hint, key_hash, store, views};
use crate::model::bound::{Bound, LimitReached};
use crate::model::ids::{OrgId, UserId};
use crate::model::invalid::{Invalid, check_text};
use crate::model::key::{ApiKey, MadeKey, Rights};
use crate::model::people::Scope;
use crate::model::time::Time;
use crate::{organizations, users};

pub struct NewKey {
    pub name: String,
    pub scope: Scope,
    pub rights: Rights,
    pub user_id: Option<UserId>,
    pub expires_at: Option<Time>,
}

impl NewKey {
    pub fn new(name: &str, scope: Scope) -> NewKey {
        NewKey {
            name: name.to_owned(),
            scope,
            rights: Rights::default(),
            user_id: None,
            expires_at: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("no randomness")]
    Randomness(#[source] anyhow::Error),
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// For operators, who need a key also where an organization has as many as it may have.
pub async fn create(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    new: NewKey,
) -> Result<MadeKey, CreateKeyError> {
    create_within(db, clock, org, new, i64::MAX).await
}

/// `maximum` is the bound on the organization's valid keys.
pub async fn create_within(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    new: NewKey,
    maximum: i64,
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
    organizations::store::lock(&mut tx, org).await?;
    let made = make(&mut tx, clock, org, new).await?;
    check_count(&mut tx, org, clock.now(), maximum).await?;
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
        rights: new.rights,
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

/// Call it after the change, with the organization locked: the keys that are then valid, the new one among them.
pub(super) async fn check_count(
    conn: &mut Conn,
    org: OrgId,
    now: Time,
    maximum: i64,
) -> Result<(), CreateKeyError> {
    let besides = store::count_valid(conn, org, now).await? - 1;
    Ok(Bound::ApiKeys.check(besides, 1, maximum)?)
}

pub(super) fn check_expiry(expires_at: Option<Time>, now: Time) -> Result<(), Invalid> {
    match expires_at {
        Some(end) if end <= now => {
            Err(Invalid::new("expires_at", end, "expires_at must be in the future"))
        }
        _ => Ok(()),
    }
}
