//! Makes a component ready on this node: from memory, from the node's cache, or compiled from the
//! bytes in the database.

use std::sync::Arc;

use crate::app::App;
use crate::model::plugin::PluginState;
use crate::plugins::store;
use crate::runtime::{CompileError, Prepared};

/// Why a component cannot be had now.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("the component's bytes are gone")]
    Missing,
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Ready to run, however long it takes.
pub async fn prepare(app: &App, digest: &str) -> Result<Arc<Prepared>, PrepareError> {
    if let Some(prepared) = app.runtime.loaded(digest) {
        return Ok(prepared);
    }
    let mut conn = app.db.read().await?;
    let bytes = store::component_bytes(&mut conn, digest).await?.ok_or(PrepareError::Missing)?;
    drop(conn);
    Ok(app.runtime.compile(digest, bytes.into()).await?)
}

/// Compiles an upload and records how it went. Runs in the background; a node that starts does it again
/// for what it finds still `compiling`.
pub async fn compile_and_record(app: App, digest: String) {
    let started = std::time::Instant::now();
    let result = prepare(&app, &digest).await;
    app.metrics.count_compile(if result.is_ok() { "ready" } else { "failed" }, started.elapsed());
    let (state, error) = match result {
        Ok(_) => (PluginState::Ready, None),
        Err(PrepareError::Compile(
            error @ (CompileError::Unusable { .. } | CompileError::TimedOut { .. }),
        )) => (PluginState::Failed, Some(error.to_string())),
        Err(error) => {
            tracing::error!(digest, error = ?anyhow::Error::from(error), "a component could not be compiled");
            return;
        }
    };
    if let Err(error) = record(&app, &digest, state, error.as_deref()).await {
        tracing::error!(digest, ?error, "the state of a component could not be recorded");
    }
}

async fn record(
    app: &App,
    digest: &str,
    state: PluginState,
    error: Option<&str>,
) -> Result<(), sqlx::Error> {
    let mut tx = app.db.begin().await?;
    store::set_component_state(&mut tx, digest, state, error).await?;
    tx.commit().await
}

/// Takes up what an earlier run of a node left unfinished.
pub async fn resume(app: App) {
    let digests = async {
        let mut conn = app.db.read().await?;
        store::compiling_digests(&mut conn).await
    };
    match digests.await {
        Ok(digests) => {
            for digest in digests {
                compile_and_record(app.clone(), digest).await;
            }
        }
        Err(error) => tracing::error!(?error, "unfinished compilations could not be read"),
    }
}
