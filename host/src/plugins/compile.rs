//! Prepares a component on this node: from memory, from the node's disk cache, or by compiling the stored bytes.
//!
//! Invariant: a component stays `compiling` until it is ready or found faulty; only the component's own faults fail
//! it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

use crate::app::App;
use crate::model::excerpt::{MESSAGE_BYTES_MAX, storable};
use crate::model::plugin::PluginState;
use crate::model::time::Time;
use crate::plugins::store::{self, StoredComponent};
use crate::runtime::{CompileError, CompilePriority, CompileRequest, Prepared};

/// How often a node looks for unfinished compilations.
const RETRY_EVERY: Duration = Duration::from_secs(30);

/// Younger uploads are skipped: this node or another one is still compiling them.
const RETRY_MIN_AGE: Duration = Duration::from_secs(60);

/// The maximum number of components in one round; they are compiled one after the other.
const RETRY_MAX: i64 = 1000;

/// Of the components of one round, how many that this node failed to compile before.
const FAILING_MAX: usize = 8;

/// Returns the component ready to run. Waits for its compilation as long as that takes.
pub async fn prepare(
    app: &App,
    digest: &str,
    request: CompileRequest,
) -> Result<Arc<Prepared>, CompileError> {
    app.runtime.prepare(digest, request, read_component(app.clone(), digest.to_owned())).await
}

/// A request of the node itself, for no organization.
pub fn request(priority: CompilePriority, size_bytes: i64) -> CompileRequest {
    let component_bytes = u64::try_from(size_bytes).unwrap_or(0);
    CompileRequest { priority, organization: Uuid::nil(), component_bytes }
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

/// Compiles an upload and records the result. If this node cannot compile it now, it stays `compiling` and is
/// retried.
pub async fn compile_and_record(app: App, digest: String, request: CompileRequest) {
    let started = Instant::now();
    let result = prepare(&app, &digest, request).await;
    let outcome = result.as_ref().map_or_else(CompileError::kind, |_| "ready");
    app.metrics.count_compile(outcome, started.elapsed());
    let (state, error) = match result {
        Ok(_) => (PluginState::Ready, None),
        Err(error) if error.is_components_fault() => {
            (PluginState::Failed, Some(storable(error.to_string(), MESSAGE_BYTES_MAX)))
        }
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

/// Retries unfinished compilations: after a restart, a full queue, or a failure that was not the component's fault.
/// One at a time; the runtime limits how often a component is tried.
pub async fn retry_forever(app: App) {
    retry_unfinished(&app, app.clock.now()).await;
    loop {
        tokio::select! {
            () = tokio::time::sleep(RETRY_EVERY) => {}
            () = app.node.released.notified() => {}
        }
        retry_unfinished(&app, app.clock.now() - RETRY_MIN_AGE).await;
    }
}

/// Runs one round for components uploaded before the given time: those that this node failed to compile come last, and
/// only some of them, so that the others do not wait for them.
pub async fn retry_unfinished(app: &App, before: Time) {
    let components = async {
        let mut conn = app.db.read().await?;
        store::compiling_components(&mut conn, before, RETRY_MAX).await
    };
    match components.await {
        Ok(components) => {
            let attempts =
                |component: &StoredComponent| app.runtime.failed_attempts(&component.digest);
            let (fresh, mut failing): (Vec<_>, Vec<_>) =
                components.into_iter().partition(|component| attempts(component) == 0);
            failing.sort_by_key(attempts);
            for component in fresh.into_iter().chain(failing.into_iter().take(FAILING_MAX)) {
                let request = request(CompilePriority::Background, component.size_bytes);
                compile_and_record(app.clone(), component.digest, request).await;
            }
        }
        Err(error) => tracing::error!(?error, "unfinished compilations could not be read"),
    }
}
