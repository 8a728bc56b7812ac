//! Makes a node ready for plugins: finds out whether it can run any, and prepares the installed ones.
//!
//! Invariant: `/readyz` says no until this node can run plugins and the installed ones are prepared, but waits for the
//! latter only so long; the rest is then prepared beside the requests.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::app::App;
use crate::plugins::compile::{prepare, request};
use crate::plugins::store::{self, StoredComponent};
use crate::runtime::CompilePriority;

/// The backoff of a node that cannot run plugins; it doubles.
const PROBE_PAUSE: Duration = Duration::from_secs(5);
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(60);

/// After a failed read of the database.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// How often a folder that could not be written is tried again.
const CACHE_EVERY: Duration = Duration::from_secs(30);

/// Components that are loaded at the same time; how many are compiled is the compiler's.
const AT_ONCE: usize = 4;

/// Components in all; the others are prepared when a request needs them.
const COMPONENTS_MAX: i64 = 10_000;

/// Call it before the server listens.
pub fn begin(app: &App) {
    app.node_health.set_starting(0, 0);
}

/// Probes until it succeeds, prepares the installed plugins, and then watches the folder of compiled plugins.
pub async fn run_forever(app: App) {
    let mut pause = PROBE_PAUSE;
    while !probe(&app).await {
        sleep(pause).await;
        pause = (2 * pause).min(PROBE_PAUSE_MAX);
    }
    prepare_installed(&app).await;
    loop {
        sleep(CACHE_EVERY).await;
        app.runtime.retry_cache().await;
    }
}

/// Finds out whether this node can run plugins. It is not ready if it cannot.
pub async fn probe(app: &App) -> bool {
    match app.runtime.probe().await {
        Ok(()) => {
            app.node_health.set_starting(0, 0);
            true
        }
        Err(error) => {
            let reason = error.reason();
            tracing::error!(%error, reason, "this node cannot run plugins; /readyz returns 503");
            app.node_health.set_broken(error);
            false
        }
    }
}

/// Prepares the installed plugins, those of the most installations first. The node is ready when all of them are, or
/// when the configured time is over; this returns when all of them are.
pub async fn prepare_installed(app: &App) {
    let deadline = Instant::now() + Duration::from_secs(app.config.compile.warm_up_s);
    let components = read_installed(app, deadline).await;
    let of = components.len();
    let (mut ready, mut bytes) = (0, 0);
    app.node_health.set_starting(0, of);
    let mut left = components.into_iter();
    let mut preparing = JoinSet::new();
    loop {
        // More than the folder holds would only delete what was prepared first.
        while preparing.len() < AT_ONCE
            && bytes < app.config.compile.cache_max_bytes
            && let Some(component) = left.next()
        {
            let priority = match Instant::now() < deadline {
                true => CompilePriority::Live,
                false => CompilePriority::Background,
            };
            preparing.spawn(prepare_one(app.clone(), component, priority));
        }
        let done = match Instant::now() < deadline {
            true => timeout_at(deadline, preparing.join_next()).await,
            false => Ok(preparing.join_next().await),
        };
        match done {
            Ok(Some(artifact_bytes)) => {
                if let Ok(Some(artifact_bytes)) = artifact_bytes {
                    ready += 1;
                    bytes += artifact_bytes;
                }
                if Instant::now() < deadline {
                    app.node_health.set_starting(ready, of);
                }
            }
            Ok(None) => break,
            Err(_) => {
                tracing::warn!(ready, of, "not all installed plugins are ready; serving without");
                app.node_health.set_ready();
            }
        }
    }
    app.node_health.set_ready();
    if of > 0 {
        tracing::info!(ready, of, "installed plugins are prepared");
    }
}

/// Returns the size of its compiled code, or `None` if it is not ready.
async fn prepare_one(
    app: App,
    component: StoredComponent,
    priority: CompilePriority,
) -> Option<u64> {
    let StoredComponent { digest, size_bytes } = component;
    match prepare(&app, &digest, request(priority, size_bytes)).await {
        Ok(prepared) => Some(prepared.artifact_bytes()),
        Err(error) => {
            tracing::warn!(digest, %error, "an installed plugin is not ready on this node");
            None
        }
    }
}

/// While the database does not answer, the node is not ready anyway.
async fn read_installed(app: &App, deadline: Instant) -> Vec<StoredComponent> {
    loop {
        let read = async {
            let mut conn = app.db.read().await?;
            store::installed_components(&mut conn, COMPONENTS_MAX).await
        };
        match read.await {
            Ok(components) => return components,
            Err(error) => {
                tracing::error!(?error, "the installed plugins could not be read");
                if Instant::now() >= deadline {
                    return Vec::new();
                }
                sleep(READ_PAUSE).await;
            }
        }
    }
}
