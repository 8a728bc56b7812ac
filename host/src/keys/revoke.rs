//! Revokes a key immediately.

use crate::clock::Clock;
use crate::db::Db;
use crate::keys::{guard, store};
use crate::model::ids::{KeyId, OrgId};
use crate::organizations;

#[derive(Debug, thiserror::Error)]
pub enum RevokeKeyError {
    #[error("key not found")]
    NotFound,
    #[error(
        "Without this key the organization would have no admin key, or only one that expires earlier; create another \
         admin key first"
    )]
    LastAdmin,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Whether the organization may be left without an admin key. Only an operator of the server may do that, who can
/// create another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LastAdmin {
    Keep,
    MayGo,
}

/// Revoking a revoked key changes nothing.
pub async fn revoke(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    id: KeyId,
    last: LastAdmin,
) -> Result<(), RevokeKeyError> {
    let mut tx = db.begin().await?;
    organizations::store::lock(&mut tx, org).await?;
    let now = clock.now();
    let key = store::get(&mut tx, org, id).await?.ok_or(RevokeKeyError::NotFound)?;
    if last == LastAdmin::Keep && guard::is_last_admin(&mut tx, org, &key, now).await? {
        return Err(RevokeKeyError::LastAdmin);
    }
    store::revoke(&mut tx, org, id, now).await?;
    tx.commit().await?;
    Ok(())
}
