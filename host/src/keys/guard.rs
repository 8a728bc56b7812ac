//! Prevents an organization from locking itself out.
//!
//! Invariant: a key ends only if another admin key lasts at least as long as it would have.

use crate::db::Conn;
use crate::keys::store;
use crate::model::ids::OrgId;
use crate::model::key::{ApiKey, KeyState};
use crate::model::people::Scope;
use crate::model::time::Time;

/// Call it first in the transaction that ends the key: it locks the organization, so that two concurrent requests
/// cannot rely on each other's key.
pub(super) async fn is_last_admin(
    conn: &mut Conn,
    org: OrgId,
    key: &ApiKey,
    now: Time,
) -> Result<bool, sqlx::Error> {
    if key.scope != Scope::Admin || key.state(now) != KeyState::Active {
        return Ok(false);
    }
    let others = store::active_admins_besides(conn, org, key.id, now).await?;
    Ok(!others.iter().any(|other| lasts_as_long(*other, key.expires_at)))
}

/// `None` means forever.
fn lasts_as_long(other: Option<Time>, end: Option<Time>) -> bool {
    match (other, end) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(other), Some(end)) => other >= end,
    }
}
