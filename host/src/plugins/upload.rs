//! Uploads a component: inspects it, stores it by digest, and compiles it.
//!
//! Invariant: no code of the component runs.

use std::time::Duration;

use axum::body::Bytes;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::model::bound::{Bound, LimitReached};
use crate::model::ids::OrgId;
use crate::model::plugin::{Plugin, PluginState};
use crate::organizations;
use crate::plugins::compile::compile_and_record;
use crate::plugins::store;
use crate::runtime::{
    Busy, CompilePriority, CompileRequest, InspectError, Manifest, Runtime, SchemaError,
    SettingsError,
};

/// How long an upload waits for its compilation. Most compilations end sooner.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("{message}")]
    NotUsable { kind: &'static str, message: String, place: Option<String> },
    #[error("{0}")]
    SchemaUnchecked(SettingsError),
    #[error("Too many uploads of this {} are being checked; try again in a moment", .0.whose)]
    Busy(Busy),
    #[error("The plugin was deleted while this request uploaded it; try again")]
    Deleted,
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    #[error("inspecting the upload failed")]
    Inspection(#[from] tokio::task::JoinError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The result of an upload.
pub struct Uploaded {
    pub plugin: Plugin,
    /// False if the organization had this component already.
    pub is_new: bool,
}

pub async fn upload(app: &App, caller: &Caller, bytes: Bytes) -> Result<Uploaded, UploadError> {
    let digest = digest(bytes.clone()).await?;
    let known = {
        let mut conn = app.db.read().await?;
        let known = store::find_plugin(&mut conn, caller.org, &digest).await?;
        if known.is_none() {
            // Before the costly inspection; what counts is the check in the transaction.
            check_bounds(&mut conn, app, caller.org, bytes.len() as i64).await?;
        }
        known
    };
    // A stored plugin was inspected when it was uploaded, possibly before these bounds existed.
    let new = match known {
        Some(_) => None,
        None => Some(inspect(app, caller, &digest, bytes.clone()).await?),
    };
    let mut tx = app.db.begin().await?;
    let mut is_new = false;
    if let Some(plugin) = &new {
        // The component first: its bytes take a while, and the organization must not be locked as long.
        store::insert_component(&mut tx, &digest, &bytes, app.node.id, plugin.created_at).await?;
        organizations::store::lock(&mut tx, caller.org).await?;
        if store::find_plugin(&mut tx, caller.org, &digest).await?.is_none() {
            check_bounds(&mut tx, app, caller.org, plugin.size_bytes).await?;
            is_new = store::insert_plugin(&mut tx, caller.org, plugin).await?;
        }
    }
    store::retry_component(&mut tx, &digest, app.node.id).await?;
    let stored = store::find_plugin(&mut tx, caller.org, &digest).await?;
    tx.commit().await?;
    let stored = stored.ok_or(UploadError::Deleted)?;
    if stored.state != PluginState::Compiling {
        return Ok(Uploaded { plugin: stored, is_new });
    }
    let request = CompileRequest {
        priority: CompilePriority::Upload,
        organization: caller.org.0,
        component_bytes: bytes.len() as u64,
    };
    let compiling = tokio::spawn(compile_and_record(app.clone(), digest, request));
    // A timeout is not an error: the response then says `compiling`, and the compilation continues.
    let _ = tokio::time::timeout(WAIT, compiling).await;
    let mut conn = app.db.read().await?;
    let plugin = store::get_plugin(&mut conn, caller.org, stored.id).await?.unwrap_or(stored);
    Ok(Uploaded { plugin, is_new })
}

/// Checks whether the organization may have one more plugin, of this size.
async fn check_bounds(
    conn: &mut Conn,
    app: &App,
    org: OrgId,
    size_bytes: i64,
) -> Result<(), UploadError> {
    let bounds = &app.config.bounds;
    let totals = store::plugin_totals(conn, org).await?;
    Bound::Plugins.check(totals.count, 1, bounds.plugins_max)?;
    Bound::ComponentBytes.check(totals.bytes, size_bytes, bounds.components_max_bytes)?;
    Ok(())
}

/// Returns the SHA-256 in hex. Runs on a thread for blocking work, since the upload may be large.
async fn digest(bytes: Bytes) -> Result<String, UploadError> {
    Ok(tokio::task::spawn_blocking(move || hex::encode(Sha256::digest(&bytes))).await?)
}

/// Reads the component's metadata, and tests that settings can be checked against its schema.
async fn inspect(
    app: &App,
    caller: &Caller,
    digest: &str,
    bytes: Bytes,
) -> Result<Plugin, UploadError> {
    let size_bytes = bytes.len() as i64;
    let work = move || Runtime::inspect(&bytes);
    let inspected: Result<Manifest, InspectError> =
        app.runtime.inspection(caller.org.0, work).await.map_err(UploadError::Busy)??;
    let manifest = inspected?;
    let plugin = Plugin {
        id: app.clock.new_id(),
        digest: digest.to_owned(),
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        size_bytes,
        state: PluginState::Compiling,
        error: None,
        hooks: manifest.hooks.into(),
        wit: manifest.wit,
        checks_settings: manifest.checks_settings,
        permissions: manifest.permissions,
        settings_schema: manifest.settings_schema,
        created_at: app.clock.now(),
    };
    check_schema(app, caller, &plugin).await?;
    Ok(plugin)
}

/// Tests that settings can be checked against the schema. The inspection checked only its size and form.
async fn check_schema(app: &App, caller: &Caller, plugin: &Plugin) -> Result<(), UploadError> {
    let Some(schema) = &plugin.settings_schema else { return Ok(()) };
    let checked = app.runtime.check_schema(caller.org.0, schema).await;
    checked.map_err(|error| match error {
        SettingsError::Schema(error) => InspectError::SettingsSchema(error).into(),
        SettingsError::Busy(_) | SettingsError::Host { .. } => UploadError::SchemaUnchecked(error),
        SettingsError::TooCostly(_) | SettingsError::Settings { .. } => {
            let error = SchemaError { place: String::new(), reason: error.to_string() };
            InspectError::SettingsSchema(error).into()
        }
    })
}

impl From<InspectError> for UploadError {
    fn from(error: InspectError) -> Self {
        let place = match &error {
            InspectError::SettingsSchema(error) => Some(error.place.clone()),
            _ => None,
        };
        UploadError::NotUsable { kind: error.kind(), message: error.to_string(), place }
    }
}
