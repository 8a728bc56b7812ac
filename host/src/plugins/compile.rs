//! Makes a component ready on this node: from memory, from the node's cache, or compiled from the
//! bytes in the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::app::App;
use crate::model::plugin::PluginState;
use crate::model::time::Time;
use crate::plugins::store;
use crate::runtime::{CompileError, Prepared};

/// How often a node looks for components that nobody compiles.
const RETAKE_EVERY: Duration = Duration::from_secs(30);

/// What is younger is on its way, here or on another node.
const RETAKE_AGE: Duration = Duration::from_secs(60);

/// How many are taken up at a time, one after the other.
const RETAKE_MAX: i64 = 1000;

/// Ready to run, however long it takes.
pub async fn prepare(app: &App, digest: &str) -> Result<Arc<Prepared>, CompileError> {
    app.runtime.prepare(digest, read_component(app.clone(), digest.to_owned())).await
}

async fn read_component(app: App, digest: String) -> Result<Bytes, CompileError> {
    let read = async {
        let mut conn = app.db.read().await?;
        store::component_bytes(&mut conn, &digest).await
    };
    match read.await {
        Ok(Some(bytes)) => Ok(bytes.into()),
        Ok(None) => Err(CompileError::Host { reason: "its stored bytes are missing".to_owned() }),
        Err(error) => {
            tracing::error!(digest, ?error, "a component could not be read");
            Err(CompileError::Host { reason: "its bytes could not be read".to_owned() })
        }
    }
}

/// Compiles an upload and records how it went. What this node cannot do now stays `compiling`, to be taken up again.
pub async fn compile_and_record(app: App, digest: String) {
    let started = Instant::now();
    let result = prepare(&app, &digest).await;
    let outcome = result.as_ref().map_or_else(CompileError::kind, |_| "ready");
    app.metrics.count_compile(outcome, started.elapsed());
    let (state, error) = match result {
        Ok(_) => (PluginState::Ready, None),
        Err(error) if error.is_components_fault() => (PluginState::Failed, Some(error.to_string())),
        Err(error) => {
            tracing::warn!(digest, %error, "a component is not compiled yet");
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

/// Takes up what is not compiled yet: what an earlier run of a node left unfinished, what found the queue full, what
/// failed through no fault of its own. One at a time; the runtime sees to it that nothing is tried too often.
pub async fn retake_forever(app: App) {
    retake(&app, app.clock.now()).await;
    loop {
        tokio::time::sleep(RETAKE_EVERY).await;
        retake(&app, app.clock.now() - RETAKE_AGE).await;
    }
}

/// One round: what was uploaded before that time.
pub async fn retake(app: &App, before: Time) {
    let digests = async {
        let mut conn = app.db.read().await?;
        store::compiling_digests(&mut conn, before, RETAKE_MAX).await
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
