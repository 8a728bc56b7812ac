//! `/healthz` and `/readyz`: does the process live, and should requests be sent to it?

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::db::Db;

/// A database that takes longer is as good as none.
const DATABASE_MAX: Duration = Duration::from_secs(1);

/// `GET /healthz`: it answers, so it lives.
pub async fn live() -> Response {
    answer(StatusCode::OK, json!({ "status": "ok" }))
}

/// `GET /readyz`: 503 names the checks that failed. It writes nothing unless a write failed before, and then once a
/// second at most, however many ask.
pub async fn ready(State(app): State<App>) -> Response {
    let (database, storage) = tokio::join!(
        tokio::time::timeout(DATABASE_MAX, check_database(&app.db)),
        app.db.check_storage(&app.clock),
    );
    let database = database
        .unwrap_or_else(|_| Err(format!("it did not answer within {} s", DATABASE_MAX.as_secs())));
    let ending =
        if app.ending.has_begun() { Err("it is shutting down".to_owned()) } else { Ok(()) };
    let storage = storage.map_err(|trouble| trouble.to_string());
    let is_ready = database.is_ok() && storage.is_ok() && ending.is_ok();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if is_ready { "ready" } else { "not ready" };
    answer(
        status,
        json!({ "status": word, "checks": {
            "database": shown(database), "storage": shown(storage), "server": shown(ending),
        } }),
    )
}

async fn check_database(db: &Db) -> Result<(), String> {
    // What went wrong with it is for the log; anyone may ask here.
    let missing = db.missing_migrations().await.map_err(|error| {
        tracing::warn!(%error, "the database does not answer");
        "it does not answer".to_owned()
    })?;
    match missing {
        0 => Ok(()),
        1 => Err("1 migration is missing".to_owned()),
        n => Err(format!("{n} migrations are missing")),
    }
}

fn shown(check: Result<(), String>) -> Value {
    check.map_or_else(Value::String, |()| json!("ok"))
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
