//! Deletes a plugin that no installation names. The bytes of its component go later, with the sweep.
//!
//! Invariant: the component is locked before the organization, as by an upload, so that the two never wait for each
//! other.

use crate::app::App;
use crate::auth::Caller;
use crate::installations;
use crate::model::ids::{InstallationId, PluginId};
use crate::organizations;
use crate::plugins::store;

/// The maximum number of installations that an error lists.
const LISTED_MAX: i64 = 100;

#[derive(Debug, thiserror::Error)]
pub enum DeletePluginError {
    #[error("plugin not found")]
    NotFound,
    #[error("The plugin {name} is installed and cannot be deleted; remove its installations first")]
    InUse { name: String, installations: Vec<InstallationId> },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn delete(app: &App, caller: &Caller, id: PluginId) -> Result<(), DeletePluginError> {
    let mut tx = app.db.begin().await?;
    let plugin = store::get_plugin(&mut tx, caller.org, id).await?;
    let plugin = plugin.ok_or(DeletePluginError::NotFound)?;
    store::release_component(&mut tx, &plugin.digest, app.clock.now()).await?;
    organizations::store::lock(&mut tx, caller.org).await?;
    let installations =
        installations::store::ids_of_plugin(&mut tx, caller.org, id, LISTED_MAX).await?;
    if !installations.is_empty() {
        return Err(DeletePluginError::InUse { name: plugin.name, installations });
    }
    // Another request may have deleted it before the lock.
    if !store::delete_plugin(&mut tx, caller.org, id).await? {
        return Err(DeletePluginError::NotFound);
    }
    tx.commit().await?;
    Ok(())
}
