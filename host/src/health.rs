//! `/healthz` (is the process alive) and `/readyz` (should it get requests).
//!
//! Invariant: neither needs an API key, and both show only which check failed.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::db::Db;

/// A slower database counts as unavailable.
const DATABASE_MAX: Duration = Duration::from_secs(1);

/// `GET /healthz`: a process that can respond is alive.
pub async fn live() -> Response {
    answer(StatusCode::OK, json!({ "status": "ok" }))
}

/// `GET /readyz`: a 503 names the failed checks. It writes to the database only after a failed write, and then at
/// most once a second.
pub async fn ready(State(app): State<App>) -> Response {
    let (database, storage) = tokio::join!(
        tokio::time::timeout(DATABASE_MAX, check_database(&app.db)),
        app.db.check_storage(&app.clock),
    );
    let database = database
        .unwrap_or_else(|_| Err(format!("it did not answer within {} s", DATABASE_MAX.as_secs())));
    let ending = if app.shutdown.draining.is_cancelled() {
        Err("it is shutting down".to_owned())
    } else {
        Ok(())
    };
    let storage = storage.map_err(|trouble| trouble.to_string());
    let plugins = app.node_health.check();
    let is_ready = database.is_ok() && storage.is_ok() && plugins.is_ok() && ending.is_ok();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if is_ready { "ready" } else { "not ready" };
    answer(
        status,
        json!({ "status": word, "checks": {
            "database": shown(database), "storage": shown(storage), "plugins": shown_plugins(&app, plugins),
            "server": shown(ending),
        } }),
    )
}

async fn check_database(db: &Db) -> Result<(), String> {
    // The cause is only logged, because anyone may call this.
    db.check_schema().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the database does not answer");
        Err("it does not answer".to_owned())
    })
}

fn shown(check: Result<(), String>) -> Value {
    check.map_or_else(Value::String, |()| json!("ok"))
}

/// A node that can run plugins, though not all of them, is ready: a single plugin must not take it from the balancer.
fn shown_plugins(app: &App, check: Result<(), String>) -> Value {
    match check {
        Ok(()) => app.runtime.trouble().map_or_else(|| json!("ok"), Value::String),
        Err(reason) => Value::String(reason),
    }
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
