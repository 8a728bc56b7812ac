//! Replaces a key by a new one of the same name, scope, rights and user.
//!
//! Invariant: both are valid for the overlap, so that clients can switch without an outage.

use std::time::Duration;

use crate::clock::Clock;
use crate::db::Db;
use crate::idempotency;
use crate::keys::create::{CreateKeyError, NewKey, check_count, check_expiry, make};
use crate::keys::{guard, store, views};
use crate::model::bound::LimitReached;
use crate::model::ids::{KeyId, OrgId};
use crate::model::invalid::Invalid;
use crate::model::key::{KeyState, MadeKey};
use crate::model::time::Time;
use crate::organizations;

pub const OVERLAP_HOURS_DEFAULT: i64 = 24;
pub const OVERLAP_HOURS_MAX: i64 = 168;

#[derive(Debug, thiserror::Error)]
pub enum RotateKeyError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("key not found")]
    NotFound,
    #[error("A key that is {} cannot be rotated; create a new one", state.as_str())]
    Ended { state: KeyState },
    #[error(
        "The new key would expire before the key that it replaces, and no other admin key is valid for as long; leave \
         out expires_at, or create another admin key first"
    )]
    LastAdmin,
    #[error("no randomness")]
    Randomness(#[source] anyhow::Error),
    #[error("{0}; a rotation with overlap_hours 0 is possible, since it ends the old key at once")]
    LimitReached(LimitReached),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<CreateKeyError> for RotateKeyError {
    fn from(error: CreateKeyError) -> Self {
        match error {
            CreateKeyError::Invalid(invalid) => RotateKeyError::Invalid(invalid),
            CreateKeyError::LimitReached(reached) => RotateKeyError::LimitReached(reached),
            CreateKeyError::Randomness(error) => RotateKeyError::Randomness(error),
            CreateKeyError::Database(error) => RotateKeyError::Database(error),
        }
    }
}

/// The old key expires after the overlap, or at its own expiry if that is sooner. The new one expires at
/// `expires_at`, or never. `maximum` is the bound on the organization's valid keys, in which both count during the
/// overlap.
pub async fn rotate(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    id: KeyId,
    overlap_hours: Option<i64>,
    expires_at: Option<Time>,
    maximum: i64,
) -> Result<MadeKey, RotateKeyError> {
    let hours = overlap_hours.unwrap_or(OVERLAP_HOURS_DEFAULT);
    let seconds = match u64::try_from(hours) {
        Ok(hours) if hours <= OVERLAP_HOURS_MAX as u64 => hours * 3600,
        _ => {
            let message = format!("overlap_hours must be from 0 to {OVERLAP_HOURS_MAX}");
            return Err(Invalid::new("overlap_hours", hours, message).into());
        }
    };
    let mut tx = db.begin().await?;
    organizations::store::lock(&mut tx, org).await?;
    let now = clock.now();
    check_expiry(expires_at, now)?;
    let old = store::get(&mut tx, org, id).await?.ok_or(RotateKeyError::NotFound)?;
    let state = old.state(now);
    if state != KeyState::Active {
        return Err(RotateKeyError::Ended { state });
    }
    let new = NewKey {
        name: old.name.clone(),
        scope: old.scope,
        rights: old.rights,
        user_id: old.user_id,
        expires_at,
    };
    let made = make(&mut tx, clock, org, new).await?;
    if guard::is_last_admin(&mut tx, org, &old, now).await? {
        return Err(RotateKeyError::LastAdmin);
    }
    let end = now + Duration::from_secs(seconds);
    let end = old.expires_at.map_or(end, |expires_at| expires_at.min(end));
    store::expire(&mut tx, org, id, end).await?;
    check_count(&mut tx, org, now, maximum).await?;
    idempotency::note(|| views::made_view(made.clone(), now).into());
    tx.commit().await?;
    Ok(made)
}
