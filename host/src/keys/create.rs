//! Makes an API key.

use crate::clock::Clock;
use crate::db::Db;
use crate::keys::{generate, key_hash, store};
use crate::model::ids::{KeyId, OrgId, UserId};
use crate::model::people::Scope;

/// A new key; `key` is the only copy of its text.
pub struct NewKey {
    pub id: KeyId,
    pub key: String,
}

pub async fn create(
    db: &Db,
    clock: &Clock,
    org: OrgId,
    name: &str,
    scope: Scope,
    user: Option<UserId>,
) -> anyhow::Result<NewKey> {
    let key = generate()?;
    let id: KeyId = clock.new_id();
    let mut tx = db.begin().await?;
    store::insert(&mut tx, org, id, name, &key_hash(&key), scope, user, clock.now()).await?;
    tx.commit().await?;
    Ok(NewKey { id, key })
}
