//! All SQL of api_keys.

use sqlx::FromRow;

use crate::db::Conn;
use crate::model::ids::{KeyId, OrgId, UserId};
use crate::model::people::Scope;
use crate::model::time::Time;
use crate::{execute, fetch_optional};

/// What a request needs to know of its key and its organization.
#[derive(Debug, FromRow)]
pub struct KeyRow {
    pub org_id: OrgId,
    pub key_id: KeyId,
    pub name: String,
    pub scope: Scope,
    pub user_id: Option<UserId>,
    pub user_name: Option<String>,
    pub revoked_at: Option<Time>,
    pub tier: String,
    pub plugins_revision: i64,
}

/// Across organizations by design: the hash is what tells the organization.
pub async fn find_by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<KeyRow>, sqlx::Error> {
    fetch_optional!(
        conn,
        KeyRow,
        "select k.org_id, k.id as key_id, k.name, k.scope, k.user_id, u.name as user_name, k.revoked_at,
                o.tier, o.plugins_revision
         from api_keys k
         join organizations o on o.id = k.org_id
         left join users u on u.org_id = k.org_id and u.id = k.user_id
         where k.hash = $1",
        hash
    )
}

#[allow(clippy::too_many_arguments)] // one a column
pub async fn insert(
    conn: &mut Conn,
    org: OrgId,
    id: KeyId,
    name: &str,
    hash: &[u8],
    scope: Scope,
    user: Option<UserId>,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into api_keys (org_id, id, name, hash, scope, user_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        org,
        id,
        name,
        hash,
        scope.as_str(),
        user,
        now
    )?;
    Ok(())
}

/// True when there was such a key that was not revoked yet.
pub async fn revoke(
    conn: &mut Conn,
    org: OrgId,
    id: KeyId,
    now: Time,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update api_keys set revoked_at = $3 where org_id = $1 and id = $2 and revoked_at is null",
        org,
        id,
        now
    )?;
    Ok(rows == 1)
}
